//! Entity tags and lists of them (RFC 9110 section 8.8.3).
//!
//! *Promise*: commas and backslashes inside the quotes are part of a tag; a tag without quotes, which some origins send and get
//! back, is equal to the same text weakly, never strongly. Linear, no allocation.

use crate::lists;
use message::{Fields, Name};

/// An entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Etag<'a> {
    /// It may stand for bodies that differ in a byte.
    is_weak: bool,
    /// What stands behind `W/`, its quotes included.
    opaque: &'a [u8],
}

impl<'a> Etag<'a> {
    /// The one of a response. `None` where it has none, or several that differ.
    pub(crate) fn of(fields: &'a Fields) -> Option<Self> {
        let mut lines = fields.all(Name::Etag);
        let first = lines.next()?;
        if lines.any(|line| line != first) {
            return None;
        }
        Self::read(first)
    }

    /// One, and nothing beside it.
    pub(crate) fn read(text: &'a [u8]) -> Option<Self> {
        let (tag, rest) = first(lists::trim(text))?;
        rest.is_empty().then_some(tag)
    }

    /// Strong comparison (section 8.8.3.2): both are strong, and the same.
    pub(crate) fn is(self, other: Self) -> bool {
        self.is_strong() && other.is_strong() && self.opaque == other.opaque
    }

    /// Weak comparison: the same, but for how strong they are.
    pub(crate) fn is_like(self, other: Self) -> bool {
        self.opaque == other.opaque
    }

    /// Does it stand for one sequence of bytes?
    pub(crate) fn is_strong(self) -> bool {
        !self.is_weak && self.opaque.first() == Some(&b'"')
    }
}

/// The tags of a list.
pub(crate) fn tags(line: &[u8]) -> impl Iterator<Item = Etag<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', more @ ..] = rest {
            rest = more;
        }
        let (tag, more) = first(rest)?;
        rest = more;
        Some(tag)
    })
}

/// The tag at the beginning, and what is behind it.
fn first(text: &[u8]) -> Option<(Etag<'_>, &[u8])> {
    let (is_weak, plain) = match text.strip_prefix(b"W/") {
        Some(rest) if rest.first() == Some(&b'"') => (true, rest),
        _ => (false, text),
    };
    if let Some(inside) = plain.strip_prefix(b"\"")
        && let Some(end) = inside.iter().position(|b| *b == b'"')
    {
        let (opaque, rest) = plain.split_at(end + 2);
        let rest = lists::trim(rest);
        if rest.first().is_none_or(|b| *b == b',') {
            return Some((Etag { is_weak, opaque }, rest));
        }
    }
    // No quotes, or none that close before the next tag: the text up to a comma stands for itself.
    let end = text.iter().position(|b| *b == b',').unwrap_or(text.len());
    let opaque = lists::trim(&text[..end]);
    (!opaque.is_empty()).then_some((Etag { is_weak: true, opaque }, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::fields;
    use proptest::prelude::*;

    #[test]
    fn tags_are_compared_strongly_and_weakly() {
        // RFC 9110 section 8.8.3.2.
        for (one, other, strongly, weakly) in [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
            (r#""1""#, r#""2""#, false, false),
            ("1", r#""1""#, false, false),
            ("1", "1", false, true),
            // Only a capital W makes weak.
            (r#"w/"1""#, r#""1""#, false, false),
        ] {
            let (a, b) = (Etag::read(one.as_bytes()).unwrap(), Etag::read(other.as_bytes()).unwrap());
            assert_eq!((a.is(b), a.is_like(b)), (strongly, weakly), "{one} {other}");
            assert_eq!((b.is(a), b.is_like(a)), (strongly, weakly), "{other} {one}");
        }
    }

    #[test]
    fn lists_are_taken_apart_outside_the_quotes() {
        let read = |line: &'static str| {
            tags(line.as_bytes())
                .map(|t| (t.is_weak, std::str::from_utf8(t.opaque).unwrap()))
                .collect::<Vec<_>>()
        };
        assert_eq!(read(""), []);
        assert_eq!(read(" ,, "), []);
        assert_eq!(read(r#""a""#), [(false, r#""a""#)]);
        assert_eq!(
            read(r#""a,b" ,W/"c\", "d""#),
            [(false, r#""a,b""#), (true, r#""c\""#), (false, r#""d""#)]
        );
        assert_eq!(read(r#"a, "b"#), [(true, "a"), (true, r#""b"#)]);
        assert_eq!(read(r#""a"x, "b""#), [(true, r#""a"x"#), (false, r#""b""#)]);
    }

    #[test]
    fn a_response_has_one_tag_or_none() {
        assert!(Etag::of(&fields(&[])).is_none());
        assert!(Etag::of(&fields(&[("ETag", "\"a\""), ("ETag", "\"b\"")])).is_none());
        assert!(Etag::of(&fields(&[("ETag", "\"a\", \"b\"")])).is_none());
        assert!(Etag::of(&fields(&[("ETag", "\"a\""), ("ETag", "\"a\"")])).is_some());
    }

    proptest! {
        #[test]
        fn any_list_is_read_to_its_end(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(tags(&line).count() <= line.len());
        }
    }
}
