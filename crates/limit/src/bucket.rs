//! The arithmetic of a bucket: the generic cell rate algorithm (GCRA, ITU-T I.371, in its form with a virtual clock).
//!
//! A bucket is one number, the *theoretical arrival time* (TAT): when it will be full again. A request of cost `n` moves
//! it `n` intervals onwards from now, or from where it is where that is later, and is admitted where it then lies no further
//! ahead than the bucket is deep. So any span of `t` sees at most `t / interval + burst`.
//!
//! *Promise*: never more than `rate x t + burst`. The interval is rounded up to whole nanoseconds, so what is admitted may be
//! less than the rate by one part in `interval`: by 0.1 % at 1,000,000 a second where that does not divide evenly.
//! Everything saturates; nothing overflows, whatever the rate, the cost and the clock say.
//! *Not here*: where the number is kept, and that two workers do not move it at once.
//! *Cost*: two divisions.

use crate::policy::{Allowance, Decision, Rate};
use std::time::Duration;

/// The furthest that a bucket reaches ahead of now, in nanoseconds: 100 years. Deeper buckets are cut to it, and so is
/// debt; 2^64 nanoseconds are 584 years, so sums stay exact for centuries of uptime.
pub(crate) const HORIZON: u64 = 100 * 365 * 86_400 * 1_000_000_000;

/// An allowance in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// Between two requests at exactly the rate; at least 1.
    interval: u64,
    /// How long the whole burst takes to fill.
    depth: u64,
    /// How many it holds.
    burst: u64,
}

impl Bucket {
    /// The bucket of an allowance. A quota, which the calendar should count, becomes a bucket that holds all of it and fills
    /// over its longest window: a caller that mixes the two up is still limited.
    pub(crate) fn of(allowance: &Allowance) -> Self {
        let (interval, burst) = match *allowance {
            Allowance::Bucket { rate, burst } => (interval(rate), u64::from(burst.get())),
            Allowance::Quota { count, window } => {
                let nanos = window.longest().saturating_mul(1_000_000_000);
                (nanos.div_ceil(count.max(1)), count)
            }
        };
        let interval = interval.clamp(1, HORIZON);
        Self { interval, depth: interval.saturating_mul(burst).min(HORIZON), burst }
    }

    /// What becomes of a request of this cost, and the TAT to keep where it is admitted. The cost is at least 1.
    pub(crate) fn take(&self, tat: u64, cost: u32, now: u64) -> (Option<u64>, Decision) {
        let next = self.after(tat, cost, now);
        let late = next.saturating_sub(self.brim(now));
        if late == 0 {
            return (Some(next), self.admitted(next, now));
        }
        (None, self.refused(tat, cost, late, now))
    }

    /// Like [`Bucket::take`], for a request that may wait this long. It takes its place now and goes on when the time says.
    pub(crate) fn reserve(
        &self,
        tat: u64,
        cost: u32,
        now: u64,
        patience: Duration,
    ) -> (Option<u64>, (Decision, Duration)) {
        let next = self.after(tat, cost, now);
        let late = next.saturating_sub(self.brim(now));
        let wait = Duration::from_nanos(late);
        if late == 0 || (wait <= patience && self.holds(cost)) {
            return (Some(next), (self.admitted(next, now), wait));
        }
        (None, (self.refused(tat, cost, late, now), Duration::ZERO))
    }

    /// The TAT after a request that is counted in any case. It may lie further ahead than the bucket is deep, up to
    /// [`HORIZON`]: then all wait until the debt is paid.
    pub(crate) fn charge(&self, tat: u64, cost: u32, now: u64) -> u64 {
        self.after(tat, cost, now).min(now.saturating_add(HORIZON)).max(tat)
    }

    /// Would one request be admitted? Takes nothing.
    pub(crate) fn look(&self, tat: u64, now: u64) -> Decision {
        let late = self.after(tat, 1, now).saturating_sub(self.brim(now));
        if late == 0 { self.admitted(tat, now) } else { self.refused(tat, 1, late, now) }
    }

    /// How long between two requests at exactly the rate, in nanoseconds.
    pub(crate) fn interval(&self) -> u64 {
        self.interval
    }

    /// Can so much ever be admitted at once?
    fn holds(&self, cost: u32) -> bool {
        self.interval.saturating_mul(u64::from(cost)) <= self.depth
    }

    /// The TAT after this cost.
    fn after(&self, tat: u64, cost: u32, now: u64) -> u64 {
        tat.max(now).saturating_add(self.interval.saturating_mul(u64::from(cost)))
    }

    /// The latest TAT that may be reached now.
    fn brim(&self, now: u64) -> u64 {
        now.saturating_add(self.depth)
    }

    fn admitted(&self, tat: u64, now: u64) -> Decision {
        self.decision(true, tat, now, Duration::ZERO)
    }

    /// A request that came `late` nanoseconds too early. One that costs more than the bucket holds is never admitted; it is
    /// told to come back when there is most.
    fn refused(&self, tat: u64, cost: u32, late: u64, now: u64) -> Decision {
        let wait = if self.holds(cost) { late } else { tat.saturating_sub(now).max(self.interval) };
        self.decision(false, tat, now, Duration::from_nanos(wait))
    }

    fn decision(&self, admitted: bool, tat: u64, now: u64, retry_after: Duration) -> Decision {
        let used_until = tat.max(now);
        let room = self.brim(now).saturating_sub(used_until);
        let remaining = room / self.interval;
        let reset = if remaining == 0 {
            used_until.saturating_add(self.interval).saturating_sub(self.brim(now))
        } else {
            used_until - now
        };
        Decision { admitted, limit: self.burst, remaining, reset: Duration::from_nanos(reset), retry_after }
    }
}

/// From one request to the next at this rate, in nanoseconds, rounded up.
fn interval(rate: Rate) -> u64 {
    let per = u64::try_from(rate.per.as_nanos()).unwrap_or(u64::MAX);
    per.div_ceil(u64::from(rate.count.get()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Window;
    use std::num::NonZeroU32;

    const SECOND: u64 = 1_000_000_000;

    fn bucket(count: u32, per: Duration, burst: u32) -> Bucket {
        let non_zero = |n| NonZeroU32::new(n).expect("not zero");
        Bucket::of(&Allowance::Bucket { rate: Rate { count: non_zero(count), per }, burst: non_zero(burst) })
    }

    #[test]
    fn a_decision_tells_what_remains_and_when_it_is_whole_again() {
        let bucket = bucket(10, Duration::from_secs(1), 3);
        let (tat, first) = bucket.take(0, 1, SECOND);
        let want = Decision {
            admitted: true,
            limit: 3,
            remaining: 2,
            reset: Duration::from_millis(100),
            retry_after: Duration::ZERO,
        };
        assert_eq!(first, want);
        let (tat, both) = bucket.take(tat.expect("admitted"), 2, SECOND);
        assert_eq!((both.remaining, both.reset), (0, Duration::from_millis(100)), "until one more fits");
        let (none, refused) = bucket.take(tat.expect("admitted"), 2, SECOND + SECOND / 20);
        assert_eq!(none, None);
        assert_eq!(
            refused.retry_after,
            Duration::from_millis(150),
            "two intervals, of which half of one is over"
        );
        assert!(!refused.admitted);
    }

    #[test]
    fn a_cost_above_the_burst_is_never_admitted_and_is_told_to_wait() {
        let bucket = bucket(10, Duration::from_secs(1), 3);
        let (none, refused) = bucket.take(0, 4, SECOND);
        assert_eq!((none, refused.admitted, refused.remaining), (None, false, 3));
        assert_eq!(refused.retry_after, Duration::from_millis(100));
        let (none, (waiting, _)) = bucket.reserve(0, 4, SECOND, Duration::from_secs(3600));
        assert_eq!((none, waiting.admitted), (None, false), "patience does not make the bucket deeper");
    }

    #[test]
    fn the_slowest_and_the_fastest_rates_keep_their_interval() {
        let month = Duration::from_secs(31 * 86_400);
        assert_eq!(bucket(1, month, 1).interval(), 2_678_400 * SECOND);
        assert_eq!(bucket(1_000_000_000, Duration::from_secs(1), 1).interval(), 1);
        assert_eq!(
            bucket(3, Duration::from_secs(1), 1).interval(),
            333_333_334,
            "rounded up: never more than said"
        );
    }

    #[test]
    fn nothing_overflows_at_the_ends() {
        let ends = [1, u32::MAX];
        for (count, burst) in ends.into_iter().flat_map(|a| ends.map(|b| (a, b))) {
            let bucket = bucket(count, Duration::MAX, burst);
            for (tat, now) in [(0, 0), (u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
                for cost in ends {
                    bucket.take(tat, cost, now);
                    bucket.reserve(tat, cost, now, Duration::MAX);
                    bucket.look(tat, now);
                    assert!(bucket.charge(tat, cost, now) >= tat, "a charge never gives time back");
                }
            }
        }
    }

    #[test]
    fn a_bucket_deeper_than_the_horizon_is_cut_to_it() {
        let bucket = bucket(1, Duration::from_secs(31 * 86_400), u32::MAX);
        let (tat, decision) = bucket.take(0, 1, SECOND);
        assert!(decision.admitted);
        assert!(decision.remaining < 1_200, "a hundred years have 1,178 such months");
        let (_, decision) = bucket.take(tat.expect("admitted"), 1_200, SECOND);
        assert!(!decision.admitted);
    }

    #[test]
    fn a_quota_that_got_here_is_still_a_limit() {
        let bucket = Bucket::of(&Allowance::Quota { count: 2, window: Window::Hour });
        let (tat, _) = bucket.take(0, 2, SECOND);
        let (_, third) = bucket.take(tat.expect("admitted"), 1, SECOND);
        assert_eq!((third.admitted, third.retry_after), (false, Duration::from_secs(1_800)));
        let none = Bucket::of(&Allowance::Quota { count: 0, window: Window::Month });
        assert!(!none.take(0, 1, SECOND).1.admitted);
    }
}
