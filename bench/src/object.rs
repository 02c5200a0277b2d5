//! What caches are filled with: an object for each path, which tells its length, its tag and its number.
//!
//! Its body begins with its path and with when the source gave it out, so that whoever gets it sees whether it is the
//! right one, and how old. *Not here*: who gives it out ([`source`](crate::source)) and who asks for it
//! ([`closedloop`](crate::closedloop)).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest body there is: as much as a test of a cache may want at most.
pub const LONGEST: u64 = 1 << 30;

/// An object, and its path when it is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// The length of its body.
    pub bytes: u64,
    /// What it may be purged by.
    pub tag: &'a str,
    /// Which it is of all that are alike.
    pub number: u64,
}

impl<'a> Object<'a> {
    /// The object at that path; `None` where there is none.
    pub fn at(path: &'a str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let bytes = parts.next()?.parse().ok().filter(|bytes| *bytes <= LONGEST)?;
        let (tag, number) = (parts.next()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(Self { bytes, tag, number })
    }
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}/{}", self.bytes, self.tag, self.number)
    }
}

/// Nanoseconds since 1970: the same on both ends of a connection within this machine.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// What a body begins with that is given out at `now`. A body that is shorter begins with as much of it.
pub fn label(path: &str, now: u64) -> String {
    format!("{path} {now}\n")
}

/// When the source gave out this body; `None` where it is not the one of `path`.
pub fn given_out(body: &[u8], path: &str) -> Option<u64> {
    let rest = body.strip_prefix(path.as_bytes())?.strip_prefix(b" ")?;
    let end = memchr::memchr(b'\n', rest)?;
    str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_length_tag_and_number() {
        let object = Object { bytes: 1024, tag: "a", number: 7 };
        assert_eq!(object.to_string(), "/1024/a/7");
        assert_eq!(Object::at("/1024/a/7"), Some(object));
        for path in ["/", "/1024/a", "/1024/a/7/", "/x/a/7", "/1024/a/b", "1024/a/7", "/99999999999/a/7"] {
            assert_eq!(Object::at(path), None, "{path}");
        }
    }

    #[test]
    fn a_body_is_known_by_its_path_and_tells_when_it_was_given_out() {
        let body = label("/64/a/7", 123) + "xxx";
        assert_eq!(given_out(body.as_bytes(), "/64/a/7"), Some(123));
        for other in ["/64/a/70", "/64/a/", "/64/b/7"] {
            assert_eq!(given_out(body.as_bytes(), other), None, "{other}");
        }
        assert_eq!(given_out(b"/64/a/7 12", "/64/a/7"), None, "cut off");
    }
}
