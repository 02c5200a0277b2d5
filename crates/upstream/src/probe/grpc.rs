//! The probe over gRPC: `grpc.health.v1.Health/Check` (the gRPC health checking protocol).
//!
//! Two messages with one field each are not worth a compiler for protocol buffers: they are written and read by hand.
//! The request is `string service = 1`, the answer `enum ServingStatus status = 1` with SERVING = 1.

use super::exchange::{Question, ask as exchange, read};
use bytes::{BufMut, Bytes, BytesMut};
use message::{Fields, Method, Name, StatusCode};
use net::Stream;
use std::time::Duration;

const PATH: &str = "/grpc.health.v1.Health/Check";
const SERVING: u64 = 1;
/// `grpc-timeout` has at most eight digits.
const TIMEOUT_MOST: u128 = 99_999_999;
/// gRPC's statuses of calls.
const OK: &[u8] = b"0";
const NOT_FOUND: &[u8] = b"5";
const UNIMPLEMENTED: &[u8] = b"12";

/// Asks; the error says what is wrong.
pub(super) async fn ask(
    stream: Stream,
    host: &str,
    service: &str,
    timeout: Duration,
) -> Result<(), Box<str>> {
    if !stream.is_plain() && !stream.is_h2() {
        return Err(
            "does not agree to HTTP/2, which gRPC needs (does the service have `protocol: http2`?)".into()
        );
    }
    let mut fields = Fields::new();
    fields.add(Name::ContentType, b"application/grpc");
    fields.add(Name::Te, b"trailers");
    let within = format!("{}m", timeout.as_millis().min(TIMEOUT_MOST));
    fields.push_checked(b"grpc-timeout", within.as_bytes());
    let question =
        Question { method: Method::POST, path: PATH, host, fields, body: question(service), http2: true };
    let mut answer = exchange(stream, question, timeout).await?;
    if answer.head.status != StatusCode::OK {
        return Err(format!("answered {}", answer.head.status.as_u16()).into());
    }
    let read = read(&mut answer.body).await?;
    if !read.whole {
        return Err("answered with more than a health check says".into());
    }
    // A call that failed at once has its status in the head.
    let status = read.trailers.all_named("grpc-status").chain(answer.head.fields.all_named("grpc-status"));
    judged(status.into_iter().next(), &read.data)
}

/// The request's message behind its prefix: not compressed, and its length.
fn question(service: &str) -> Bytes {
    let mut message = BytesMut::with_capacity(service.len() + 6);
    if !service.is_empty() {
        message.put_u8(1 << 3 | 2);
        let mut length = service.len();
        while length >= 0x80 {
            message.put_u8(length as u8 | 0x80);
            length >>= 7;
        }
        message.put_u8(length as u8);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.unsplit(message);
    framed.freeze()
}

/// What a call's status and its message say.
fn judged(status: Option<&[u8]>, data: &[u8]) -> Result<(), Box<str>> {
    match status {
        Some(OK) => {}
        Some(NOT_FOUND) => return Err("knows no gRPC service of that name".into()),
        Some(UNIMPLEMENTED) => return Err("has no gRPC health service".into()),
        Some(other) => return Err(format!("answered gRPC status {}", String::from_utf8_lossy(other)).into()),
        None => return Err("ended its gRPC answer without a status".into()),
    }
    match serving_status(data) {
        Some(SERVING) => Ok(()),
        Some(other) => {
            let name = match other {
                0 => "UNKNOWN",
                2 => "NOT_SERVING",
                3 => "SERVICE_UNKNOWN",
                _ => "an unknown status",
            };
            Err(format!("says that it is {name}").into())
        }
        None => Err("gave a malformed gRPC answer".into()),
    }
}

/// The status in the answer's message, which stands behind five bytes; 0 where it is left out, as proto3 has it.
fn serving_status(data: &[u8]) -> Option<u64> {
    let (prefix, mut message) = data.split_at_checked(5)?;
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    if prefix[0] != 0 || message.len() != length as usize {
        return None;
    }
    let mut status = 0;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let skipped = match (tag >> 3, tag & 7) {
            (1, 0) => {
                status = varint(&mut message)?;
                0
            }
            (_, 0) => varint(&mut message).map(|_| 0)?,
            (_, 1) => 8,
            (_, 2) => usize::try_from(varint(&mut message)?).ok()?,
            (_, 5) => 4,
            _ => return None,
        };
        message = message.get(skipped..)?;
    }
    Some(status)
}

/// Takes a number of seven bits a byte, least first.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_a_framed_message_with_the_name_of_the_service() {
        assert_eq!(&question("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&question("ab")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = question(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 2]);
        assert_eq!(long.len(), 5 + 303);
    }

    #[test]
    fn only_a_call_that_went_well_and_says_serving_passes() {
        assert_eq!(judged(Some(b"0"), &[0, 0, 0, 0, 2, 8, 1]), Ok(()));
        for (status, data) in [
            (Some(&b"0"[..]), &[0, 0, 0, 0, 2, 8, 2][..]),
            (Some(b"0"), &[0, 0, 0, 0, 0]),
            (Some(b"0"), &[]),
            (Some(b"5"), &[0, 0, 0, 0, 2, 8, 1]),
            (Some(b"12"), &[]),
            (Some(b"14"), &[]),
            (None, &[0, 0, 0, 0, 2, 8, 1]),
        ] {
            assert!(judged(status, data).is_err(), "{status:?} {data:?}");
        }
    }

    #[test]
    fn fields_that_nobody_knows_are_passed_over() {
        let message = [0x12, 1, b'x', 0x18, 0x96, 1, 0x25, 1, 2, 3, 4, 0x29, 1, 2, 3, 4, 5, 6, 7, 8, 8, 1];
        let mut data = vec![0, 0, 0, 0, message.len() as u8];
        data.extend_from_slice(&message);
        assert_eq!(serving_status(&data), Some(SERVING));
    }

    #[test]
    fn no_message_that_is_cut_or_malformed_passes() {
        let whole = [0, 0, 0, 0, 5, 0x12, 1, b'x', 8, 1];
        assert_eq!(serving_status(&whole), Some(SERVING));
        for end in 0..whole.len() {
            assert_eq!(serving_status(&whole[..end]), None, "{end} bytes");
        }
        for malformed in [
            &[1, 0, 0, 0, 2, 8, 1][..],
            &[0, 0, 0, 0, 1, 8],
            &[0, 0, 0, 0, 1, 0x0b],
            &[0, 0, 0, 0, 3, 0x12, 0x7f, 1],
            &[0, 0, 0, 0, 12, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        ] {
            assert_eq!(serving_status(malformed), None, "{malformed:?}");
        }
    }
}
