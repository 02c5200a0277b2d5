//! What is said about one request.

use message::{Scheme, Version};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The client's address, behind trusted proxies.
    Address(IpAddr),
    /// Somebody on this machine, over a Unix socket: written as `unix:`.
    Unix,
    /// A client that was gone before it could be asked for its address: written as `unknown`.
    Unknown,
}

/// One request that ended. Everything is borrowed: an entry costs nothing to make.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When the request began.
    pub time: SystemTime,
    /// Who sent it.
    pub client: Client,
    /// GET, POST, ...
    pub method: &'a str,
    /// How the client reached us.
    pub scheme: Scheme,
    /// Whom it wanted to reach; empty where it did not say.
    pub host: &'a str,
    /// The path, normalised.
    pub path: &'a str,
    /// The query without its `?`, as the client wrote it. Secrets in it are masked on the way out.
    pub query: Option<&'a str>,
    /// The version in which the request came.
    pub version: Version,
    /// The status that was sent.
    pub status: u16,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the response's body.
    pub bytes_out: u64,
    /// From the first byte of the request to the last of the response.
    pub took: Duration,
    /// What of it the last attempt at an endpoint took.
    pub upstream_took: Option<Duration>,
    /// The route's name; empty where none was found.
    pub route: &'a str,
    /// The service's name; empty where none was asked.
    pub service: &'a str,
    /// The endpoint that answered; empty where none was asked.
    pub endpoint: &'a str,
    /// How many times the request was sent to an endpoint.
    pub attempts: u8,
    /// How the caller was identified; empty where nobody asked.
    pub auth: &'static str,
    /// Who called: a consumer's name, or a token's subject; empty where nobody is known.
    pub consumer: &'a str,
    /// The caller's plan; empty: none.
    pub plan: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// The W3C trace context that was sent on.
    pub traceparent: Option<&'a str>,
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// `Referer`. Secrets in its query are masked.
    pub referer: Option<&'a [u8]>,
    /// Why Tidegate itself ended the request, where it did.
    pub stop: Option<&'static str>,
    /// The TLS version, where there is TLS.
    pub tls: Option<&'a str>,
    /// Was the whole response sent?
    pub complete: bool,
}

/// `HTTP/1.1` and its like.
pub(super) fn version_text(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}
