//! Keys and allowances for tests and benches.
#![allow(dead_code, reason = "each test uses a part of it")]

use limit::{Allowance, Hasher, Key, Keyed, Rate};
use std::num::NonZeroU32;
use std::time::Duration;

/// A second in nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// A bucket of this rate.
pub(crate) fn bucket(count: u32, per: Duration, burst: u32) -> Allowance {
    let non_zero = |n| NonZeroU32::new(n).expect("not zero");
    Allowance::Bucket { rate: Rate { count: non_zero(count), per }, burst: non_zero(burst) }
}

/// A bucket of so many a second.
pub(crate) fn per_second(count: u32, burst: u32) -> Allowance {
    bucket(count, Duration::from_secs(1), burst)
}

/// The key of the n-th caller, as a policy makes it.
pub(crate) fn key(n: u64) -> Key {
    Hasher::new(*b"a seed for tests").key("test", [n.to_le_bytes().as_slice()])
}

/// The n-th caller with what is allowed to it.
pub(crate) fn keyed(n: u64, allowance: Allowance) -> Keyed {
    Keyed { key: key(n), allowance }
}
