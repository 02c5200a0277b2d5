//! Who is the client, behind the proxies that are trusted to tell?
//!
//! `X-Forwarded-For` is walked from its right end, where the nearest proxy wrote, and ends at the first address that is
//! not a trusted proxy: what stands further left could be anybody's invention.

use message::{Fields, Name};
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses: `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is no [`Network`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadNetwork(String);

impl std::fmt::Display for BadNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is not an address or a network such as 10.0.0.0/8", self.0)
    }
}

impl std::error::Error for BadNetwork {}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.into());
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| bad())?;
        if bits > most { Err(bad()) } else { Ok(Self { address, bits }) }
    }
}

impl Network {
    /// Is the address in the range?
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                a.to_bits() & mask == b.to_bits() & mask
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                a.to_bits() & mask == b.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// Is the connection's other end a proxy that is trusted?
pub(crate) fn is_trusted(peer: Option<IpAddr>, trusted: &[Network]) -> bool {
    peer.is_some_and(|ip| trusted.iter().any(|n| n.contains(ip)))
}

/// The client's address; `None` where the connection has none, as over a Unix socket.
pub(crate) fn client(peer: Option<IpAddr>, fields: &Fields, trusted: &[Network]) -> Option<IpAddr> {
    if trusted.is_empty() || !is_trusted(peer, trusted) {
        return peer;
    }
    let lines: Vec<&[u8]> = fields.all(Name::XForwardedFor).collect();
    let mut client = peer?;
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(|&b| b == b',')) {
        let Some(address) = parse_hop(hop.trim_ascii()) else { break };
        client = address.to_canonical();
        if !trusted.iter().any(|n| n.contains(client)) {
            break;
        }
    }
    Some(client)
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    text.parse()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
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
    fn networks_are_read_and_bad_ones_refused() {
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("8.8.8.8".parse().unwrap()));
        assert!(!all.contains("::1".parse().unwrap()));
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "a/8", "10.0.0.0/-1", "10.0.0.0/"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
