//! Words of HTTP: methods, header names, hosts, path patterns, redirect targets.
//!
//! The checks here are of form. What a pattern matches, and whether two collide, is the room `route`'s business.

use std::fmt;

use crate::suggest::nearest;

use super::{Bad, Typed, typed, url::is_host_name, word};

word!(
    /// A request method, upper case as on the wire (RFC 9110 section 9.1).
    Method, "method", "a method such as `GET` or `POST`", &["string"], method
);

word!(
    /// The name of a header, lower case.
    HeaderName, "header name", "the name of a header", &["string"], |text| {
        if is_token(text) { Ok(text.to_ascii_lowercase()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// The value of a header: no control characters (RFC 9110 section 5.5).
    HeaderValue, "header value", "text without line breaks", &["string", "number", "boolean"], |text| {
        if text.chars().any(char::is_control) { Err(Bad::plain()) } else { Ok(text.trim().into()) }
    }
);

word!(
    /// The name of a service. It is a label of metrics, so it is short and plain.
    ServiceName, "name", "a name of 1 to 64 letters, digits, `-`, `_` and `.`", &["string", "integer"], |text| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// A host to match, lower case: `api.example.com`, or `*.example.com` for all names below it.
    HostPattern, "host", "a host such as `api.example.com` or `*.example.com`", &["string"], host_pattern
);

word!(
    /// A path to match: `{name}` is one segment, `/*` at the end is the rest.
    PathPattern, "path", "a path such as `/v1/products/{id}` or `/assets/*`", &["string"], path_pattern
);

word!(
    /// Where a redirect leads; `{name}` stands for what the route's path pattern caught.
    RedirectTo, "redirect target", "a URL such as `https://example.com/new/{id}`, or a path", &["string"], |text| {
        let starts = ["/", "http://", "https://"].iter().any(|start| text.starts_with(start));
        let clean = text.bytes().all(|b| b > b' ' && b != 0x7f);
        if starts && clean { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

/// The status of a redirect (RFC 9110 section 15.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedirectStatus(u16);

impl RedirectStatus {
    /// 308: for good, and the method stays.
    pub const PERMANENT: Self = Self(308);

    /// The status code.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for RedirectStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Typed for RedirectStatus {
    const FORMAT: &'static str = "redirect status";
    const EXPECTED: &'static str = "one of 301, 302, 303, 307, 308";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        match text.parse() {
            Ok(status @ (301 | 302 | 303 | 307 | 308)) => Ok(Self(status)),
            _ => Err(Bad::plain()),
        }
    }
}

/// Which `Host` the endpoint sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPolicy {
    /// The one that the client sent.
    Preserve,
    /// The endpoint's own host and port.
    Endpoint,
    /// Always this one.
    Literal(String),
}

impl fmt::Display for HostPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preserve => "preserve",
            Self::Endpoint => "endpoint",
            Self::Literal(host) => host,
        })
    }
}

impl Typed for HostPolicy {
    const FORMAT: &'static str = "host policy";
    const EXPECTED: &'static str =
        "`preserve`, `endpoint`, or a host with a dot or a port such as `api.internal:8080`";

    fn read(text: &str) -> Result<Self, Bad> {
        let (host, port) = text.rsplit_once(':').unwrap_or((text, "1"));
        match text {
            "preserve" => Ok(Self::Preserve),
            "endpoint" => Ok(Self::Endpoint),
            // A single word is more often a misspelled policy than a host.
            _ if !text.contains(['.', ':']) && text != "localhost" => {
                Err(nearest(text, ["preserve", "endpoint"]).map_or_else(Bad::plain, Bad::mean))
            }
            _ if is_host_name(host) && port.parse::<u16>().is_ok() => Ok(Self::Literal(text.into())),
            _ => Err(Bad::plain()),
        }
    }
}

typed!(RedirectStatus, HostPolicy);

/// Methods that a mistyped one is compared with.
const METHODS: [&str; 16] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "QUERY",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
];

/// A well-known method or another token in upper case that is not one letter away from a well-known one.
fn method(text: &str) -> Result<String, Bad> {
    let upper = text.to_ascii_uppercase();
    let near = METHODS.iter().find(|known| strsim::osa_distance(known, &upper) <= 1);
    match near {
        _ if METHODS.contains(&text) => Ok(text.into()),
        Some(known) => Err(Bad::mean(known)),
        None if text == "CONNECT" => Err(Bad::because("tunnels are not routed")),
        None if is_token(text) && text == upper => Ok(upper),
        None => Err(Bad::plain()),
    }
}

fn host_pattern(text: &str) -> Result<String, Bad> {
    if let Some(host) = text.strip_prefix("http://").or(text.strip_prefix("https://")) {
        return Err(Bad::because("a host has no scheme").or_mean(host.split('/').next().unwrap_or(host)));
    }
    if let Some((host, _)) = text.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()) {
        return Err(Bad::because("a host matches on every port").or_mean(host));
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    if is_host_name(name) { Ok(text.to_ascii_lowercase()) } else { Err(Bad::plain()) }
}

fn path_pattern(text: &str) -> Result<String, Bad> {
    if !text.starts_with('/') {
        return Err(Bad::because("it must start with `/`").or_mean(format_args!("/{text}")));
    }
    if text.contains(['?', '#']) {
        return Err(Bad::because("a path holds no `?` and no `#`")
            .hint("what stands behind `?` is matched by `query`"));
    }
    if text.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return Err(Bad::because("a path holds no spaces and no control characters"));
    }
    Ok(text.into())
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The path pattern that matches everything.
pub(crate) fn any_path() -> PathPattern {
    PathPattern("/*".into())
}

/// A value of a match, which was checked when it was read.
pub(crate) fn header_value(text: &str) -> HeaderValue {
    HeaderValue(text.into())
}
