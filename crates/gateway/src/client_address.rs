//! Who is the client, behind the proxies that are trusted to tell?
//!
//! `X-Forwarded-For`, or `Forwarded` (RFC 7239) where that alone is there, is walked from its right end, where the nearest
//! proxy wrote, and the walk ends at the first address that is not a trusted proxy: what stands further left could be
//! anybody's invention. A hop that is `unknown`, hidden behind a name or unreadable ends it too.
//!
//! Hot path: nothing where no proxy is trusted.

mod forwarded;

pub use auth::{BadNetwork, Network};
use message::{Fields, Name};
use std::net::IpAddr;

/// Is the connection's other end a proxy that is trusted?
pub(crate) fn is_trusted(peer: Option<IpAddr>, trusted: &[Network]) -> bool {
    peer.is_some_and(|ip| is_one_of(ip, trusted))
}

/// The client's address; `None` where the connection has none, as over a Unix socket.
///
/// `X-Forwarded-For` goes before `Forwarded`. A proxy that writes the one often passes the other on as it came, and nobody
/// can see which of them it wrote. Most write `X-Forwarded-For`; behind such a one it is always there, so what a client
/// wrote into `Forwarded` is never read.
pub(crate) fn client(peer: Option<IpAddr>, fields: &Fields, trusted: &[Network]) -> Option<IpAddr> {
    if trusted.is_empty() || !is_trusted(peer, trusted) {
        return peer;
    }
    let peer = peer?;
    if fields.has(Name::XForwardedFor) {
        let lines: Vec<&[u8]> = fields.all(Name::XForwardedFor).collect();
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(|&b| b == b','));
        Some(walk(peer, hops.map(|hop| address(hop.trim_ascii())), trusted))
    } else {
        Some(by_forwarded(peer, fields, trusted))
    }
}

/// Does `Forwarded`, which came from a trusted proxy, name another client than `X-Forwarded-For` beside it? One that names
/// none, because not all proxies on the way write it, contradicts nobody.
pub(crate) fn is_contradicted(
    peer: Option<IpAddr>,
    client: Option<IpAddr>,
    fields: &Fields,
    trusted: &[Network],
) -> bool {
    let (Some(peer), true) = (peer, fields.has(Name::XForwardedFor) && fields.has(Name::Forwarded)) else {
        return false;
    };
    let named = by_forwarded(peer, fields, trusted);
    Some(named) != client && !is_one_of(named, trusted)
}

fn by_forwarded(peer: IpAddr, fields: &Fields, trusted: &[Network]) -> IpAddr {
    let lines: Vec<&[u8]> = fields.all(Name::Forwarded).collect();
    walk(peer, lines.iter().rev().flat_map(|line| forwarded::hops(line)), trusted)
}

/// Walks from the nearest hop to the first that no trusted proxy is, or that nobody can read.
fn walk(peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>, trusted: &[Network]) -> IpAddr {
    let mut client = peer;
    for hop in hops {
        let Some(address) = hop else { break };
        client = address.to_canonical();
        if !is_one_of(client, trusted) {
            break;
        }
    }
    client
}

fn is_one_of(address: IpAddr, networks: &[Network]) -> bool {
    networks.iter().any(|n| n.contains(address))
}

/// An address as proxies write it: bare, in brackets, or with a port, which may be hidden behind a name
/// (RFC 7239 section 6.2).
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, behind) = rest.split_once(']')?;
        let port = if behind.is_empty() { None } else { Some(behind.strip_prefix(':')?) };
        (IpAddr::V6(host.parse().ok()?), port)
    } else {
        let (host, port) = text.split_once(':')?;
        (IpAddr::V4(host.parse().ok()?), Some(port))
    };
    let is_port = |port: &str| match port.strip_prefix('_') {
        Some(name) => {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        }
        None => port.len() <= 5 && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()),
    };
    port.is_none_or(is_port).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut fields = Fields::new();
        for line in forwarded {
            fields.push("X-Forwarded-For", line.as_bytes()).unwrap();
        }
        let trusted: Vec<Network> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        client(Some(peer.parse().unwrap()), &fields, &trusted).unwrap().to_string()
    }

    #[test]
    fn a_connection_without_an_address_has_no_client_whatever_it_claims() {
        let mut fields = Fields::new();
        fields.push("X-Forwarded-For", b"1.2.3.4").unwrap();
        assert_eq!(client(None, &fields, &["0.0.0.0/0".parse().unwrap()]), None);
    }

    #[test]
    fn what_a_client_claims_is_not_believed() {
        assert_eq!(ask("9.9.9.9", &["1.2.3.4"], &[]), "9.9.9.9");
        assert_eq!(ask("9.9.9.9", &["1.2.3.4"], &["10.0.0.0/8"]), "9.9.9.9");
    }

    #[test]
    fn the_walk_ends_at_the_first_address_that_is_not_a_trusted_proxy() {
        let trusted = &["10.0.0.0/8", "fd00::/8"];
        assert_eq!(ask("10.0.0.1", &["6.6.6.6, 1.2.3.4"], trusted), "1.2.3.4");
        assert_eq!(ask("10.0.0.1", &["6.6.6.6", "1.2.3.4, 10.0.0.2"], trusted), "1.2.3.4");
        assert_eq!(ask("10.0.0.1", &["garbage, 10.0.0.2"], trusted), "10.0.0.2");
        assert_eq!(ask("10.0.0.1", &["[2001:db8::1]:443"], trusted), "2001:db8::1");
        assert_eq!(ask("::ffff:10.0.0.1", &["1.2.3.4:99"], trusted), "1.2.3.4");
        assert_eq!(ask("10.0.0.1", &[], trusted), "10.0.0.1");
    }

    #[test]
    fn an_address_is_read_as_proxies_write_it() {
        for (hop, want) in [
            ("1.2.3.4", Some("1.2.3.4")),
            ("1.2.3.4:80", Some("1.2.3.4")),
            ("1.2.3.4:_http", Some("1.2.3.4")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("[2001:db8::1]:_a.b-c", Some("2001:db8::1")),
            ("1.2.3.4:", None),
            ("1.2.3.4:_", None),
            ("1.2.3.4:port", None),
            ("[1.2.3.4]", None),
            ("[2001:db8::1]443", None),
            ("[2001:db8::1", None),
            ("unknown", None),
            ("_hidden", None),
            ("", None),
        ] {
            assert_eq!(address(hop.as_bytes()).map(|ip| ip.to_string()).as_deref(), want, "{hop}");
        }
    }

    /// The client of a connection from 10.0.0.1 with these lines, where 10.0.0.0/8 is trusted.
    fn behind(lines: &[(&str, &str)]) -> String {
        let mut fields = Fields::new();
        for (name, line) in lines {
            fields.push(name, line.as_bytes()).unwrap();
        }
        client(Some("10.0.0.1".parse().unwrap()), &fields, &["10.0.0.0/8".parse().unwrap()])
            .unwrap()
            .to_string()
    }

    #[test]
    fn forwarded_is_walked_as_x_forwarded_for_is() {
        for (lines, want) in [
            (&["for=1.2.3.4;proto=https, for=10.0.0.2;by=10.0.0.1"][..], "1.2.3.4"),
            (&["for=6.6.6.6, for=1.2.3.4"], "1.2.3.4"),
            (&["for=6.6.6.6", "for=1.2.3.4", "for=10.0.0.9"], "1.2.3.4"),
            (&["For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
            (&["proto=https;host=\"a, for=6.6.6.6\";for=\"1.2.3.4:_x\""], "1.2.3.4"),
            (&["for=1.2.3.4, for=unknown"], "10.0.0.1"),
            (&["for=1.2.3.4, for=_hidden, for=10.0.0.3"], "10.0.0.3"),
            (&["for=1.2.3.4, proto=https"], "10.0.0.1"),
            (&["for=\"1.2.3.4, for=9.9.9.9"], "9.9.9.9"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("Forwarded", *line)).collect();
            assert_eq!(behind(&lines), want, "{lines:?}");
        }
    }

    #[test]
    fn x_forwarded_for_goes_before_forwarded_whatever_is_in_it() {
        let spoofed = ("Forwarded", "for=6.6.6.6");
        assert_eq!(behind(&[spoofed, ("X-Forwarded-For", "1.2.3.4")]), "1.2.3.4");
        assert_eq!(behind(&[spoofed, ("X-Forwarded-For", "garbage")]), "10.0.0.1");
        assert_eq!(behind(&[spoofed, ("X-Forwarded-For", "")]), "10.0.0.1");
    }

    #[test]
    fn forwarded_contradicts_only_where_it_names_another_client() {
        for (forwarded, contradicts) in
            [("for=6.6.6.6", true), ("for=1.2.3.4", false), ("for=10.0.0.7", false), ("for=_x", false)]
        {
            let mut fields = Fields::new();
            fields.push("Forwarded", forwarded.as_bytes()).unwrap();
            let (peer, trusted) = (Some("10.0.0.1".parse().unwrap()), ["10.0.0.0/8".parse().unwrap()]);
            let client = Some("1.2.3.4".parse().unwrap());
            assert!(!is_contradicted(peer, client, &fields, &trusted), "alone it is the word");
            fields.push("X-Forwarded-For", b"1.2.3.4").unwrap();
            assert_eq!(is_contradicted(peer, client, &fields, &trusted), contradicts, "{forwarded}");
        }
    }
}
