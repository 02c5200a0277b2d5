//! The HTTP/1 parsers and emitters by themselves, for fuzz targets and for tests that replay their corpus.
//!
//! Not part of the room's interface: it exists with the feature `fuzzing` only, and nothing here decides anything.
//! What must hold of the results is written where they are asked for, in `fuzz/src`.

use crate::h1::proof::{
    self as wire, Chunked, Ends, Framing, HeadScan, ParsedRequest, ParsedResponse, Step, Told,
};
use crate::h1::{HeadLimits, Reject};
use bytes::BytesMut;
use message::{Fields, RequestHead, ResponseHead, StatusCode, Version};

/// Where the body behind a head ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the same as the wire's own `Framing`, which says it")]
pub enum Length {
    Empty,
    Known(u64),
    Chunked,
    UntilClose,
}

impl From<Framing> for Length {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Self::Empty,
            Framing::Length(n) => Self::Known(n),
            Framing::Chunked => Self::Chunked,
            Framing::UntilClose => Self::UntilClose,
        }
    }
}

impl Length {
    /// What a body of this length tells of itself.
    fn told(self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Known(n) => Some(n),
            Self::Chunked | Self::UntilClose => None,
        }
    }
}

/// A head that was understood.
#[derive(Debug)]
pub struct Understood<H> {
    /// Method or status, and fields.
    pub head: H,
    /// Where the body ends.
    pub length: Length,
    /// `Content-Length` of a response that has no body.
    pub announced: Option<u64>,
    /// Bytes of the head with its empty line.
    pub consumed: usize,
}

/// A request's head at the start of `bytes`, as a connection reads it. `None`: not complete.
pub fn request_head(bytes: &[u8], limits: &HeadLimits) -> Result<Option<Understood<RequestHead>>, Reject> {
    let Some(consumed) = HeadScan::default().find_end(bytes, limits.bytes)? else { return Ok(None) };
    let ParsedRequest { head, framing, .. } = wire::parse_request(&bytes[..consumed], limits)?;
    Ok(Some(Understood { head, length: framing.into(), announced: None, consumed }))
}

/// The same head as it goes to an upstream.
pub fn emit_request(request: &Understood<RequestHead>) -> Vec<u8> {
    let mut out = Vec::new();
    let head = &request.head;
    let host = head.authority.as_ref().map_or("none.invalid", |a| a.as_str());
    wire::request_head(&mut out, head, host, wire::told_for_request(head, request.length.told()), false);
    out
}

/// A response's head at the start of `bytes`. `to_head`: it answers HEAD. `None`: not complete.
pub fn response_head(bytes: &[u8], to_head: bool) -> Result<Option<Understood<ResponseHead>>, Reject> {
    let Some(consumed) = HeadScan::default().find_end(bytes, 64 * 1024)? else { return Ok(None) };
    let ParsedResponse { head, framing, announced, .. } = wire::parse_response(&bytes[..consumed], to_head)?;
    Ok(Some(Understood { head, length: framing.into(), announced, consumed }))
}

/// The same head as it goes to a client of HTTP/1.1.
pub fn emit_response(response: &Understood<ResponseHead>) -> Vec<u8> {
    let mut out = Vec::new();
    let head = &response.head;
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        wire::switching_head(&mut out, head);
    } else if head.status.is_informational() {
        wire::interim_head(&mut out, head);
    } else {
        let told = match (response.length, response.announced) {
            (Length::Empty, None) => Told::Nothing,
            (Length::Empty, Some(n)) => wire::told_for_response(head.status, Version::HTTP_11, true, Some(n)),
            (length, _) => wire::told_for_response(head.status, Version::HTTP_11, false, length.told()),
        };
        wire::response_head(&mut out, head, told, Ends::Stays);
    }
    out
}

/// A chunked body that was understood.
#[derive(Debug)]
pub struct Body {
    /// All data.
    pub data: Vec<u8>,
    /// The trailer fields that were let through.
    pub trailers: Option<Fields>,
    /// Bytes behind the body.
    pub behind: usize,
}

/// Decodes a chunked body that arrives in these pieces. `None`: not complete.
pub fn chunked<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Body>, Reject> {
    let (mut inbox, mut decoder, mut data) = (BytesMut::new(), Chunked::default(), Vec::new());
    let mut ended = None;
    for piece in pieces {
        inbox.extend_from_slice(piece);
        while ended.is_none() {
            match decoder.step(&mut inbox)? {
                Step::Data(more) => data.extend_from_slice(&more),
                Step::Need => break,
                Step::Done(trailers) => ended = Some(trailers),
            }
        }
    }
    Ok(ended.map(|trailers| Body { data, trailers, behind: inbox.len() }))
}

/// The same body in one chunk, as it is sent on.
pub fn emit_chunked(body: &Body) -> Vec<u8> {
    let mut out = Vec::new();
    if !body.data.is_empty() {
        wire::chunk_size(&mut out, body.data.len());
        out.extend_from_slice(&body.data);
        out.extend_from_slice(b"\r\n");
    }
    wire::last_chunk(&mut out, body.trailers.as_ref());
    out
}
