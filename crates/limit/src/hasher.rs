//! Keys from what a policy counts by: SipHash-1-3 with 128 bits and a secret seed.
//!
//! *Promise*: other parts, another order or another split give another key, since each part goes in behind its length; who
//! does not know the seed cannot make two callers share a key. The same on every machine, so nodes with one seed agree.
//! *Cost*: about 25 ns for a policy and an address. No allocation.

use crate::policy::Key;
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use std::fmt;
use std::hash::Hasher as _;

/// Makes keys.
#[derive(Clone)]
pub struct Hasher(SipHasher13);

impl Hasher {
    /// With a seed that is random and secret. Nodes that share limits share it.
    pub fn new(seed: [u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(&seed))
    }

    /// The key of what a policy counts by: the address, or the consumer and the route.
    pub fn key<'a>(&self, policy: &str, parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
        let mut state = self.0;
        add(&mut state, policy.as_bytes());
        for part in parts {
            add(&mut state, part);
        }
        Key(state.finish128().as_u128())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The seed stays secret.
        f.write_str("Hasher")
    }
}

/// Bytes with their length before them, in an order that does not depend on the machine.
fn add(state: &mut SipHasher13, part: &[u8]) {
    state.write(&(part.len() as u64).to_le_bytes());
    state.write(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn key(policy: &str, parts: &[&[u8]]) -> Key {
        Hasher::new(*b"0123456789abcdef").key(policy, parts.iter().copied())
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let keys = [
            key("p", &[b"ab", b"c"]),
            key("p", &[b"a", b"bc"]),
            key("p", &[b"abc"]),
            key("pa", &[b"bc"]),
            key("p", &[b"abc", b""]),
            key("", &[b"p", b"abc"]),
            key("p", &[]),
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn keys_depend_on_the_seed_and_stay_the_same_over_versions() {
        let other = Hasher::new(*b"fedcba9876543210");
        assert_ne!(other.key("p", [b"a".as_slice()]), key("p", &[b"a"]));
        // Nodes of two versions share limits while they are upgraded.
        assert_eq!(
            key("login", &[b"192.0.2.1", b"mobile"]),
            Key(49_969_604_523_132_148_098_049_585_325_336_236_531)
        );
    }

    #[test]
    fn the_seed_is_not_shown() {
        assert_eq!(format!("{:?}", Hasher::new(*b"0123456789abcdef")), "Hasher");
    }

    proptest! {
        #[test]
        fn equal_keys_mean_equal_parts(
            all in proptest::collection::vec(("[ab]{0,2}", proptest::collection::vec("[ab]{0,3}", 0..3)), 2..200)
        ) {
            let mut seen = HashMap::new();
            for (policy, parts) in all {
                let bytes: Vec<_> = parts.iter().map(String::as_bytes).collect();
                let before = seen.insert(key(&policy, &bytes), (policy.clone(), parts.clone()));
                prop_assert!(before.is_none_or(|before| before == (policy, parts)));
            }
        }
    }
}
