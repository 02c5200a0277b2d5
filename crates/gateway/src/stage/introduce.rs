//! Tells the upstream who is asking: `X-Forwarded-*` and `Forwarded` (RFC 7239), `Via`, `X-Request-Id`.
//!
//! What a client claims about itself is replaced, unless the connection comes from a trusted proxy: then its chain is
//! continued.

use crate::client_address::is_trusted;
use crate::trip::{Id, Trip};
use message::{Name, RequestHead, Version};

/// `Via`'s received-by part (RFC 9110 section 7.6.3).
pub(crate) const PSEUDONYM: &str = "tidegate";

/// Writes the fields.
pub(crate) fn introduce(trip: &mut Trip) {
    let Some(head) = &mut trip.head else { return };
    let peer = &trip.peer;
    let trusted = is_trusted(peer.ip(), &trip.here.site.trusted_proxies);
    let host = head.authority.as_ref().map_or("", |a| a.as_str()).to_owned();
    let mut line = Vec::with_capacity(96);

    chain(head, Name::XForwardedFor, trusted, &mut line, |line| line.extend_from_slice(peer.text.as_bytes()));
    chain(head, Name::Forwarded, trusted, &mut line, |line| {
        line.extend_from_slice(b"for=");
        node(line, &peer.text);
        if !host.is_empty() {
            line.extend_from_slice(b";host=");
            node(line, &host);
        }
        line.extend_from_slice(b";proto=");
        line.extend_from_slice(peer.scheme.as_str().as_bytes());
    });
    if !trusted || !head.fields.has(Name::XForwardedProto) {
        head.fields.set(Name::XForwardedProto, peer.scheme.as_str().as_bytes());
    }
    if !trusted || !head.fields.has(Name::XForwardedHost) {
        head.fields.set(Name::XForwardedHost, host.as_bytes());
    }
    if !trusted {
        head.fields.remove(Name::XRealIp);
        head.fields.remove(Name::XForwardedPort);
    }
    match &trip.id {
        Id::Kept(_) => {}
        Id::Made(id) => head.fields.set(Name::XRequestId, id.as_bytes()),
    }
    let version = version_number(head.version);
    head.fields.push_checked(b"via", via(version).as_bytes());
}

/// Continues a chain that a trusted proxy began, or begins one.
fn chain(
    head: &mut RequestHead,
    name: Name,
    trusted: bool,
    line: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    line.clear();
    if trusted {
        for earlier in head.fields.all(name) {
            line.extend_from_slice(earlier);
            line.extend_from_slice(b", ");
        }
    }
    write(line);
    head.fields.set(name, line);
}

/// A node or host of RFC 7239: quoted where it is not a token.
fn node(line: &mut Vec<u8>, text: &str) {
    let bare = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let is_v6 = text.contains("::") || text.bytes().filter(|&b| b == b':').count() > 1;
    match (bare, is_v6 && !text.starts_with('[')) {
        (true, _) => line.extend_from_slice(text.as_bytes()),
        (false, true) => line.extend_from_slice(format!("\"[{text}]\"").as_bytes()),
        (false, false) => line.extend_from_slice(format!("\"{text}\"").as_bytes()),
    }
}

pub(crate) fn via(version: &str) -> String {
    format!("{version} {PSEUDONYM}")
}

/// The received version, as `Via` writes it.
pub(crate) fn version_number(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        Version::HTTP_3 => "3.0",
        _ => "1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_quoted_where_they_are_no_tokens() {
        for (text, want) in [
            ("10.0.0.1", "10.0.0.1"),
            ("example.com", "example.com"),
            ("example.com:81", "\"example.com:81\""),
            ("2001:db8::1", "\"[2001:db8::1]\""),
            ("[::1]:8080", "\"[::1]:8080\""),
        ] {
            let mut line = Vec::new();
            node(&mut line, text);
            assert_eq!(line, want.as_bytes(), "{text}");
        }
    }
}
