//! Ranges of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
//!
//! An IPv4 address in IPv6's clothes (`::ffff:10.0.0.1`) is the IPv4 address, on both sides, so that none slips past a rule
//! by the way it is written.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses: `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is no [`Network`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address or a network such as 10.0.0.0/8")]
pub struct BadNetwork(String);

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.into());
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            // A number as `u8` reads it, without its `+`.
            Some(digits) if digits.starts_with('+') => return Err(bad()),
            Some(digits) => digits.parse().map_err(|_| bad())?,
        };
        match (address, address.to_canonical()) {
            _ if bits > most => Err(bad()),
            (IpAddr::V6(_), v4 @ IpAddr::V4(_)) if bits >= 96 => Ok(Self { address: v4, bits: bits - 96 }),
            // Part of it would be all of IPv4, which nobody means who writes this.
            (IpAddr::V6(_), IpAddr::V4(_)) => Err(bad()),
            _ => Ok(Self { address, bits }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Network {
    /// Is the address in the range?
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let (first, last) = self.bounds();
        address.is_ipv4() == self.address.is_ipv4() && (first..=last).contains(&number(address))
    }

    /// The first and the last address, as numbers; those of IPv4 have 32 bits.
    pub(crate) fn bounds(&self) -> (u128, u128) {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        // A shift by the whole width is none that Rust does: a range of everything has no fixed bits at all.
        let free = u128::MAX.checked_shr(128 - u32::from(most - self.bits)).unwrap_or(0);
        let first = number(self.address) & !free;
        (first, first | free)
    }

    /// Is it a range of IPv4?
    pub(crate) fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }
}

/// An address as a number.
pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_other() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.1.2.3/8", "10.0.0.0", "9.255.255.255"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.6/31", "192.0.2.7", "192.0.2.8"),
            ("2001:db8::/32", "2001:db8:ffff::", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("::/0", "ffff::", "10.0.0.1"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("8000::/1", "ffff::", "7fff::"),
        ] {
            assert!(holds(network, inside), "{network} {inside}");
            assert!(!holds(network, outside), "{network} {outside}");
        }
    }

    #[test]
    fn an_ipv4_address_is_the_same_however_it_is_written() {
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(holds("::ffff:10.0.0.0/104", "10.0.0.1"));
        assert!(holds("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(!holds("::ffff:10.0.0.0/104", "11.0.0.1"));
    }

    #[test]
    fn what_is_no_network_is_refused_by_name() {
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "a/8",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "1.2.3.4/+8",
            "1.2.3.4/8/8",
            "::ffff:10.0.0.0/95",
        ] {
            let error = bad.parse::<Network>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{bad}` is not")), "{error}");
        }
        assert_eq!("10.0.0.0/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
    }
}
