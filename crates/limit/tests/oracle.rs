//! Buckets beside those of the crate `governor`, and beside what a rate and a burst promise.

mod keys;

use governor::clock::FakeRelativeClock;
use governor::{Quota, RateLimiter};
use keys::{SECOND, bucket, keyed};
use limit::{Allowance, Keyed, Limiter};
use proptest::prelude::*;
use std::num::NonZeroU32;
use std::time::Duration;

/// A rate of `count` in `per` nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Given {
    count: u32,
    per: u64,
    burst: u32,
}

impl Given {
    fn allowance(self) -> Allowance {
        bucket(self.count, Duration::from_nanos(self.per), self.burst)
    }

    /// Rounded up to whole nanoseconds, as documented.
    fn interval(self) -> u64 {
        self.per.div_ceil(u64::from(self.count))
    }

    /// The most that `rate x t + burst` allows in a span of so many nanoseconds.
    fn most(self, span: u64) -> u128 {
        u128::from(self.count) * u128::from(span) / u128::from(self.per) + u128::from(self.burst)
    }
}

/// Rates from a few in a month to a billion a second.
fn given() -> impl Strategy<Value = Given> {
    let pers =
        prop_oneof![Just(SECOND), Just(60 * SECOND), Just(86_400 * SECOND), Just(31 * 86_400 * SECOND)];
    let counts = prop_oneof![1_u32..20, 1_u32..10_000, 1_u32..=1_000_000_000];
    (counts, pers, prop_oneof![1_u32..5, 1_u32..1_000])
        .prop_map(|(count, per, burst)| Given { count, per, burst })
        .prop_filter("those that can be kept", |given| given.allowance().check().is_ok())
}

/// Steps of a pause, in hundredths of an interval, and of a cost.
fn steps() -> impl Strategy<Value = Vec<(u64, u32)>> {
    let pause = prop_oneof![4 => Just(0_u64), 3 => 1_u64..150, 1 => 150_u64..100_000];
    proptest::collection::vec((pause, prop_oneof![5 => Just(1_u32), 1 => 1_u32..8]), 1..300)
}

proptest! {
    #[test]
    fn a_limiter_decides_as_governor_does(given in given(), steps in steps()) {
        let clock = FakeRelativeClock::default();
        let burst = NonZeroU32::new(given.burst).expect("not zero");
        let period = Duration::from_nanos(given.interval());
        let quota = Quota::with_period(period).expect("not zero").allow_burst(burst);
        let oracle = RateLimiter::direct_with_clock(quota, clock.clone());
        let limiter = Limiter::new(1 << 12);
        let caller = keyed(1, given.allowance());
        let mut now = SECOND;
        for (pause, cost) in steps {
            let pause = given.interval().saturating_mul(pause) / 100;
            clock.advance(Duration::from_nanos(pause));
            now += pause;
            let want = oracle.check_n(NonZeroU32::new(cost).expect("not zero"));
            let want = want.is_ok_and(|admitted| admitted.is_ok());
            let got = limiter.take(&caller, cost, now);
            prop_assert_eq!(got.admitted, want, "cost {} at {}", cost, now);
            prop_assert_eq!(got.retry_after.is_zero(), got.admitted);
        }
    }

    #[test]
    fn no_span_ever_sees_more_than_the_rate_and_one_burst(given in given(), steps in steps()) {
        let limiter = Limiter::new(1 << 12);
        let caller = keyed(1, given.allowance());
        let mut now = SECOND;
        let mut admitted: Vec<(u64, u64)> = Vec::new();
        for (pause, cost) in steps {
            now += given.interval().saturating_mul(pause) / 100;
            if limiter.take(&caller, cost, now).admitted {
                admitted.push((now, u64::from(cost)));
            }
        }
        for from in 0..admitted.len() {
            let mut sum = 0;
            for (at, cost) in &admitted[from..] {
                sum += cost;
                let span = at - admitted[from].0;
                prop_assert!(u128::from(sum) <= given.most(span), "{sum} in {span} ns");
            }
        }
    }

    #[test]
    fn who_waits_as_long_as_told_is_admitted_and_who_comes_sooner_is_not(given in given(), cost in 1_u32..5) {
        prop_assume!(cost <= given.burst);
        let limiter = Limiter::new(1 << 12);
        let caller = keyed(1, given.allowance());
        let now = SECOND;
        prop_assert!(limiter.take(&caller, given.burst, now).admitted, "the whole burst");
        let refused = limiter.take(&caller, cost, now);
        prop_assert!(!refused.admitted);
        let then = now + refused.retry_after.as_nanos() as u64;
        prop_assert!(!limiter.take(&caller, cost, then - 1).admitted);
        prop_assert!(limiter.take(&caller, cost, then).admitted);
    }

    #[test]
    fn remaining_is_exactly_how_many_more_are_admitted_now(given in given(), used in 0_u32..50, pause in 0_u64..300) {
        let limiter = Limiter::new(1 << 12);
        let caller = keyed(1, given.allowance());
        for _ in 0..used {
            limiter.take(&caller, 1, SECOND);
        }
        let now = SECOND + given.interval().saturating_mul(pause) / 100;
        let asked = limiter.take(&caller, 0, now);
        prop_assert_eq!(asked.limit, u64::from(given.burst));
        let more = (0..=given.burst).take_while(|_| limiter.take(&caller, 1, now).admitted).count();
        prop_assert_eq!(asked.remaining, more as u64);
        prop_assert_eq!(asked.admitted, more > 0);
        let then = now + limiter.take(&caller, 0, now).reset.as_nanos() as u64;
        prop_assert!(limiter.take(&caller, 1, then).admitted, "there is one more when it says");
    }

    #[test]
    fn who_waits_in_the_queue_goes_on_at_the_rate(given in given(), patience in 0_u64..50, wishes in 1_usize..200) {
        let limiter = Limiter::new(1 << 12);
        let caller = keyed(1, given.allowance());
        let patience = Duration::from_nanos(given.interval().saturating_mul(patience));
        let mut gone: Vec<_> = (0..wishes)
            .map(|_| limiter.reserve(&caller, 1, SECOND, patience))
            .filter(|(decision, _)| decision.admitted)
            .map(|(_, wait)| wait)
            .collect();
        prop_assert!(gone.iter().all(|wait| *wait <= patience));
        gone.sort();
        for (before, wait) in gone.iter().enumerate() {
            let most = given.most(wait.as_nanos() as u64);
            prop_assert!((before as u128) < most, "{} have gone after {wait:?}", before + 1);
        }
    }
}

/// All that is admitted by requests that come in a burst at each of these times.
fn admitted(limiter: &Limiter, caller: &Keyed, wishes: u32, times: &[u64]) -> Vec<usize> {
    let at = |now: &u64| (0..wishes).filter(|_| limiter.take(caller, 1, *now).admitted).count();
    times.iter().map(at).collect()
}

#[test]
fn bursts_on_both_sides_of_a_second_are_one_burst() {
    let limiter = Limiter::new(1 << 12);
    let caller = keyed(1, keys::per_second(100, 100));
    let edge = 5 * SECOND;
    let got = admitted(&limiter, &caller, 1_000, &[edge - 1, edge, edge + SECOND / 2, edge + SECOND]);
    assert_eq!(got, [100, 0, 50, 50]);
}

#[test]
fn a_clock_that_stands_still_or_steps_back_admits_no_more() {
    let limiter = Limiter::new(1 << 12);
    let caller = keyed(1, keys::per_second(10, 5));
    let now = 100 * SECOND;
    let got = admitted(&limiter, &caller, 100, &[now, now, now - SECOND, 1, 0, now]);
    assert_eq!(got, [5, 0, 0, 0, 0, 0]);
    assert_eq!(admitted(&limiter, &caller, 100, &[now + SECOND]), [5], "and goes on where it was");
    let at_the_end = keyed(2, keys::per_second(10, 5));
    assert_eq!(admitted(&limiter, &at_the_end, 100, &[u64::MAX - 2 * SECOND]), [5], "584 years later");
}

#[test]
fn a_cost_that_is_known_afterwards_is_paid_back_before_more_is_admitted() {
    let limiter = Limiter::new(1 << 12);
    let caller = keyed(1, keys::per_second(10, 10));
    assert!(limiter.take(&caller, 0, SECOND).admitted);
    limiter.charge(&caller, 30, SECOND);
    let asked = limiter.take(&caller, 0, SECOND);
    assert!(!asked.admitted, "20 in debt");
    assert_eq!(asked.retry_after, Duration::from_millis(2_100));
    assert!(!limiter.take(&caller, 1, 3 * SECOND).admitted);
    assert!(limiter.take(&caller, 1, 3 * SECOND + SECOND / 10).admitted);
    limiter.charge(&caller, 0, SECOND);
    limiter.charge(&keyed(2, keys::per_second(10, 10)), 0, SECOND);
    assert_eq!(limiter.len(), 1, "a cost of nothing needs no place");
}

#[test]
fn what_another_node_has_seen_counts_here() {
    let limiter = Limiter::new(1 << 12);
    let caller = keyed(1, keys::per_second(10, 10));
    limiter.correct(caller.key, Duration::from_millis(700), SECOND);
    assert_eq!(limiter.take(&caller, 0, SECOND).remaining, 3);
    limiter.correct(caller.key, Duration::from_millis(200), SECOND);
    assert_eq!(limiter.take(&caller, 0, SECOND).remaining, 3, "less is no news");
    limiter.correct(caller.key, Duration::from_secs(2), SECOND);
    assert_eq!(limiter.take(&caller, 1, SECOND).retry_after, Duration::from_millis(1_100), "a debt");
    limiter.correct_to(caller.key, Duration::from_millis(500), SECOND);
    assert_eq!(limiter.ahead(caller.key, SECOND), Duration::from_millis(500));
    assert_eq!(limiter.take(&caller, 1, SECOND).remaining, 4);
    limiter.correct(caller.key, Duration::MAX, SECOND);
    assert!(limiter.ahead(caller.key, SECOND) <= Duration::from_secs(100 * 366 * 86_400), "not for ever");
    limiter.correct_to(caller.key, Duration::ZERO, SECOND);
    limiter.correct(keys::key(2), Duration::ZERO, SECOND);
    assert_eq!((limiter.take(&caller, 0, SECOND).remaining, limiter.len()), (10, 1));
}
