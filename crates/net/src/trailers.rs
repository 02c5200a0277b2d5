//! Which fields may stand behind a body (RFC 9110 section 6.5.1), the same for every version and direction.
//!
//! A recipient may merge trailers into the head. What frames, routes, authenticates or describes a message, and what
//! tells who the client is, has been decided upon by then, so it is dropped there.

use http::{HeaderMap, HeaderName};
use message::Name;

/// May a field of that name be a trailer?
pub(crate) fn may_trail(name: Name) -> bool {
    !matches!(
        name,
        Name::TransferEncoding
            | Name::ContentLength
            | Name::Host
            | Name::Connection
            | Name::KeepAlive
            | Name::Te
            | Name::Trailer
            | Name::Upgrade
            | Name::Http2Settings
            | Name::ProxyConnection
            | Name::Authorization
            | Name::ProxyAuthorization
            | Name::ProxyAuthenticate
            | Name::WwwAuthenticate
            | Name::ContentEncoding
            | Name::ContentType
            | Name::ContentRange
            | Name::Cookie
            | Name::SetCookie
            | Name::CacheControl
            | Name::Age
            | Name::Date
            | Name::Expires
            | Name::Location
            | Name::RetryAfter
            | Name::Vary
            | Name::MaxForwards
            | Name::Expect
            | Name::Range
            | Name::IfMatch
            | Name::IfNoneMatch
            | Name::IfModifiedSince
            | Name::IfUnmodifiedSince
            | Name::IfRange
            | Name::Forwarded
            | Name::Via
            | Name::XForwardedFor
            | Name::XForwardedHost
            | Name::XForwardedPort
            | Name::XForwardedProto
            | Name::XRealIp
            | Name::XRequestId
    )
}

/// Drops what may not trail from a map that a library has read.
pub(crate) fn retain_allowed(map: &mut HeaderMap) {
    let forbidden = |name: &&HeaderName| !may_trail(Name::of(name.as_str().as_bytes()));
    let names: Vec<HeaderName> = map.keys().filter(forbidden).cloned().collect();
    for name in names {
        map.remove(name);
    }
}
