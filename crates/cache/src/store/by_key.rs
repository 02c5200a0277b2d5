//! Keys are hashes already, made with a secret seed: a map takes their lower half.

use std::hash::{BuildHasherDefault, Hasher};

/// Hashes a [`crate::Key`], or its lower half alone.
pub(crate) type ByKey = BuildHasherDefault<Half>;

/// The lower half of a key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Half(u64);

impl Hasher for Half {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, half: u64) {
        self.0 = half;
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
