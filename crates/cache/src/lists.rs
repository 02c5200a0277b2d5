//! Comma-separated lists whose members may hold quoted strings (RFC 9110 sections 5.6.1 and 5.6.4).
//!
//! *Promise*: a comma inside a quoted string ends no member. A quote that is never closed is a character like others, from there
//! to the end of the line: a sender's slip must not hide a `no-store` behind it. Linear, whatever comes; nothing is allocated but
//! for a quoted string with escapes.
//! *Not here*: entity tags, whose quotes know no escapes (`etag`).

use std::borrow::Cow;

/// The members of one line, without white space around them and without empty ones.
pub(crate) fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    pieces(line).filter(|piece| !piece.is_empty())
}

/// What stands between commas, without white space around it, empty or not.
pub(crate) fn pieces(line: &[u8]) -> Pieces<'_> {
    Pieces { rest: Some(line), quotes_count: true }
}

/// What stands between commas.
pub(crate) struct Pieces<'a> {
    rest: Option<&'a [u8]>,
    quotes_count: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let end = self.end(rest);
        self.rest = rest.get(end + 1..);
        Some(trim(&rest[..end]))
    }
}

impl Pieces<'_> {
    /// Where the first piece ends: at a comma, or at the end of the line.
    fn end(&mut self, rest: &[u8]) -> usize {
        let mut at = 0;
        while let Some(&byte) = rest.get(at) {
            match byte {
                b',' => break,
                b'"' if self.quotes_count => match closing(&rest[at + 1..]) {
                    Some(inside) => at += inside + 1,
                    None => self.quotes_count = false,
                },
                _ => {}
            }
            at += 1;
        }
        at
    }
}

/// Where the quoted string is closed of which this is the inside.
fn closing(inside: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match inside.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// What a quoted string says. `None` where the text is not one quoted string from end to end.
pub(crate) fn unquoted(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let inside = text.strip_prefix(b"\"")?;
    let end = closing(inside)?;
    if end + 1 != inside.len() {
        return None;
    }
    let inside = &inside[..end];
    if !inside.contains(&b'\\') {
        return Some(Cow::Borrowed(inside));
    }
    let mut plain = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(&byte) = bytes.next() {
        // `closing` has seen that something stands behind each backslash.
        plain.extend(if byte == b'\\' { bytes.next().copied() } else { Some(byte) });
    }
    Some(Cow::Owned(plain))
}

/// Without white space around it (RFC 9110 section 5.6.3).
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Vec<&str> {
        members(line.as_bytes()).map(|m| std::str::from_utf8(m).unwrap()).collect()
    }

    #[test]
    fn commas_inside_quotes_end_no_member() {
        for (line, want) in [
            ("", vec![]),
            (" , ,", vec![]),
            ("a", vec!["a"]),
            (" a ,\tb,, c=d ", vec!["a", "b", "c=d"]),
            (r#"a="b, c", d"#, vec![r#"a="b, c""#, "d"]),
            (r#"a="b\", c", d"#, vec![r#"a="b\", c""#, "d"]),
            (r#"a="b, no-store"#, vec![r#"a="b"#, "no-store"]),
            (r#"a="b\", no-store, x="y""#, vec![r#"a="b\", no-store, x="y""#]),
            (r#"a="b\"#, vec![r#"a="b\"#]),
        ] {
            assert_eq!(read(line), want, "{line}");
        }
    }

    #[test]
    fn a_quoted_string_says_what_stands_in_it() {
        for (text, want) in [
            (r#""a""#, Some("a")),
            (r#""""#, Some("")),
            (r#""a\"b\\""#, Some(r#"a"b\"#)),
            ("a", None),
            (r#""a"#, None),
            (r#""a"b"#, None),
            (r#""a\"#, None),
        ] {
            assert_eq!(unquoted(text.as_bytes()).as_deref(), want.map(str::as_bytes), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_taken_apart_and_nothing_is_lost(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            let bytes: usize = pieces(&line).map(<[u8]>::len).sum();
            let spaces = line.iter().filter(|b| matches!(b, b' ' | b'\t')).count();
            let commas = pieces(&line).count() - 1;
            prop_assert!(bytes + commas <= line.len());
            prop_assert!(bytes + commas + spaces >= line.len());
            let _ = unquoted(&line);
        }
    }
}
