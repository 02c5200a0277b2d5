//! Tells the upstream who is asking: `X-Forwarded-*` and `Forwarded` (RFC 7239), `Via`, `X-Request-Id`.
//!
//! What a client claims about itself is replaced, unless the connection comes from a trusted proxy: then its chain is
//! continued.

use crate::client_address::{is_contradicted, is_trusted};
use crate::trip::{Id, Trip};
use message::{Fields, Name, RequestHead, Version};

/// How the names begin by which proxies tell what they know of a client.
const FORWARDED: &[u8] = b"x-forwarded-";

/// How the names begin by which Tidegate tells who is calling.
const VOUCHED: &[u8] = b"x-tidegate-";

/// Writes the fields.
pub(crate) fn introduce(trip: &mut Trip) {
    let Some(RequestHead { fields, authority, version, .. }) = &mut trip.head else { return };
    let peer = &trip.peer;
    let proxies = &trip.here.site.trusted_proxies;
    let trusted = is_trusted(peer.ip(), proxies);
    // A proxy that writes `X-Forwarded-For` alone passes on what a client wrote into the other.
    if trusted && is_contradicted(peer.ip(), trip.client, fields, proxies) {
        fields.remove(Name::Forwarded);
    }
    let host = authority.as_ref().map_or("", |a| a.as_str());
    let earlier = |fields: &Fields, name| if trusted { chain(fields, name) } else { Vec::new() };
    let (earlier_for, earlier_hops) =
        (earlier(fields, Name::XForwardedFor), earlier(fields, Name::Forwarded));
    let made = if let Id::Made(id) = &trip.id { Some(id) } else { None };
    // Once over all lines: what is written anew below goes, and what a stranger claims or anybody pretends.
    fields.retain(|name, text, _| match name {
        Name::Other => !is_pretended(text, trusted),
        Name::XForwardedFor
        | Name::Forwarded
        | Name::XTidegateAuth
        | Name::XTidegateConsumer
        | Name::XTidegateSubject
        | Name::XTidegatePlan
        | Name::XTidegateScopes => false,
        Name::XForwardedProto | Name::XForwardedHost | Name::XForwardedPort | Name::XRealIp => trusted,
        Name::XRequestId => made.is_none(),
        _ => true,
    });

    // Upstreams read addresses here, and a client over a Unix socket has none. `Forwarded` has a word for that.
    if peer.address.is_some() {
        fields.add_with(Name::XForwardedFor, |line| {
            line.extend_from_slice(&earlier_for);
            line.extend_from_slice(peer.text.as_bytes());
        });
    }
    fields.add_with(Name::Forwarded, |line| {
        line.extend_from_slice(&earlier_hops);
        line.extend_from_slice(b"for=");
        node(line, &peer.text);
        if !host.is_empty() {
            line.extend_from_slice(b";host=");
            node(line, host);
        }
        line.extend_from_slice(b";proto=");
        line.extend_from_slice(peer.scheme.as_str().as_bytes());
    });
    if !(trusted && fields.has(Name::XForwardedProto)) {
        fields.add(Name::XForwardedProto, peer.scheme.as_str().as_bytes());
    }
    if !(trusted && fields.has(Name::XForwardedHost)) {
        fields.add(Name::XForwardedHost, host.as_bytes());
    }
    if let Some(caller) = trip.guarded.as_ref().and_then(|guarded| guarded.caller.as_ref()) {
        // Nobody else may say it: what came by these names was taken off.
        caller.tell(fields);
    }
    if let Some(id) = made {
        fields.add(Name::XRequestId, id.as_bytes());
    }
    fields.add(Name::Via, via(*version));
}

/// Would an upstream take a field of that unknown name for one of ours? What CGI, WSGI and their like hand to an
/// application names `X_Real_IP` and `X-Real-IP` alike. Other `X-Forwarded-*` are taken from trusted proxies alone, and what
/// Tidegate says of callers from nobody.
fn is_pretended(name: &[u8], trusted: bool) -> bool {
    const OURS: [&[u8]; 4] = [b"x-real-ip", b"x-request-id", b"content-length", b"transfer-encoding"];
    let reads_as = |start: &[u8], ours: &[u8]| {
        start.iter().zip(ours).all(|(&b, &our)| b.to_ascii_lowercase() == our || b == b'_' && our == b'-')
    };
    match name.first().map(u8::to_ascii_lowercase) {
        Some(b'x' | b'c' | b't') => {}
        _ => return false,
    }
    if name.len() > FORWARDED.len() && reads_as(&name[..FORWARDED.len()], FORWARDED) {
        return !trusted || name.contains(&b'_');
    }
    if name.len() > VOUCHED.len() && reads_as(&name[..VOUCHED.len()], VOUCHED) {
        return true;
    }
    OURS.iter().any(|ours| ours.len() == name.len() && reads_as(name, ours))
}

/// The chain that trusted proxies began, to be continued.
fn chain(fields: &Fields, name: Name) -> Vec<u8> {
    fields.all(name).flat_map(|earlier| [earlier, b", "]).flatten().copied().collect()
}

/// The bytes of a node or host that need no quotes: of a token's, those that stand in names and addresses.
static PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < table.len() {
        table[b] = (b as u8).is_ascii_alphanumeric() || matches!(b as u8, b'-' | b'.' | b'_');
        b += 1;
    }
    table
};

/// A node or host of RFC 7239: quoted where it is not a token.
fn node(line: &mut Vec<u8>, text: &str) {
    let (mut plain, mut colons) = (true, 0);
    for b in text.bytes() {
        plain &= PLAIN[usize::from(b)];
        colons += u32::from(b == b':');
    }
    if plain {
        return line.extend_from_slice(text.as_bytes());
    }
    let bare_v6 = !text.starts_with('[') && colons > 1;
    let (open, close): (&[u8], &[u8]) = if bare_v6 { (b"\"[", b"]\"") } else { (b"\"", b"\"") };
    line.extend_from_slice(open);
    line.extend_from_slice(text.as_bytes());
    line.extend_from_slice(close);
}

/// What this gateway calls itself, behind the version in which it got the message (RFC 9110 section 7.6.3).
fn via(received: Version) -> &'static [u8] {
    match received {
        Version::HTTP_10 => b"1.0 tidegate",
        Version::HTTP_2 => b"2.0 tidegate",
        Version::HTTP_3 => b"3.0 tidegate",
        _ => b"1.1 tidegate",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_reads_as_one_of_ours_is_pretended() {
        for name in ["X_Real_IP", "x-real_ip", "Content_Length", "X_Forwarded_For", "TRANSFER_ENCODING"] {
            assert!(is_pretended(name.as_bytes(), true), "{name}");
        }
        for name in ["X-Own", "x", "", "Content_Type", "X-Real-IP-Too", "Cookie2", "X-Forwarded"] {
            assert!(!is_pretended(name.as_bytes(), false), "{name}");
        }
        assert!(is_pretended(b"X-Forwarded-Prefix", false), "a stranger says it");
        assert!(!is_pretended(b"X-Forwarded-Prefix", true), "a trusted proxy says it");
    }

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
