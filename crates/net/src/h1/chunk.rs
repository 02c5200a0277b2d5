//! The chunked coding (RFC 9112 section 7.1), decoded incrementally and strictly.
//!
//! Chunk extensions are skipped within a bound, since a flood of them is work without data. Trailer fields are
//! parsed as fields; those that would change framing, routing or identity after the fact are dropped
//! (RFC 9110 section 6.5.1).

use super::parse::parse_field_section;
use super::reject::Reject;
use super::scan::HeadScan;
use crate::trailers::may_trail;
use bytes::{Buf, Bytes, BytesMut};
use message::{Fields, is_token_byte};

/// Longest line of a chunk's size with its extensions, in bytes.
const MAX_SIZE_LINE: usize = 256;
/// Largest trailer section, in bytes.
const MAX_TRAILERS: usize = 8 * 1024;
/// Most trailer fields.
const MAX_TRAILER_FIELDS: usize = 32;

/// Where in the coding the decoder stands.
#[derive(Debug, Default)]
pub(crate) enum Chunked {
    /// Before a chunk's size.
    #[default]
    Size,
    /// Inside a chunk that has this many bytes left.
    Data(u64),
    /// Before the CRLF that closes a chunk's data.
    DataEnd,
    /// In the trailer section.
    Trailers(HeadScan),
    /// Behind the last byte.
    Done,
}

/// What a step of decoding gave.
#[derive(Debug)]
pub(crate) enum Step {
    /// Some of the body.
    Data(Bytes),
    /// More bytes are needed.
    Need,
    /// The body is complete; its trailers where it had some.
    Done(Option<Fields>),
}

impl Chunked {
    /// Takes what it can from `inbox`.
    pub(crate) fn step(&mut self, inbox: &mut BytesMut) -> Result<Step, Reject> {
        loop {
            match self {
                Self::Size => match take_size(inbox)? {
                    None => return Ok(Step::Need),
                    Some(0) => *self = Self::Trailers(HeadScan::default()),
                    Some(size) => *self = Self::Data(size),
                },
                Self::Data(left) => {
                    if inbox.is_empty() {
                        return Ok(Step::Need);
                    }
                    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(inbox.len());
                    *left -= n as u64;
                    if *left == 0 {
                        *self = Self::DataEnd;
                    }
                    return Ok(Step::Data(inbox.split_to(n).freeze()));
                }
                Self::DataEnd => match &inbox[..] {
                    [b'\r', b'\n', ..] => {
                        inbox.advance(2);
                        *self = Self::Size;
                    }
                    [] | [b'\r'] => return Ok(Step::Need),
                    _ => return Err(Reject::Chunk),
                },
                Self::Trailers(scan) => {
                    let end = scan.find_end(inbox, MAX_TRAILERS).map_err(|_| Reject::Trailers)?;
                    let Some(end) = end else { return Ok(Step::Need) };
                    let fields = parse_field_section(&inbox[..end], MAX_TRAILER_FIELDS)
                        .map_err(|_| Reject::Trailers)?;
                    inbox.advance(end);
                    *self = Self::Done;
                    return Ok(Step::Done(allowed(fields)));
                }
                Self::Done => return Ok(Step::Done(None)),
            }
        }
    }
}

/// The size of the next chunk, once its line is complete.
fn take_size(inbox: &mut BytesMut) -> Result<Option<u64>, Reject> {
    let window = &inbox[..inbox.len().min(MAX_SIZE_LINE)];
    let Some(lf) = memchr::memchr(b'\n', window) else {
        // What can no longer become a size line is refused now, not when the client chooses to end it.
        let bad = window.len() == MAX_SIZE_LINE || window.first().is_some_and(|b| !b.is_ascii_hexdigit());
        return if bad { Err(Reject::Chunk) } else { Ok(None) };
    };
    let line = window[..lf].strip_suffix(b"\r").ok_or(Reject::Chunk)?;
    let digits = line.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(line.len());
    // 15 digits stay clear of every overflow and of every length that is meant in earnest.
    if digits == 0 || digits > 15 || !is_extension(&line[digits..]) {
        return Err(Reject::Chunk);
    }
    let size =
        line[..digits].iter().fold(0, |n, &b| n << 4 | u64::from((b as char).to_digit(16).unwrap_or(0)));
    inbox.advance(lf + 1);
    Ok(Some(size))
}

/// Nothing, or extensions as RFC 9112 section 7.1.1 has them: `;name`, `;name=token`, `;name="text"`, with spaces and tabs
/// around the signs. A quotation mark that is left open, or an empty name, could end the line elsewhere for another
/// reader.
fn is_extension(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let [b';', behind @ ..] = behind_blank(rest) else { return false };
        let Some(behind) = behind_token(behind_blank(behind)) else { return false };
        rest = behind;
        if let [b'=', value @ ..] = behind_blank(behind) {
            let behind = match behind_blank(value) {
                [b'"', text @ ..] => behind_quoted(text),
                token => behind_token(token),
            };
            let Some(behind) = behind else { return false };
            rest = behind;
        }
    }
    true
}

/// What follows spaces and tabs.
fn behind_blank(text: &[u8]) -> &[u8] {
    let blank = text.iter().take_while(|&&b| matches!(b, b' ' | b'\t')).count();
    &text[blank..]
}

/// What follows a token, where there is one (RFC 9110 section 5.6.2).
fn behind_token(text: &[u8]) -> Option<&[u8]> {
    let token = text.iter().take_while(|&&b| is_token_byte(b)).count();
    (token > 0).then(|| &text[token..])
}

/// What follows the closing quotation mark (RFC 9110 section 5.6.4).
fn behind_quoted(mut text: &[u8]) -> Option<&[u8]> {
    let is_text = |b: u8| b == b'\t' || (b >= b' ' && b != 0x7f);
    loop {
        text = match text {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', escaped, behind @ ..] if is_text(*escaped) => behind,
            [b'\\', ..] => return None,
            [plain, behind @ ..] if is_text(*plain) => behind,
            _ => return None,
        }
    }
}

fn allowed(mut fields: Fields) -> Option<Fields> {
    fields.retain(|name, text, _| may_trail(name, text));
    (!fields.is_empty()).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body and its trailers.
    type Whole = (Vec<u8>, Option<Fields>);

    /// Decodes `bytes` fed in pieces of `step`: the body and its trailers, or the fault. `None`: not complete.
    fn decode(bytes: &[u8], step: usize) -> Result<Option<Whole>, Reject> {
        let (mut inbox, mut chunked, mut body) = (BytesMut::new(), Chunked::default(), Vec::new());
        for piece in bytes.chunks(step) {
            inbox.extend_from_slice(piece);
            loop {
                match chunked.step(&mut inbox)? {
                    Step::Data(data) => body.extend_from_slice(&data),
                    Step::Need => break,
                    Step::Done(trailers) => return Ok(Some((body, trailers))),
                }
            }
        }
        Ok(None)
    }

    #[test]
    fn a_body_is_the_same_however_it_is_cut() {
        let wire = b"4\r\nWiki\r\n6;ext=\"a\"\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nX-Sum: 1\r\n\r\n";
        for step in 1..=wire.len() {
            let (body, trailers) = decode(wire, step).unwrap().expect("complete");
            assert_eq!(body, b"Wikipedia in \r\n\r\nchunks.");
            assert_eq!(trailers.unwrap().all_named("x-sum").next(), Some(&b"1"[..]));
        }
    }

    #[test]
    fn a_malformed_chunk_is_refused_however_it_is_cut() {
        for wire in [
            &b"4\nWiki\r\n0\r\n\r\n"[..],
            b"g\r\n",
            b"\r\n",
            b"-1\r\n",
            b"+4\r\nWiki\r\n",
            b"0x4\r\nWiki\r\n",
            b" 4\r\nWiki\r\n",
            b"4\r\nWikiX\r\n0\r\n\r\n",
            b"4\r\nWiki\n0\r\n\r\n",
            b"4\r\nWiki0\r\n\r\n",
            b"ffffffffffffffff\r\n",
            b"4 a\r\nWiki\r\n",
            b"4 \r\nWiki\r\n",
            b"4;a\x01\r\nWiki\r\n",
            b"4;a\rb\r\nWiki\r\n",
            b"4;\r\nWiki\r\n",
            b"4;a;\r\nWiki\r\n",
            b"4;=a\r\nWiki\r\n",
            b"4;a=\r\nWiki\r\n",
            b"4;a b\r\nWiki\r\n",
            b"4;a=b\"c\"\r\nWiki\r\n",
            b"4;a=\"b\r\nWiki\r\n",
            b"4;a=\"b\\\"\r\nWiki\r\n",
            b"4;a=\"b\\\r\nWiki\r\n",
            b"4;a=\"\x01\"\r\nWiki\r\n",
            b"4;a=\"\\\x01\"\r\nWiki\r\n",
            b"4;\xff\r\nWiki\r\n",
        ] {
            for step in [1, 3, wire.len()] {
                assert!(
                    decode(wire, step).is_err(),
                    "{:?} in steps of {step}",
                    String::from_utf8_lossy(wire)
                );
            }
        }
    }

    #[test]
    fn extensions_are_passed_over_whatever_they_say() {
        for extension in [
            "",
            ";a",
            ";a;b",
            ";a=b",
            ";a=\"\"",
            ";a=\"b;c\"",
            " ; a = b\t;c",
            ";a=\"b\\\"c\\\\\" ;d",
            ";a=\"\u{e9}\"",
        ] {
            let wire = format!("4{extension}\r\nWiki\r\n0{extension}\r\n\r\n");
            let (body, _) = decode(wire.as_bytes(), 1).unwrap().expect("complete");
            assert_eq!(body, b"Wiki", "{extension}");
        }
    }

    #[test]
    fn a_size_line_or_a_trailer_section_without_end_is_refused() {
        let mut long = b"4;".to_vec();
        long.resize(400, b'a');
        assert_eq!(decode(&long, 1).unwrap_err(), Reject::Chunk);
        let mut trailers = b"0\r\n".to_vec();
        trailers.extend(std::iter::repeat_n(*b"a: b\r\n", 3000).flatten());
        assert_eq!(decode(&trailers, 100).unwrap_err(), Reject::Trailers);
    }

    #[test]
    fn trailers_cannot_change_framing_or_identity() {
        let (_, trailers) =
            decode(b"0\r\nContent-Length: 5\r\nHost: b\r\nAuthorization: x\r\nX-A: 1\r\n\r\n", 7)
                .unwrap()
                .unwrap();
        assert_eq!(trailers.unwrap().len(), 1);
        let (_, none) = decode(b"0\r\nContent-Length: 5\r\n\r\n", 7).unwrap().unwrap();
        assert!(none.is_none());
    }

    #[test]
    fn a_cut_body_is_never_complete() {
        let wire = b"4\r\nWiki\r\n0\r\n\r\n";
        for n in 0..wire.len() {
            assert!(decode(&wire[..n], 1).unwrap().is_none(), "{n} bytes");
        }
    }
}
