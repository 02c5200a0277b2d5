//! The engine's events, as far as they say that a container of ours has ended. Pure.

use super::container::Container;
use super::recipe::{NAME, SERVICE};
use fetch::Trouble;
use serde::Deserialize;
use std::collections::HashMap;

/// A container that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The engine's id of it.
    pub id: Box<str>,
    /// The name of the instance.
    pub name: Box<str>,
    /// Its service.
    pub service: Box<str>,
    /// The exit status of its first process; 128 and the number for a signal.
    pub code: Option<i64>,
}

/// What is told.
#[derive(Debug)]
pub enum News<'a> {
    /// All containers of ours that run: at the beginning, and whenever events may have been missed. One that is not
    /// among them has ended.
    Running(&'a [Container]),
    /// One has ended.
    Ended(&'a Ended),
    /// The engine cannot be followed: containers live on meanwhile. Told when it begins, and when its cause changes.
    Trouble(&'a Trouble),
    /// It is followed again.
    Well,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "Type", default)]
    kind: String,
    #[serde(rename = "Action", default)]
    action: String,
    #[serde(rename = "Actor")]
    actor: Option<Actor>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: Box<str>,
    #[serde(rename = "Attributes", default)]
    attributes: HashMap<String, String>,
}

/// Reads one line; `None`: an event of another kind.
pub(super) fn read(line: &[u8]) -> Result<Option<Ended>, Trouble> {
    let line: Line = serde_json::from_slice(line).map_err(|error| Trouble::json("event", &error))?;
    // Docker says `die`, Podman says `died` beside it.
    if line.kind != "container" || !matches!(&*line.action, "die" | "died") {
        return Ok(None);
    }
    Ok(line.actor.and_then(|Actor { id, attributes }| {
        let label = |key: &str| attributes.get(key).map(|value| Box::from(value.as_str()));
        let code = ["exitCode", "containerExitCode"].iter().find_map(|&key| attributes.get(key));
        Some(Ended {
            id,
            name: label(NAME)?,
            service: label(SERVICE)?,
            code: code.and_then(|code| code.parse().ok()),
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_container_is_read_with_its_exit_status() {
        let line = br#"{"status":"die","id":"abc","Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"exitCode":"137","image":"shop","tidegate.name":"shop-1","tidegate.service":"shop"}},"scope":"local","time":1,"timeNano":1}"#;
        let expected =
            Ended { id: "abc".into(), name: "shop-1".into(), service: "shop".into(), code: Some(137) };
        assert_eq!(read(line), Ok(Some(expected)));
    }

    #[test]
    fn other_events_say_nothing() {
        for line in [
            &br#"{"Type":"container","Action":"start","Actor":{"ID":"abc","Attributes":{}}}"#[..],
            br#"{"Type":"network","Action":"die","Actor":{"ID":"abc","Attributes":{}}}"#,
            br#"{"Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"exitCode":"1"}}}"#,
            br#"{"Type":"container","Action":"die"}"#,
            b"{}",
        ] {
            assert_eq!(read(line), Ok(None));
        }
        assert!(matches!(read(b"[1]"), Err(Trouble::Garbled(_))));
    }
}
