//! From which addresses a route may be used.
//!
//! `deny` goes before `allow`; where there is an `allow`, who is not in it is out. A connection without an address, as over
//! a Unix socket, is in no network: it passes where nothing is asked of addresses but who is denied.
//!
//! Hot path: a binary search in each list, over ranges that were sorted and joined when the config was read.

use crate::Network;
use crate::network::number;
use std::net::IpAddr;

/// Who may come, by address.
#[derive(Clone, Debug, Default)]
pub struct IpRules {
    /// `None`: everybody.
    allow: Option<Ranges>,
    deny: Ranges,
}

impl IpRules {
    /// Rules of these networks. An empty `allow` allows everybody who is not denied.
    pub fn new(allow: &[Network], deny: &[Network]) -> Self {
        Self { allow: (!allow.is_empty()).then(|| Ranges::of(allow)), deny: Ranges::of(deny) }
    }

    /// May a client with this address come?
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        let Some(address) = address.map(|ip| ip.to_canonical()) else { return self.allow.is_none() };
        !self.deny.contains(address) && self.allow.as_ref().is_none_or(|allow| allow.contains(address))
    }
}

/// Networks as ranges of numbers, in order, that do not touch.
#[derive(Clone, Debug, Default)]
struct Ranges {
    v4: Vec<(u128, u128)>,
    v6: Vec<(u128, u128)>,
}

impl Ranges {
    fn of(networks: &[Network]) -> Self {
        let of_family = |is_ipv4| {
            joined(networks.iter().filter(|n| n.is_ipv4() == is_ipv4).map(Network::bounds).collect())
        };
        Self { v4: of_family(true), v6: of_family(false) }
    }

    fn contains(&self, address: IpAddr) -> bool {
        let (ranges, number) = (if address.is_ipv4() { &self.v4 } else { &self.v6 }, number(address));
        let before = ranges.partition_point(|(first, _)| *first <= number);
        before.checked_sub(1).is_some_and(|at| number <= ranges[at].1)
    }
}

fn joined(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn admits(allow: &[&str], deny: &[&str], address: &str) -> bool {
        IpRules::new(&networks(allow), &networks(deny)).admits(address.parse().ok())
    }

    #[test]
    fn who_is_denied_is_out_also_where_allowed() {
        assert!(admits(&[], &[], "8.8.8.8"));
        assert!(admits(&[], &["10.0.0.0/8"], "8.8.8.8"));
        assert!(!admits(&[], &["10.0.0.0/8"], "::ffff:10.1.1.1"));
        assert!(admits(&["10.0.0.0/8"], &["10.1.0.0/16"], "10.2.0.1"));
        assert!(!admits(&["10.0.0.0/8"], &["10.1.0.0/16"], "10.1.0.1"));
        assert!(!admits(&["10.0.0.0/8"], &[], "8.8.8.8"));
        assert!(!admits(&["10.0.0.0/8"], &[], "::1"));
    }

    #[test]
    fn who_has_no_address_is_in_no_network() {
        assert!(admits(&[], &["0.0.0.0/0"], "none"));
        assert!(!admits(&["0.0.0.0/0", "::/0"], &[], "none"));
    }

    proptest! {
        #[test]
        fn many_networks_hold_what_one_of_them_holds(
            list in prop::collection::vec((0_u8..4, 0_u8..4, 14_u8..=32), 1..12), a in 0_u8..4, b in 0_u8..4, c: u8,
        ) {
            let list: Vec<Network> =
                list.iter().map(|(a, b, bits)| format!("10.{a}.{b}.0/{bits}").parse().unwrap()).collect();
            let address = IpAddr::from([10, a, b, c]);
            let want = list.iter().any(|network| network.contains(address));
            prop_assert_eq!(IpRules::new(&list, &[]).admits(Some(address)), want);
            prop_assert_eq!(IpRules::new(&[], &list).admits(Some(address)), !want);
        }
    }
}
