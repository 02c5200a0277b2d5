//! Why a message was refused by the wire. A closed list, so that each has its status, its text and its test.

use message::{BadTarget, StatusCode};

/// What is wrong with a message that a client sent. After any of these the connection is closed: where the
/// message ends can no longer be trusted (RFC 9112 section 11.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the error texts say it")]
pub enum Reject {
    #[error("a line ends with LF alone; lines end with CRLF")]
    BareLf,
    #[error("the request line is not `METHOD target HTTP/1.1`")]
    RequestLine,
    #[error("a field line is not `name: value`")]
    FieldLine,
    #[error("the status line is not `HTTP/1.1 200 reason`")]
    StatusLine,
    #[error("the HTTP version is not supported; use HTTP/1.1 or HTTP/2")]
    Version,
    #[error("the request target is too long")]
    TargetTooLong,
    #[error("the head of the message is too large")]
    HeadTooLarge,
    #[error("the head of the message has too many fields")]
    TooManyFields,
    #[error("{0}")]
    Target(BadTarget),
    #[error("CONNECT and TRACE are not served here")]
    Method,
    #[error("the request has no Host")]
    NoHost,
    #[error("the request has more than one Host")]
    ManyHosts,
    #[error("the Host is not a host name or address with an optional port")]
    Host,
    #[error("Content-Length is not one decimal number")]
    ContentLength,
    #[error("Content-Length and Transfer-Encoding are both given")]
    LengthAndEncoding,
    #[error("Transfer-Encoding is not exactly one `chunked`")]
    TransferEncoding,
    #[error("Transfer-Encoding names a coding that is not supported; use chunked")]
    UnknownCoding,
    #[error("Expect holds something other than 100-continue")]
    Expect,
    #[error("a chunk of the body is malformed")]
    Chunk,
    #[error("the trailer section is malformed or too large")]
    Trailers,
    #[error("the head of the request did not arrive in time")]
    HeadTimeout,
    #[error("pseudo-fields or fields of a connection stand where HTTP/2 forbids them")]
    Http2Fields,
}

impl Reject {
    /// The status for the client.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge | Self::TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
            Self::Expect => StatusCode::EXPECTATION_FAILED,
            Self::HeadTimeout => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}
