//! Strangers' bytes as printable ASCII, in the two ways that the two formats know.
//!
//! What is plain is copied in runs, so the usual string costs one scan and one copy. Texts are cut at [`LIMIT`]:
//! a client may send a path as long as the head may be, and every byte of it may grow to six.

use std::io::Write;

/// Bytes of one text that are logged. A text that is longer is cut there and ends with `...`.
pub(super) const LIMIT: usize = 4096;

/// Printable, and special in neither format.
const fn is_plain(b: u8) -> bool {
    matches!(b, b' '..=b'~') && b != b'"' && b != b'\\'
}

/// The part of a text that is logged, and what is written behind it.
fn cut(text: &[u8]) -> (&[u8], &'static [u8]) {
    if text.len() > LIMIT { (&text[..LIMIT], b"...") } else { (text, b"") }
}

/// Writes a JSON string (RFC 8259 section 7) with its quotes. Everything beyond printable ASCII is written as
/// `\uXXXX`, bytes that are not UTF-8 as U+FFFD.
pub(crate) fn push_json_string(out: &mut Vec<u8>, text: &[u8]) {
    let (text, end) = cut(text);
    out.push(b'"');
    // Without an early end, so that the compiler looks at many bytes at a time.
    if text.iter().fold(true, |plain, &b| plain & is_plain(b)) {
        out.extend_from_slice(text);
    } else {
        for chunk in text.utf8_chunks() {
            chunk.valid().chars().for_each(|c| push_json_char(out, c));
            if !chunk.invalid().is_empty() {
                out.extend_from_slice(b"\\ufffd");
            }
        }
    }
    out.extend_from_slice(end);
    out.push(b'"');
}

fn push_json_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
        ' '..='~' => out.push(c as u8),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a vector cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

/// Writes a text as the Apache server does in its logs: `\"`, `\\`, and `\xHH` for every byte that is not printable
/// ASCII.
pub(super) fn push_clf(out: &mut Vec<u8>, text: &[u8]) {
    let (text, end) = cut(text);
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&b| !is_plain(b)) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', b]),
            b => {
                let _ = write!(out, "\\x{b:02x}");
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &[u8]) -> String {
        let mut out = Vec::new();
        push_json_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    fn clf(text: &[u8]) -> String {
        let mut out = Vec::new();
        push_clf(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_single_byte_becomes_valid_json_in_printable_ascii() {
        for b in 0..=u8::MAX {
            let text = json(&[b'a', b, b'z']);
            assert!(text.bytes().all(|b| matches!(b, b' '..=b'~')), "{b}");
            let back: String = serde_json::from_str(&text).unwrap();
            assert_eq!(back, String::from_utf8_lossy(&[b'a', b, b'z']), "{b}");
        }
    }

    #[test]
    fn characters_beyond_ascii_come_back_whole() {
        for text in ["gr\u{fc}n \u{1f30a} \u{2028}\u{202e}\u{9b}", "\u{10ffff}"] {
            assert!(json(text.as_bytes()).is_ascii());
            assert_eq!(serde_json::from_str::<String>(&json(text.as_bytes())).unwrap(), text);
        }
    }

    #[test]
    fn quotes_and_line_ends_leave_no_clf_text() {
        assert_eq!(clf(b"a\"b\\c\r\nd\x1b\x7f\xff"), "a\\\"b\\\\c\\x0d\\x0ad\\x1b\\x7f\\xff");
        assert_eq!(clf(b"plain /path"), "plain /path");
    }

    #[test]
    fn a_long_text_is_cut() {
        let long = vec![b'\n'; LIMIT + 1];
        assert_eq!(json(&long).len(), LIMIT * 6 + 3 + 2);
        assert_eq!(clf(&long).len(), LIMIT * 4 + 3);
        // A character that the cut splits is not UTF-8 any more.
        let split = "\u{e9}".repeat(LIMIT / 2 + 1);
        assert!(serde_json::from_str::<String>(&json(&split.as_bytes()[1..])).is_ok());
    }
}
