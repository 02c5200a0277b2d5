//! The hash behind `maglev` and `ring_hash`: XXH3, 64 bits, no seed.
//!
//! Every node, every version of the program and every processor must agree on where a key goes, so the function is
//! one whose values are published, and the tests hold it to them. The standard library's hasher promises none of
//! this. XXH3 is not secret: a client can find keys that meet at one endpoint, as it can by sending one key again
//! and again; the bound on load is what helps against both.
//!
//! Hashing a short key costs about 3 ns.

use twox_hash::XxHash3_64;

/// The hash of a key (a header, a cookie, an address) or of an endpoint's name. It will not change.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// One hash of two numbers: another one for each `salt`.
pub(crate) fn salted(number: u64, salt: u64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8..].copy_from_slice(&salt.to_le_bytes());
    stable_hash(&bytes)
}

/// Random or hashed bits as a number in `[0, 1)`.
pub(crate) fn unit(bits: u64) -> f64 {
    // 53 bits are what an f64 holds exactly.
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that the reference implementation's self-test hashes.
    fn sanity_bytes(len: usize) -> Vec<u8> {
        let mut state = 2_654_435_761_u64;
        let next = |_| {
            let byte = (state >> 56) as u8;
            state = state.wrapping_mul(11_400_714_785_074_694_797);
            byte
        };
        (0..len).map(next).collect()
    }

    #[test]
    fn hashes_are_those_of_the_reference_implementation() {
        assert_eq!(stable_hash(b"a"), 0xE6C6_32B6_1E96_4E1F);
        assert_eq!(stable_hash(b"abc"), 0x78AF_5F94_892F_3950);
        for (len, want) in [
            (0, 0x2D06_8005_38D3_94C2),
            (1, 0xC44B_DFF4_074E_ECDB),
            (6, 0x27B5_6A84_CD2D_7325),
            (12, 0xA713_DAF0_DFBB_77E7),
            (24, 0xA3FE_70BF_9D35_10EB),
            (48, 0x397D_A259_ECBA_1F11),
            (80, 0xBCDE_FBBB_2C47_C90A),
            (195, 0xCD94_217E_E362_EC3A),
        ] {
            assert_eq!(stable_hash(&sanity_bytes(len)), want, "{len} bytes");
        }
    }

    #[test]
    fn a_unit_is_at_least_0_and_below_1() {
        assert!(unit(0) >= 0.0 && unit(u64::MAX) < 1.0);
        assert!((unit(1 << 63) - 0.5).abs() < 1e-12);
    }
}
