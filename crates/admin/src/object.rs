//! A body that is to be a JSON object: read, or refused with an example.

use crate::answer::Problem;
use crate::edit;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Reads a body that is to be an object like the example.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    // An array would be read as the members of the object in a row, which nobody means.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let read = is_object.then(|| serde_json::from_slice(body)).transpose();
    let why = match read {
        Ok(Some(read)) => return Ok(read),
        Ok(None) => "The body is no JSON object.".to_owned(),
        Err(why) => format!("The body cannot be read: {}.", edit::shown(&why.to_string())),
    };
    Err(edit::bad(format!("{why} Send {example}."), json!([])))
}
