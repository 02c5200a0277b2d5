//! Fetching an image: which one is asked for, and what the engine says while it does. Pure.

use fetch::Trouble;
use serde::Deserialize;

/// The query of `POST /images/create`. Without a tag the engine would fetch all of them.
pub(super) fn pull_query(image: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("fromImage", image);
    // A colon before the last slash belongs to the registry's port.
    let last = image.rsplit('/').next().unwrap_or(image);
    if !last.contains([':', '@']) {
        query.append_pair("tag", "latest");
    }
    query.finish()
}

/// One line of progress. An engine that has begun with 200 says only here that it failed.
pub(super) fn progress(line: &[u8]) -> Result<(), Trouble> {
    #[derive(Deserialize)]
    struct Line {
        error: Option<String>,
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| Trouble::json("progress", &error))?;
    line.error.map_or(Ok(()), |error| Err(Trouble::refused(500, &error, None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_tag_is_its_latest_one() {
        for (image, query) in [
            ("shop", "fromImage=shop&tag=latest"),
            ("shop:1.4", "fromImage=shop%3A1.4"),
            ("registry.test:5000/shop", "fromImage=registry.test%3A5000%2Fshop&tag=latest"),
            ("a/b/shop@sha256:00", "fromImage=a%2Fb%2Fshop%40sha256%3A00"),
        ] {
            assert_eq!(pull_query(image), query);
        }
    }

    #[test]
    fn a_failure_in_the_middle_of_the_progress_is_one() {
        assert_eq!(progress(br#"{"status":"Pulling from library/shop","id":"latest"}"#), Ok(()));
        let failed = progress(br#"{"errorDetail":{"message":"no space"},"error":"no space left"}"#);
        assert_eq!(failed.unwrap_err().to_string(), "answered 500: no space left");
    }
}
