//! `Cache-Status` (RFC 9211): what the cache did, for whoever looks at an answer.
//!
//! *Promise*: what is written is a member of a list of structured fields (RFC 9651), whatever the name is.
//! *Cost*: one line written, into the block of the head where there was none.

use crate::Reason;
use message::{Fields, Name, StatusCode, is_token_byte};
use std::io::Write as _;

/// The largest integer of a structured field (RFC 9651 section 3.3.1).
const LARGEST: i64 = 999_999_999_999_999;

/// What the cache did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It had the answer: `hit; ttl=..`, with `detail` where it was stale.
    Hit {
        /// Seconds it stays fresh; negative: how long it has been stale.
        ttl: i64,
        /// It came from the disk.
        from_disk: bool,
    },
    /// It asked the origin: `fwd=..; fwd-status=..; stored; collapsed; ttl=..; detail=..`.
    Forwarded {
        /// Why.
        why: Reason,
        /// The origin's status, where it is not that of the answer.
        status: Option<StatusCode>,
        /// Is the answer kept? Why not?
        stored: Result<i64, Reason>,
        /// The request waited for the fetch of another.
        collapsed: bool,
    },
}

/// Adds the member of this cache behind those of caches nearer to the origin. `name`: a token, or it is quoted.
pub fn tell(fields: &mut Fields, name: &str, told: &Told) {
    // One line, since many who read it look at the first one only.
    let before =
        fields.all(Name::CacheStatus).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(&b", "[..]);
    fields.remove(Name::CacheStatus);
    fields.add_with(Name::CacheStatus, |out| {
        if !before.is_empty() {
            out.extend_from_slice(&before);
            out.extend_from_slice(b", ");
        }
        bare_item(out, name);
        match *told {
            Told::Hit { ttl, from_disk } => hit(out, ttl, from_disk),
            Told::Forwarded { why, status, stored, collapsed } => {
                forwarded(out, why, status, stored, collapsed);
            }
        }
    });
}

fn hit(out: &mut Vec<u8>, ttl: i64, from_disk: bool) {
    out.extend_from_slice(b"; hit");
    integer(out, "ttl", ttl);
    let stale = (ttl <= 0).then_some("stale");
    detail(out, stale, from_disk.then_some("disk"));
}

fn forwarded(
    out: &mut Vec<u8>,
    why: Reason,
    status: Option<StatusCode>,
    stored: Result<i64, Reason>,
    collapsed: bool,
) {
    let forward = forward(why);
    if let Some((token, _)) = forward {
        out.extend_from_slice(b"; fwd=");
        out.extend_from_slice(token.as_bytes());
    }
    if let Some(status) = status {
        integer(out, "fwd-status", i64::from(status.as_u16()));
    }
    if stored.is_ok() {
        out.extend_from_slice(b"; stored");
    }
    if collapsed {
        out.extend_from_slice(b"; collapsed");
    }
    if let Ok(ttl) = stored {
        integer(out, "ttl", ttl);
    }
    let why_forwarded = match forward {
        Some((_, SaysAll::Yes)) => None,
        _ => Some(why.label()),
    };
    let why_not_kept = stored.err().filter(|reason| *reason != why).map(Reason::label);
    detail(out, why_forwarded, why_not_kept);
}

/// Does the word for it in `fwd` say all that its own label does?
enum SaysAll {
    Yes,
    No,
}

/// The word for it in `fwd` (RFC 9211 section 2.2). `None`: nothing was sent on.
fn forward(why: Reason) -> Option<(&'static str, SaysAll)> {
    use SaysAll::{No, Yes};
    Some(match why {
        Reason::Method => ("method", Yes),
        Reason::Miss => ("uri-miss", Yes),
        Reason::VaryMiss => ("vary-miss", Yes),
        Reason::Stale => ("stale", Yes),
        Reason::Upgrade | Reason::RequestBody | Reason::RequestConditions => ("bypass", No),
        Reason::NoCache | Reason::Purged => ("stale", No),
        Reason::RequestNoStore | Reason::RequestWantsNewer => ("request", No),
        Reason::Partial => ("partial", Yes),
        Reason::OnlyIfCached => return None,
        // Something is or was there, or could not be: which, the detail says.
        _ => ("miss", No),
    })
}

/// `detail` (section 2.8): a token for one word, a string for two.
fn detail(out: &mut Vec<u8>, first: Option<&str>, second: Option<&str>) {
    match (first, second) {
        (None, None) => {}
        (Some(word), None) | (None, Some(word)) => {
            out.extend_from_slice(b"; detail=");
            bare_item(out, word);
        }
        (Some(first), Some(second)) => {
            out.extend_from_slice(b"; detail=");
            bare_item(out, &format!("{first}, {second}"));
        }
    }
}

fn integer(out: &mut Vec<u8>, key: &str, value: i64) {
    // Writing into memory does not fail.
    let _ = write!(out, "; {key}={}", value.clamp(-LARGEST, LARGEST));
}

/// A token where it is one (RFC 9651 section 3.3.4), else a string, in which what is not ASCII becomes `?`.
fn bare_item(out: &mut Vec<u8>, text: &str) {
    let is_token = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '*')
        && text.bytes().all(|b| is_token_byte(b) || matches!(b, b':' | b'/'));
    if is_token {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend_from_slice(&[b'\\', char as u8]),
            ' '..='~' => out.push(char as u8),
            _ => out.push(b'?'),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{fields, text};
    use crate::structured;
    use proptest::prelude::*;

    fn told(before: &[(&str, &str)], name: &str, told: &Told) -> String {
        let mut fields = fields(before);
        tell(&mut fields, name, told);
        let lines: Vec<_> = fields.all(Name::CacheStatus).map(text).collect();
        lines.join(" | ")
    }

    fn forwarded(why: Reason, stored: Result<i64, Reason>) -> Told {
        Told::Forwarded { why, status: None, stored, collapsed: false }
    }

    #[test]
    fn each_thing_that_happens_has_its_line() {
        for (what, want) in [
            (Told::Hit { ttl: 30, from_disk: false }, "tidegate; hit; ttl=30"),
            (Told::Hit { ttl: 30, from_disk: true }, "tidegate; hit; ttl=30; detail=disk"),
            (Told::Hit { ttl: 0, from_disk: false }, "tidegate; hit; ttl=0; detail=stale"),
            (Told::Hit { ttl: -7, from_disk: true }, "tidegate; hit; ttl=-7; detail=\"stale, disk\""),
            (
                Told::Hit { ttl: i64::MIN, from_disk: false },
                "tidegate; hit; ttl=-999999999999999; detail=stale",
            ),
            (forwarded(Reason::Miss, Ok(60)), "tidegate; fwd=uri-miss; stored; ttl=60"),
            (forwarded(Reason::Miss, Err(Reason::NoStore)), "tidegate; fwd=uri-miss; detail=no_store"),
            (forwarded(Reason::VaryMiss, Ok(0)), "tidegate; fwd=vary-miss; stored; ttl=0"),
            (forwarded(Reason::Method, Err(Reason::Method)), "tidegate; fwd=method"),
            (
                forwarded(Reason::RequestBody, Err(Reason::RequestBody)),
                "tidegate; fwd=bypass; detail=request_body",
            ),
            (
                forwarded(Reason::RequestWantsNewer, Ok(5)),
                "tidegate; fwd=request; stored; ttl=5; detail=request_wants_newer",
            ),
            (
                forwarded(Reason::Purged, Err(Reason::Private)),
                "tidegate; fwd=stale; detail=\"purged, private\"",
            ),
            (
                forwarded(Reason::Uncacheable, Err(Reason::Cookies)),
                "tidegate; fwd=miss; detail=\"uncacheable, cookies\"",
            ),
            (forwarded(Reason::OnlyIfCached, Err(Reason::OnlyIfCached)), "tidegate; detail=only_if_cached"),
            (
                Told::Forwarded {
                    why: Reason::Stale,
                    status: Some(StatusCode::NOT_MODIFIED),
                    stored: Ok(9),
                    collapsed: true,
                },
                "tidegate; fwd=stale; fwd-status=304; stored; collapsed; ttl=9",
            ),
        ] {
            assert_eq!(told(&[], "tidegate", &what), want);
        }
    }

    #[test]
    fn the_cache_nearest_to_the_client_is_last() {
        let hit = Told::Hit { ttl: 1, from_disk: false };
        let before = &[("Cache-Status", "origin; hit"), ("Foo", "1"), ("cache-status", "shield; fwd=stale")];
        assert_eq!(told(before, "edge", &hit), "origin; hit, shield; fwd=stale, edge; hit; ttl=1");
        assert_eq!(told(&[("Cache-Status", "")], "edge", &hit), "edge; hit; ttl=1");
    }

    #[test]
    fn a_name_that_is_no_token_is_quoted() {
        let hit = Told::Hit { ttl: 1, from_disk: false };
        for (name, want) in [
            ("edge.example:8080/a", "edge.example:8080/a"),
            ("*x", "*x"),
            ("1edge", "\"1edge\""),
            ("my edge", "\"my edge\""),
            ("a\"\\\u{fc}\n", "\"a\\\"\\\\??\""),
            ("", "\"\""),
        ] {
            assert_eq!(told(&[], name, &hit), format!("{want}; hit; ttl=1"));
        }
    }

    proptest! {
        #[test]
        fn every_line_is_a_structured_field(name in ".{0,8}", why in 0..Reason::ALL.len(), kept in 0..Reason::ALL.len(), ttl in any::<i64>()) {
            for stored in [Ok(ttl), Err(Reason::ALL[kept])] {
                let told = told(&[], &name, &forwarded(Reason::ALL[why], stored));
                // An item with parameters is a member of a dictionary as well.
                let member = format!("a={told}");
                prop_assert_eq!(structured::dictionary(member.as_bytes(), |_, _| {}), Some(1), "{}", member);
            }
        }
    }
}
