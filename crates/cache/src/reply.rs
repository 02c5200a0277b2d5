//! How a complete response is given to this client: whole, in part, or as "you have it" (RFC 9110 sections 13 and 14).
//!
//! The same for what a cache keeps and for files.

use message::{Fields, RequestHead, StatusCode};

/// Bytes of a body, both ends included; never empty, never beyond the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
}

/// How it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// As it is.
    Whole,
    /// 304: the client has it.
    NotModified,
    /// 412: the client's `If-Match` or `If-Unmodified-Since` does not hold.
    PreconditionFailed,
    /// 206: one part.
    Part(ByteRange),
    /// 206: several parts, which do not overlap.
    Parts(Vec<ByteRange>),
    /// 416: no part that was asked for is there.
    Unsatisfiable,
}

/// How is it given? By the order of RFC 9110 section 13.2.2. `length`: of the whole body; without it nothing is given in part.
pub fn reply(status: StatusCode, fields: &Fields, length: Option<u64>, request: &RequestHead) -> Reply {
    todo!()
}
