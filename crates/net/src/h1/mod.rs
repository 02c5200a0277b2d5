//! HTTP/1.1 on the wire (RFC 9112), both sides.
//!
//! `httparse` tokenises; the rest is ours, because strictness, streaming in both directions and cost are what a gateway
//! is judged by. Why not a library's connection: see docs/decisions/0002-own-http1-connection.md.

mod chunk;
mod client;
mod decode;
mod emit;
mod framing;
mod parse;
mod presence;
mod pump;
mod reject;
mod request_body;
mod response_body;
mod scan;
mod server;
mod tunnel;
mod wire;

pub use client::{Answer, Ask, Cause, Connection, Failure, Sent};
pub use parse::HeadLimits;
pub use reject::Reject;
pub(crate) use request_body::{RequestBody, Shared};
pub(crate) use response_body::ResponseBody;
pub use server::ServerLimits;
pub use tunnel::Tunnel;

pub(crate) use server::serve;
pub(crate) use wire::Wire;

/// What [`crate::fuzzing`] looks at.
#[cfg(feature = "fuzzing")]
pub(crate) mod proof {
    pub(crate) use super::chunk::{Chunked, Step};
    pub(crate) use super::emit::{
        Ends, Told, chunk_size, interim_head, last_chunk, request_head, response_head, switching_head,
        told_for_request, told_for_response,
    };
    pub(crate) use super::framing::Framing;
    pub(crate) use super::parse::{ParsedRequest, ParsedResponse, parse_request, parse_response};
    pub(crate) use super::scan::HeadScan;
}
