//! What a request or a response says before its body.

use crate::{Authority, Fields, Target};
use http::{Method, StatusCode, Version};

/// How the client reached us, or how we reach an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Clear text.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A request's head. `Host` stands in `authority`, never among the fields; fields that concern one connection
/// only (hop-by-hop, RFC 9110 section 7.6.1) have been taken out by the wire.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// GET, POST, ...
    pub method: Method,
    /// Path and query.
    pub target: Target,
    /// Whom the client wants to reach: `Host` or `:authority`. `None` only for HTTP/1.0 without `Host`.
    pub authority: Option<Authority>,
    /// The version in which the request came.
    pub version: Version,
    /// All other fields.
    pub fields: Fields,
    /// The protocol that the client asks to switch to: `Upgrade` with `Connection: upgrade` in HTTP/1.1
    /// (RFC 9110 section 7.8), `:protocol` in HTTP/2 (RFC 8441).
    pub upgrade: Option<Box<str>>,
}

/// A response's head.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// 200, 404, ...
    pub status: StatusCode,
    /// All fields but those of one connection.
    pub fields: Fields,
}

impl ResponseHead {
    /// A head with that status and no fields.
    pub fn new(status: StatusCode) -> Self {
        Self { status, fields: Fields::new() }
    }
}
