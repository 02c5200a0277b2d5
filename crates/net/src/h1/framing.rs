//! Where does the body end? RFC 9112 section 6, decided once, from the fields of the head alone.
//!
//! Whatever two recipients could read in two ways is refused: both lengths, two lengths, a length that is not
//! plain digits, a transfer coding other than one `chunked`. Bodies are decoded here and framed anew when they are
//! sent on, so no framing byte of one side ever reaches the other.

use super::reject::Reject;

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    Empty,
    /// That many bytes.
    Length(u64),
    /// The chunked coding.
    Chunked,
    /// Up to the end of the connection. Only responses.
    UntilClose,
}

/// What a head said about framing, gathered while its fields were read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FramingFields {
    length: Option<u64>,
    chunked: bool,
    /// The first thing that was wrong.
    fault: Option<Reject>,
}

impl FramingFields {
    fn blame(&mut self, reject: Reject) {
        self.fault.get_or_insert(reject);
    }

    /// One `Content-Length` line.
    pub(crate) fn content_length(&mut self, value: &[u8]) {
        match (self.length, parse_length(value)) {
            (None, Some(length)) => self.length = Some(length),
            // A second one, even of the same value: nothing honest sends it.
            _ => self.blame(Reject::ContentLength),
        }
    }

    /// One `Transfer-Encoding` line.
    pub(crate) fn transfer_encoding(&mut self, value: &[u8]) {
        if self.chunked {
            self.blame(Reject::TransferEncoding);
        } else if value.eq_ignore_ascii_case(b"chunked") {
            self.chunked = true;
        } else if is_single_known_coding(value) {
            self.blame(Reject::UnknownCoding);
        } else {
            self.blame(Reject::TransferEncoding);
        }
    }

    /// The framing of a request. `http_1_0`: its version is HTTP/1.0, which knows no transfer coding.
    pub(crate) fn of_request(self, http_1_0: bool) -> Result<Framing, Reject> {
        self.checked(http_1_0)?;
        Ok(match (self.chunked, self.length) {
            (true, _) => Framing::Chunked,
            (false, None | Some(0)) => Framing::Empty,
            (false, Some(length)) => Framing::Length(length),
        })
    }

    /// The framing of a response (RFC 9112 section 6.3). `bodiless`: the request was HEAD, or the status is 1xx,
    /// 204 or 304.
    pub(crate) fn of_response(self, http_1_0: bool, bodiless: bool) -> Result<Framing, Reject> {
        self.checked(http_1_0)?;
        Ok(match (bodiless, self.chunked, self.length) {
            (true, ..) | (_, false, Some(0)) => Framing::Empty,
            (_, true, _) => Framing::Chunked,
            (_, false, Some(length)) => Framing::Length(length),
            (_, false, None) => Framing::UntilClose,
        })
    }

    /// The length that was announced, whether or not a body follows (HEAD, 304).
    pub(crate) fn length(self) -> Option<u64> {
        self.length
    }

    fn checked(self, http_1_0: bool) -> Result<(), Reject> {
        match self.fault {
            Some(fault) => Err(fault),
            None if self.chunked && self.length.is_some() => Err(Reject::LengthAndEncoding),
            None if self.chunked && http_1_0 => Err(Reject::TransferEncoding),
            None => Ok(()),
        }
    }
}

/// RFC 9110 section 8.6: digits, nothing else.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Codings that exist (RFC 9112 section 7) and that we do not decode: 501 rather than 400.
fn is_single_known_coding(value: &[u8]) -> bool {
    [&b"gzip"[..], b"x-gzip", b"deflate", b"compress", b"x-compress"]
        .iter()
        .any(|c| value.eq_ignore_ascii_case(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lengths: &[&str], codings: &[&str]) -> Result<Framing, Reject> {
        let mut fields = FramingFields::default();
        for length in lengths {
            fields.content_length(length.as_bytes());
        }
        for coding in codings {
            fields.transfer_encoding(coding.as_bytes());
        }
        fields.of_request(false)
    }

    #[test]
    fn a_request_body_ends_where_its_one_clear_framing_says() {
        assert_eq!(request(&[], &[]), Ok(Framing::Empty));
        assert_eq!(request(&["0"], &[]), Ok(Framing::Empty));
        assert_eq!(request(&["42"], &[]), Ok(Framing::Length(42)));
        assert_eq!(request(&[], &["Chunked"]), Ok(Framing::Chunked));
    }

    #[test]
    fn a_framing_that_could_be_read_in_two_ways_is_refused() {
        for length in [
            "",
            "+1",
            "-1",
            "0x10",
            "1 2",
            "1,1",
            "1, 1",
            "1.0",
            "18446744073709551616",
            "99999999999999999999",
            "\u{661}",
        ] {
            assert_eq!(request(&[length], &[]), Err(Reject::ContentLength), "{length}");
        }
        assert_eq!(request(&["1", "1"], &[]), Err(Reject::ContentLength));
        assert_eq!(request(&["1"], &["chunked"]), Err(Reject::LengthAndEncoding));
        for coding in [
            "",
            "identity",
            "chunked, chunked",
            "gzip, chunked",
            "xchunked",
            "chunked;a",
            "\"chunked\"",
            "chunked,",
        ] {
            assert_eq!(request(&[], &[coding]), Err(Reject::TransferEncoding), "{coding}");
        }
        assert_eq!(request(&[], &["chunked", "chunked"]), Err(Reject::TransferEncoding));
        assert_eq!(request(&[], &["gzip", "chunked"]), Err(Reject::UnknownCoding));
        assert_eq!(request(&[], &["gzip"]), Err(Reject::UnknownCoding));
    }

    #[test]
    fn http_1_0_knows_no_transfer_coding() {
        let mut fields = FramingFields::default();
        fields.transfer_encoding(b"chunked");
        assert_eq!(fields.of_request(true), Err(Reject::TransferEncoding));
    }

    #[test]
    fn a_response_without_any_length_ends_with_its_connection() {
        let none = FramingFields::default();
        assert_eq!(none.of_response(false, false), Ok(Framing::UntilClose));
        assert_eq!(none.of_response(false, true), Ok(Framing::Empty));
        let mut length = FramingFields::default();
        length.content_length(b"7");
        assert_eq!(length.of_response(false, false), Ok(Framing::Length(7)));
        assert_eq!(length.of_response(false, true), Ok(Framing::Empty));
        assert_eq!(length.length(), Some(7));
    }
}
