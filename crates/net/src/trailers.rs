//! Which fields may stand behind a body (RFC 9110 section 6.5.1), the same for every version and direction.
//!
//! A recipient may merge trailers into the head. What frames, routes, authenticates or describes a message, and what
//! tells who the client is, has been decided upon by then, so it is dropped there.

use http::{HeaderMap, HeaderName};
use message::Name;

/// How the names begin by which proxies tell what they know of a client.
const FORWARDED: &[u8] = b"x-forwarded-";

/// May a field of that name be a trailer? `text`: the name as it came.
pub(crate) fn may_trail(name: Name, text: &[u8]) -> bool {
    if name != Name::Other {
        return is_harmless(name);
    }
    // What CGI, WSGI and their like hand to an application names `X_Real_IP` and `X-Real-IP` alike.
    let reads_as: Vec<u8> =
        text.iter().map(|&b| if b == b'_' { b'-' } else { b.to_ascii_lowercase() }).collect();
    is_harmless(Name::of(&reads_as)) && !reads_as.starts_with(FORWARDED)
}

fn is_harmless(name: Name) -> bool {
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
    let forbidden = |name: &&HeaderName| {
        let text = name.as_str().as_bytes();
        !may_trail(Name::of(text), text)
    };
    let names: Vec<HeaderName> = map.keys().filter(forbidden).cloned().collect();
    for name in names {
        map.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_reads_as_a_forbidden_one_is_forbidden_too() {
        let may = |text: &str| may_trail(Name::of(text.as_bytes()), text.as_bytes());
        for name in
            ["Content-Length", "content_length", "X_Forwarded-For", "X-Forwarded-Prefix", "x_forwarded_tls"]
        {
            assert!(!may(name), "{name}");
        }
        for name in ["X-Sum", "x_sum", "grpc-status", "Server-Timing", "X-Forwarded"] {
            assert!(may(name), "{name}");
        }
    }
}
