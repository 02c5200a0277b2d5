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
        let high = self.next_u64();
        // A trace-id of zeros is invalid (W3C Trace Context 3.2.2.3): the last bit is always set.
        let low = self.next_u64() | 1;
        let mut text = [0; 32];
        let (eights, _) = text.as_chunks_mut();
        for (eight, bits) in eights.iter_mut().zip([high >> 32, high, low >> 32, low]) {
            *eight = hex(bits as u32);
        }
        RequestId(text)
    }
}

/// Eight hex digits at once: the digits are spread over the bytes of a word, which then become letters together. One at
/// a time, an id costs two and a half times as much.
fn hex(bits: u32) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut digits = u64::from(bits);
    digits = (digits << 16 | digits) & 0x0000_ffff_0000_ffff;
    digits = (digits << 8 | digits) & 0x00ff_00ff_00ff_00ff;
    digits = (digits << 4 | digits) & (EACH * 0x0f);
    // 10 to 15 carry into the upper half of their byte when 6 is added.
    let letters = (digits + EACH * 6) >> 4 & EACH;
    (digits + EACH * u64::from(b'0') + letters * u64::from(b'a' - b'0' - 10)).to_be_bytes()
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
    fn hex_digits_are_those_of_the_number() {
        let mut source = IdSource::seeded(3);
        let some = (0..1000).map(|_| source.next_u64() as u32);
        for bits in some.chain([0, 9, 10, 15, 16, 0x0123_4567, 0x89ab_cdef, u32::MAX]) {
            assert_eq!(hex(bits), format!("{bits:08x}").as_bytes());
        }
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
