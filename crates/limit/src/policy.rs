//! What a limit says, and what it decides.

use std::num::NonZeroU32;
use std::time::Duration;

/// So many in a span of time: `100/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In how long; never zero.
    pub per: Duration,
}

/// A span of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

/// What is allowed to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Allowance {
    /// A bucket that fills evenly (GCRA, ITU-T I.371): never more than `rate x t + burst` in any span of `t`.
    Bucket {
        /// How fast it fills.
        rate: Rate,
        /// How much it holds; at least 1.
        burst: NonZeroU32,
    },
    /// A count that begins anew with the calendar, and that survives a restart.
    Quota {
        /// How many in a window.
        count: u64,
        /// The window.
        window: Window,
    },
}

/// Whose bucket, quota or gate it is: a keyed hash of the policy and of what the policy counts by. 128 bits, so that no two
/// callers share one by chance, and keyed, so that nobody can choose to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u128);

/// A key with what it is allowed, as it is passed on to other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keyed {
    /// Whose.
    pub key: Key,
    /// What is allowed.
    pub allowance: Allowance,
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// May it go on?
    pub admitted: bool,
    /// The most that may come at once (the burst), or in the window: `q` of `RateLimit-Policy`.
    pub limit: u64,
    /// How many more may come at once now: `r` of `RateLimit`.
    pub remaining: u64,
    /// Until there is room for one more where nothing remains; else until the bucket is full, or the window ends: `t` of
    /// `RateLimit`.
    pub reset: Duration,
    /// How long this request would have had to wait; zero where it was admitted.
    pub retry_after: Duration,
}
