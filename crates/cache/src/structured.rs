//! Structured fields (RFC 9651): dictionaries, as far as targeted cache directives need them (RFC 9213 section 2.1).
//!
//! *Promise*: read by the strict algorithm of section 4.2, so that what any other conforming cache takes for broken is broken here.
//! Parameters and inner lists are checked and forgotten. Linear, no recursion; allocates for strings with escapes only.

use crate::lists::trim;
use message::is_token_byte;
use std::borrow::Cow;

/// What a member says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// Of 15 digits at most.
    Integer(i64),
    /// ASCII.
    String(Cow<'a, [u8]>),
    /// `?1`, `?0`, or a key alone.
    Boolean(bool),
    /// Any other type: no directive has one.
    Other,
}

/// Reads a dictionary; gives each member to `each`, and says how many there are. One key may come several times: the last counts.
/// `None` where it is broken: then nothing that `each` was given counts.
pub(crate) fn dictionary<'a>(text: &'a [u8], mut each: impl FnMut(&'a [u8], Value<'a>)) -> Option<usize> {
    // Lines are joined by commas and tabs may stand there; only spaces may stand around the whole.
    let mut text = Parser(text.trim_ascii());
    let mut count = 0;
    while !text.0.is_empty() {
        let key = text.key()?;
        let value = if text.eat(b'=') { text.member()? } else { Value::Boolean(true) };
        text.parameters()?;
        each(key, value);
        count += 1;
        text.0 = trim(text.0);
        if text.0.is_empty() {
            break;
        }
        if !text.eat(b',') {
            return None;
        }
        text.0 = trim(text.0);
        // A comma at the end is an error (section 4.2.2).
        if text.0.is_empty() {
            return None;
        }
    }
    Some(count)
}

/// What has not been read yet.
struct Parser<'a>(&'a [u8]);

impl<'a> Parser<'a> {
    fn eat(&mut self, byte: u8) -> bool {
        let is_there = self.0.first() == Some(&byte);
        if is_there {
            self.0 = &self.0[1..];
        }
        is_there
    }

    /// Takes what `is` says yes to.
    fn run(&mut self, is: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|b| !is(*b)).unwrap_or(self.0.len());
        let (run, rest) = self.0.split_at(end);
        self.0 = rest;
        run
    }

    /// Section 4.2.3.3.
    fn key(&mut self) -> Option<&'a [u8]> {
        let first = *self.0.first()?;
        if !first.is_ascii_lowercase() && first != b'*' {
            return None;
        }
        Some(
            self.run(|b| {
                b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.' | b'*')
            }),
        )
    }

    /// An item without its parameters, or an inner list with those of its items.
    fn member(&mut self) -> Option<Value<'a>> {
        if !self.eat(b'(') {
            return self.item();
        }
        loop {
            self.run(|b| b == b' ');
            if self.eat(b')') {
                return Some(Value::Other);
            }
            self.item()?;
            self.parameters()?;
            if !matches!(self.0.first(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    /// Section 4.2.3.2.
    fn parameters(&mut self) -> Option<()> {
        while self.eat(b';') {
            self.run(|b| b == b' ');
            self.key()?;
            if self.eat(b'=') {
                self.item()?;
            }
        }
        Some(())
    }

    /// Section 4.2.3.1, without the parameters.
    fn item(&mut self) -> Option<Value<'a>> {
        match *self.0.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'?' => self.boolean(),
            b':' => self.bytes(),
            b'@' => {
                self.eat(b'@');
                matches!(self.number()?, Value::Integer(_)).then_some(Value::Other)
            }
            b'%' => self.display(),
            first if first.is_ascii_alphabetic() || first == b'*' => {
                self.run(|b| is_token_byte(b) || matches!(b, b':' | b'/'));
                Some(Value::Other)
            }
            _ => None,
        }
    }

    /// Section 4.2.8.
    fn boolean(&mut self) -> Option<Value<'a>> {
        let (text, rest) = self.0.split_at_checked(2)?;
        self.0 = rest;
        match text {
            b"?0" => Some(Value::Boolean(false)),
            b"?1" => Some(Value::Boolean(true)),
            _ => None,
        }
    }

    /// Section 4.2.4: at most 15 digits, or 12 before a point and 3 behind it.
    fn number(&mut self) -> Option<Value<'a>> {
        let is_negative = self.eat(b'-');
        let digits = self.run(|b| b.is_ascii_digit());
        if digits.is_empty() || digits.len() > 15 {
            return None;
        }
        if self.eat(b'.') {
            let fraction = self.run(|b| b.is_ascii_digit());
            return (digits.len() <= 12 && (1..=3).contains(&fraction.len())).then_some(Value::Other);
        }
        let number = digits.iter().fold(0, |sum, b| sum * 10 + i64::from(b - b'0'));
        Some(Value::Integer(if is_negative { -number } else { number }))
    }

    /// Section 4.2.5: visible ASCII and spaces; a backslash before itself and quotes only.
    fn string(&mut self) -> Option<Value<'a>> {
        self.eat(b'"');
        let mut plain = Cow::Borrowed(&self.0[..0]);
        loop {
            let run = self.run(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\');
            if plain.is_empty() {
                plain = Cow::Borrowed(run);
            } else {
                plain.to_mut().extend_from_slice(run);
            }
            match self.0 {
                [b'"', rest @ ..] => {
                    self.0 = rest;
                    return Some(Value::String(plain));
                }
                [b'\\', byte @ (b'"' | b'\\'), rest @ ..] => {
                    plain.to_mut().push(*byte);
                    self.0 = rest;
                }
                _ => return None,
            }
        }
    }

    /// Section 4.2.7, without a look at the padding, which parsers need not insist on.
    fn bytes(&mut self) -> Option<Value<'a>> {
        self.eat(b':');
        self.run(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        self.eat(b':').then_some(Value::Other)
    }

    /// Section 4.2.10: `%"` and text in which other bytes are `%` and two digits in lower case, UTF-8 when decoded.
    fn display(&mut self) -> Option<Value<'a>> {
        self.0 = self.0.strip_prefix(b"%\"")?;
        let mut decoded = Vec::new();
        loop {
            decoded.extend_from_slice(self.run(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'%'));
            match self.0 {
                [b'"', rest @ ..] => {
                    self.0 = rest;
                    return std::str::from_utf8(&decoded).is_ok().then_some(Value::Other);
                }
                [b'%', high, low, rest @ ..] => {
                    decoded.push(lower_hex(*high)? << 4 | lower_hex(*low)?);
                    self.0 = rest;
                }
                _ => return None,
            }
        }
    }
}

fn lower_hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<Vec<(&str, Value<'_>)>> {
        let mut all = Vec::new();
        let count =
            dictionary(text.as_bytes(), |key, value| all.push((std::str::from_utf8(key).unwrap(), value)))?;
        assert_eq!(count, all.len());
        Some(all)
    }

    #[test]
    fn dictionaries_are_read_strictly() {
        use Value::{Boolean, Integer, Other};
        let text = |text: &'static str| Value::String(Cow::Borrowed(text.as_bytes()));
        for (line, want) in [
            ("", Some(vec![])),
            ("  ", Some(vec![])),
            ("max-age=60", Some(vec![("max-age", Integer(60))])),
            ("max-age=-1", Some(vec![("max-age", Integer(-1))])),
            (
                "a, b=?0 ,\tc=?1;d;e=\"f\"",
                Some(vec![("a", Boolean(true)), ("b", Boolean(false)), ("c", Boolean(true))]),
            ),
            ("a;x=1;y=?1;z", Some(vec![("a", Boolean(true))])),
            ("a=\"b, c\"", Some(vec![("a", text("b, c"))])),
            (r#"a="b\"\\c""#, Some(vec![("a", text(r#"b"\c"#))])),
            (r#"a="\"b""#, Some(vec![("a", text(r#""b"#))])),
            ("a=b/c:d, *x=1", Some(vec![("a", Other), ("*x", Integer(1))])),
            (
                "a=1.5, b=:aGk=:, c=@12, d=(1 \"x\";p  y ), e=()",
                Some(vec![("a", Other), ("b", Other), ("c", Other), ("d", Other), ("e", Other)]),
            ),
            (r#"a=%"f%c3%bc""#, Some(vec![("a", Other)])),
            ("a=1, a=2", Some(vec![("a", Integer(1)), ("a", Integer(2))])),
            ("a=999999999999999", Some(vec![("a", Integer(999_999_999_999_999))])),
            ("a=1000000000000000", None),
            ("a=1.", None),
            ("a=1.2345", None),
            ("a=-", None),
            ("A=1", None),
            ("Max-Age=60", None),
            ("a,", None),
            (",a", None),
            ("a,,b", None),
            ("a b", None),
            ("a =1", None),
            ("a= 1", None),
            ("a=", None),
            ("a;", None),
            ("a ;b", None),
            ("a=\"b", None),
            (r#"a="\b""#, None),
            ("a=\"\u{e9}\"", None),
            ("a=?2", None),
            ("a=(1", None),
            ("a=(1\"x\")", None),
            ("a=:a", None),
            ("a=@1.5", None),
            (r#"a=%"%C3""#, None),
            (r#"a=%"%ff""#, None),
            ("&", None),
        ] {
            assert_eq!(read(line), want, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-c=?01.\";, ()%@:\\\\*-]{0,24}") {
            let _ = read(&text);
        }
    }
}
