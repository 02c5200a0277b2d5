//! The PROXY protocol, versions 1 and 2: how a load balancer in front of us tells who really connected.
//!
//! Follows "The PROXY protocol", HAProxy Technologies, 2020/03/05. The parser is pure: bytes in, header out. It is
//! bounded (107 bytes for version 1, [`V2_MAX`] for version 2), refuses whatever the text calls invalid, and never
//! guesses: where a header is expected and none comes, the connection is refused (section 2).
//! [`receive`] takes the header off a socket and not one byte more, so that TLS or HTTP starts right behind it.
//! Not here: who may send one. Anybody could claim any address, so only trusted peers may be asked.
//!
//! Costs one peek and one read a connection, nothing a request.

mod receive;
mod v1;
mod v2;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

pub use receive::{ReceiveError, receive};
pub use v2::V2_MAX;

/// Which versions a listener takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// The line of text.
    V1,
    /// The binary header.
    V2,
    /// Either; their first bytes differ.
    Any,
}

/// Who made the connection that a header opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Command {
    /// The proxy itself, for a health check: the addresses of the connection itself are true.
    #[default]
    Local,
    /// A client, through the proxy.
    Proxy,
}

/// What a header tells.
///
/// The addresses are `None` for a local command and where the client came over something else than IP (`UNKNOWN`, a
/// Unix socket); the addresses of the connection itself are then the only ones there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Who connected.
    pub command: Command,
    /// The client.
    pub source: Option<SocketAddr>,
    /// What the client connected to.
    pub destination: Option<SocketAddr>,
    /// The protocol the proxy negotiated with the client by ALPN (version 2, `PP2_TYPE_ALPN`).
    pub alpn: Option<Box<[u8]>>,
    /// The host the client named, such as by SNI (version 2, `PP2_TYPE_AUTHORITY`).
    pub authority: Option<Box<str>>,
    /// The client's TLS, which the proxy ended (version 2, `PP2_TYPE_SSL`).
    pub tls: Option<Tls>,
}

/// The TLS between client and proxy (section 2.2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The protocol version, as the proxy writes it: `TLSv1.3`.
    pub version: Option<Box<str>>,
    /// The common name of the client's certificate.
    pub common_name: Option<Box<str>>,
    /// Whether the client showed a certificate in this session and the proxy found it good.
    pub verified: bool,
}

/// What [`parse`] found so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// All bytes belong to a header that needs more of them.
    Incomplete,
    /// A whole header.
    Done {
        /// What it tells.
        header: Header,
        /// Its length in bytes; what follows belongs to the connection's own protocol.
        consumed: usize,
    },
}

/// Why a connection that must begin with a header is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// The bytes begin something else.
    #[error("the connection does not begin with a PROXY protocol header of an accepted version")]
    Missing,
    /// A line beyond 107 bytes, or a binary header beyond [`V2_MAX`].
    #[error("the PROXY protocol header is too long")]
    TooLong,
    /// A field that the specification does not allow.
    #[error("the PROXY protocol header is malformed: {0}")]
    Malformed(&'static str),
    /// The CRC-32C in the header is another one than that of its bytes.
    #[error("the PROXY protocol header's checksum is wrong")]
    Checksum,
}

/// Reads the header that `bytes` begin with. `bytes` are all bytes of the connection so far.
pub fn parse(bytes: &[u8], accept: Accept) -> Result<Parsed, ProxyError> {
    // The first byte decides: `P` begins version 1, CR begins version 2.
    match (bytes.first(), accept) {
        (None, _) => Ok(Parsed::Incomplete),
        (Some(b'P'), Accept::V1 | Accept::Any) => v1::parse(bytes),
        (Some(b'\r'), Accept::V2 | Accept::Any) => v2::parse(bytes),
        _ => Err(ProxyError::Missing),
    }
}

/// Whether `bytes` begin with `signature`, as far as both reach.
fn agrees(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(a, b)| a == b)
}
