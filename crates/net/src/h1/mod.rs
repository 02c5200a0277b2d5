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
