//! What a limit says, and what it decides.

use crate::bucket::HORIZON;
use crate::tally::MOST as MOST_QUOTA;
use std::num::NonZeroU32;
use std::time::Duration;

/// The longest span that a rate may be counted in: the same as the longest calendar year.
const LONGEST_PER: Duration = Duration::from_secs(366 * 86_400);

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
        /// How many in a window; at most 2^40 - 1.
        count: u64,
        /// The window.
        window: Window,
    },
}

impl Allowance {
    /// Can this be kept? What it says is for the operator. What is not checked is kept too, but then it is stricter than
    /// what was written: nothing overflows.
    pub fn check(&self) -> Result<(), &'static str> {
        match *self {
            Self::Bucket { rate, burst } => check_bucket(rate, burst),
            Self::Quota { count: 0, .. } => Err("a quota of 0 allows nothing"),
            Self::Quota { count, .. } if count > MOST_QUOTA => {
                Err("a quota is at most 1099511627775 (2^40 - 1)")
            }
            Self::Quota { .. } => Ok(()),
        }
    }
}

fn check_bucket(rate: Rate, burst: NonZeroU32) -> Result<(), &'static str> {
    let (per, count) = (rate.per.as_nanos(), u128::from(rate.count.get()));
    if per == 0 {
        return Err("a rate needs a span of time");
    }
    if rate.per > LONGEST_PER {
        return Err("a rate is counted in at most 366 days");
    }
    if per < count {
        return Err("a rate is at most 1000000000/s");
    }
    let interval = per.div_ceil(count);
    // 100 x ceil(per / count) > 101 x per / count: a hundredth of the rate would be lost.
    if 100 * interval * count > 101 * per {
        return Err(
            "a rate this high is kept in whole nanoseconds between two requests; a rate of at most 10000000/s, or one that \
             divides 1000000000/s, is kept to 1 %",
        );
    }
    if interval * u128::from(burst.get()) > u128::from(HORIZON) {
        return Err("the burst takes more than 100 years to fill at this rate");
    }
    Ok(())
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
    /// How long this request would have had to wait; zero where it was admitted. A cost above the burst is never admitted:
    /// then it is the time until there is most.
    pub retry_after: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(count: u32, per: Duration, burst: u32) -> Allowance {
        let non_zero = |n| NonZeroU32::new(n).expect("not zero");
        Allowance::Bucket { rate: Rate { count: non_zero(count), per }, burst: non_zero(burst) }
    }

    #[test]
    fn rates_from_one_a_month_to_a_billion_a_second_can_be_kept() {
        let (second, month) = (Duration::from_secs(1), Duration::from_secs(31 * 86_400));
        for good in [
            bucket(1, month, 1),
            bucket(1, month, 1_000),
            bucket(7, Duration::from_secs(86_400), 7),
            bucket(9_999_999, second, u32::MAX),
            bucket(1_000_000_000, second, 1),
        ] {
            assert_eq!(good.check(), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_its_reason() {
        let second = Duration::from_secs(1);
        for (bad, why) in [
            (bucket(1_000_000_001, second, 1), "at most 1000000000/s"),
            (bucket(u32::MAX, Duration::from_nanos(1), 1), "at most 1000000000/s"),
            (bucket(700_000_000, second, 1), "whole nanoseconds"),
            (bucket(1, Duration::ZERO, 1), "span of time"),
            (bucket(1, Duration::MAX, 1), "366 days"),
            (bucket(1, Duration::from_secs(31 * 86_400), 2_000), "100 years"),
            (Allowance::Quota { count: 0, window: Window::Day }, "allows nothing"),
            (Allowance::Quota { count: 1 << 40, window: Window::Day }, "1099511627775"),
        ] {
            let said = bad.check().expect_err("it cannot be kept");
            assert!(said.contains(why), "{bad:?}: {said}");
        }
    }
}
