//! Request ids: 128 random bits as 32 lower-case hex digits, also valid as a W3C trace-id.
//!
//! They name things in logs; they are not secrets. Each worker owns one [`IdSource`], so making one
//! costs a few nanoseconds and no lock. Generator: xoshiro256++ (Blackman and Vigna, 2019),
//! seeded from the operating system's randomness through the standard library's hasher keys.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A request's id as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 32]);

impl RequestId {
    /// The 32 hex digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are ASCII")
    }

    /// The 32 hex digits as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A worker's own source of ids and of cheap random numbers. Not for secrets.
#[derive(Clone, Debug)]
pub struct IdSource([u64; 4]);

impl Default for IdSource {
    fn default() -> Self {
        Self::seeded(RandomState::new().build_hasher().finish())
    }
}

impl IdSource {
    /// A source whose numbers follow from `seed`, for tests and simulations.
    pub fn seeded(seed: u64) -> Self {
        // SplitMix64, as the authors of xoshiro advise for filling its state.
        let mut x = seed;
        Self(std::array::from_fn(|_| {
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = x;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in `0..bound`; 0 where `bound` is 0. Multiply-shift (Lemire 2019); the bias is below 2^-32.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A new request id.
    pub fn request_id(&mut self) -> RequestId {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        let high = self.next_u64().to_be_bytes();
        // A trace-id of zeros is invalid (W3C Trace Context 3.2.2.3): the last bit is always set.
        let low = (self.next_u64() | 1).to_be_bytes();
        for (i, byte) in high.iter().chain(&low).enumerate() {
            text[2 * i] = HEX[usize::from(byte >> 4)];
            text[2 * i + 1] = HEX[usize::from(byte & 15)];
        }
        RequestId(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_hex_digits_and_differ() {
        let mut source = IdSource::default();
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| source.request_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.as_str().bytes().all(|b| b.is_ascii_hexdigit())));
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut a, mut b) = (IdSource::seeded(7), IdSource::seeded(7));
        assert!((0..100).all(|_| a.next_u64() == b.next_u64()));
    }

    #[test]
    fn below_stays_below_and_reaches_every_number() {
        let mut source = IdSource::seeded(1);
        let mut seen = [false; 10];
        for _ in 0..1000 {
            seen[source.below(10)] = true;
        }
        assert!(seen.iter().all(|&s| s));
        assert_eq!(source.below(0), 0);
    }
}
