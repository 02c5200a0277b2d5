//! One event of a watch. Pure.

use super::slice::{Metadata, Slice};
use fetch::Trouble;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What an event says.
#[derive(Debug)]
pub(super) enum Event {
    /// The slice is there, new or changed.
    There(Slice),
    /// It is gone.
    Gone { name: String, version: String },
    /// Nothing, but that the watch has come as far as this version.
    Bookmark(String),
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// What a refusal looks like in the middle of a watch (`Status`).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
}

#[derive(Deserialize)]
struct Named {
    metadata: Metadata,
}

impl Event {
    /// Reads one line. A refusal, such as 410 for a version that is too old, is an error like any other refusal.
    pub(super) fn read(line: &[u8]) -> Result<Self, Trouble> {
        let bad = |error| Trouble::json("watch event", &error);
        let line: Line<'_> = serde_json::from_slice(line).map_err(bad)?;
        let object = line.object.get();
        match &*line.kind {
            "ADDED" | "MODIFIED" => serde_json::from_str(object).map(Self::There).map_err(bad),
            "DELETED" => {
                let Named { metadata } = serde_json::from_str(object).map_err(bad)?;
                Ok(Self::Gone { name: metadata.name, version: metadata.resource_version })
            }
            "BOOKMARK" => {
                let Named { metadata } = serde_json::from_str(object).map_err(bad)?;
                Ok(Self::Bookmark(metadata.resource_version))
            }
            "ERROR" => {
                let status: Status = serde_json::from_str(object).map_err(bad)?;
                Err(Trouble::refused(status.code, &status.message, None))
            }
            _ => Err(Trouble::Garbled("a watch event of an unknown type".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_of_event_is_understood() {
        let there = Event::read(
            br#"{"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"5"},"addressType":"IPv4"}}"#,
        );
        assert!(matches!(there, Ok(Event::There(slice)) if slice.metadata.resource_version == "5"));
        let gone =
            Event::read(br#"{"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"6"}}}"#);
        assert!(matches!(gone, Ok(Event::Gone { name, version }) if name == "a" && version == "6"));
        let mark = Event::read(
            br#"{"type":"BOOKMARK","object":{"kind":"EndpointSlice","metadata":{"resourceVersion":"9","creationTimestamp":null}}}"#,
        );
        assert!(matches!(mark, Ok(Event::Bookmark(version)) if version == "9"));
        let error = Event::read(
            br#"{"type":"ERROR","object":{"kind":"Status","status":"Failure","message":"too old resource version: 1 (9)","reason":"Expired","code":410}}"#,
        );
        assert_eq!(error.unwrap_err().status(), Some(410));
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        for line in [
            &b"null"[..],
            b"{}",
            b"{\"type\":\"ADDED\"}",
            b"{\"type\":\"NEW\",\"object\":{}}",
            b"\xff",
            b"[[[[",
        ] {
            assert!(matches!(Event::read(line), Err(Trouble::Garbled(_))), "{line:?}");
        }
    }
}
