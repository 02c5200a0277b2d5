//! Heads and chunk sizes -> bytes. All that is written comes from checked parts, so nothing can split a message.

use message::{Fields, Name, RequestHead, ResponseHead, StatusCode, Version};

/// What a head has beside its fields: the first line without its target, length, connection.
const BESIDE_FIELDS: usize = 192;
/// Bodies up to this size are copied behind their head.
const SMALL_BODY: u64 = 2048;

/// How the length of a body is told in its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing is said: there is no body and none is expected, or it ends with the connection.
    Nothing,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Writes a request's head for an upstream. `host` is what stands in `Host`.
pub(crate) fn request_head(out: &mut Vec<u8>, head: &RequestHead, host: &str, told: Told, expect: bool) {
    // Once, rather than line by line.
    out.reserve(head.target.as_str().len() + host.len() + head.fields.bytes() + BESIDE_FIELDS);
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.target.as_str().as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(host.as_bytes());
    out.extend_from_slice(b"\r\n");
    head.fields.write_lines(out);
    tell_length(out, told);
    if let Some(protocol) = &head.upgrade {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: ");
        out.extend_from_slice(protocol.as_bytes());
        out.extend_from_slice(b"\r\n");
    } else if head.fields.has(Name::Te) {
        out.extend_from_slice(b"connection: te\r\n");
    }
    if expect {
        out.extend_from_slice(b"expect: 100-continue\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// What a response says of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Another request may follow, which the client expects anyway.
    Stays,
    /// Another request may follow, which an HTTP/1.0 client must be told.
    StaysTold,
    /// The connection closes behind this response.
    Closes,
}

/// Writes a response's head for a client.
pub(crate) fn response_head(out: &mut Vec<u8>, head: &ResponseHead, told: Told, ends: Ends) {
    // A small body is put behind it at once.
    let body = if let Told::Length(n) = told { n.min(SMALL_BODY) as usize } else { 0 };
    out.reserve(head.fields.bytes() + body + BESIDE_FIELDS);
    status_line(out, head.status);
    head.fields.write_lines(out);
    tell_length(out, told);
    match ends {
        Ends::Stays => {}
        Ends::StaysTold => out.extend_from_slice(b"connection: keep-alive\r\n"),
        Ends::Closes => out.extend_from_slice(b"connection: close\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the head of a 101 answer.
pub(crate) fn switching_head(out: &mut Vec<u8>, head: &ResponseHead) {
    status_line(out, StatusCode::SWITCHING_PROTOCOLS);
    head.fields.write_lines(out);
    out.extend_from_slice(b"connection: upgrade\r\n\r\n");
}

/// Writes an interim (1xx) answer.
pub(crate) fn interim_head(out: &mut Vec<u8>, head: &ResponseHead) {
    status_line(out, head.status);
    head.fields.write_lines(out);
    out.extend_from_slice(b"\r\n");
}

/// Writes the size line of a chunk.
pub(crate) fn chunk_size(out: &mut Vec<u8>, size: usize) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for i in (0..digits).rev() {
        out.push(HEX[size >> (4 * i) & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the end of a chunked body.
pub(crate) fn last_chunk(out: &mut Vec<u8>, trailers: Option<&Fields>) {
    out.extend_from_slice(b"0\r\n");
    if let Some(trailers) = trailers {
        trailers.write_lines(out);
    }
    out.extend_from_slice(b"\r\n");
}

fn status_line(out: &mut Vec<u8>, status: StatusCode) {
    if status == StatusCode::OK {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn tell_length(out: &mut Vec<u8>, told: Told) {
    match told {
        Told::Nothing => {}
        Told::Length(n) => {
            out.extend_from_slice(b"content-length: ");
            decimal(out, n);
            out.extend_from_slice(b"\r\n");
        }
        Told::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
}

fn decimal(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// How the body of a request is told: nothing for methods that usually have none, `0` for those that usually have one
/// (RFC 9110 section 8.6).
pub(crate) fn told_for_request(head: &RequestHead, length: Option<u64>) -> Told {
    use message::Method;
    match length {
        Some(0) if matches!(head.method, Method::POST | Method::PUT | Method::PATCH) => Told::Length(0),
        Some(0) => Told::Nothing,
        Some(n) => Told::Length(n),
        None => Told::Chunked,
    }
}

/// How the body of a response is told to a client of that version. `announced`: nothing follows but the length is told.
pub(crate) fn told_for_response(
    status: StatusCode,
    version: Version,
    announced: bool,
    length: Option<u64>,
) -> Told {
    // RFC 9110 section 8.6: neither 1xx nor 204 carries Content-Length; a 304 may tell what a 200 would.
    if status.is_informational() || status == StatusCode::NO_CONTENT {
        return Told::Nothing;
    }
    match length {
        Some(_) if status == StatusCode::NOT_MODIFIED && !announced => Told::Nothing,
        Some(n) => Told::Length(n),
        None if version == Version::HTTP_10 || status == StatusCode::NOT_MODIFIED => Told::Nothing,
        None => Told::Chunked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_in_plain_digits() {
        for n in [0, 1, 9, 10, 15, 16, 255, 4096, 65_535, 1 << 40] {
            let (mut hex, mut dec) = (Vec::new(), Vec::new());
            chunk_size(&mut hex, n);
            decimal(&mut dec, n as u64);
            assert_eq!(hex, format!("{n:x}\r\n").into_bytes());
            assert_eq!(dec, n.to_string().into_bytes());
        }
    }

    #[test]
    fn a_response_tells_its_length_as_its_status_and_version_allow() {
        let told = told_for_response;
        assert_eq!(told(StatusCode::OK, Version::HTTP_11, false, Some(0)), Told::Length(0));
        assert_eq!(told(StatusCode::OK, Version::HTTP_11, false, None), Told::Chunked);
        assert_eq!(told(StatusCode::OK, Version::HTTP_10, false, None), Told::Nothing);
        assert_eq!(told(StatusCode::NO_CONTENT, Version::HTTP_11, false, Some(0)), Told::Nothing);
        assert_eq!(told(StatusCode::NOT_MODIFIED, Version::HTTP_11, false, Some(0)), Told::Nothing);
        assert_eq!(told(StatusCode::NOT_MODIFIED, Version::HTTP_11, true, Some(9)), Told::Length(9));
    }
}
