//! Something that is locked in 64 parts, each for a 64th of the keys, so that workers seldom meet.
//!
//! Used where a decision does not depend on it, or where it is exact only under a lock.

use crate::policy::Key;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Parts. A power of two, well above the number of workers.
pub(crate) const PARTS: usize = 64;

/// The parts.
#[derive(Debug)]
pub(crate) struct Shards<T>(Box<[Part<T>]>);

/// On a line of the cache of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Part<T>(Mutex<T>);

impl<T: Default> Shards<T> {
    pub(crate) fn new() -> Self {
        Self((0..PARTS).map(|_| Part::default()).collect())
    }

    /// The part of a key.
    pub(crate) fn of(&self, key: Key) -> MutexGuard<'_, T> {
        lock(&self.0[(key.0 >> 64) as usize % PARTS])
    }

    /// All parts, one after the other.
    pub(crate) fn all(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        self.0.iter().map(lock)
    }
}

fn lock<T>(part: &Part<T>) -> MutexGuard<'_, T> {
    part.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keys are hashes already: a map takes their lower half.
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

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
