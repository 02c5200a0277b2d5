//! Eight workers over one table.

mod keys;

use keys::{SECOND, bucket, keyed, per_second};
use limit::{Allowance, Limiter, Quotas, Window};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const WORKERS: usize = 8;

/// What eight workers count together, each running `work` with its number from the same moment on.
fn together(work: impl Fn(usize) -> u64 + Sync) -> u64 {
    let start = Barrier::new(WORKERS);
    let run = |n| {
        start.wait();
        work(n)
    };
    let run = &run;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|n| scope.spawn(move || run(n))).collect();
        workers.into_iter().map(|worker| worker.join().expect("it counts")).sum()
    })
}

#[test]
fn workers_at_once_admit_exactly_the_burst() {
    let limiter = Limiter::new(1 << 16);
    let caller = keyed(1, per_second(1, 10_000));
    let got = together(|_| (0..5_000).filter(|_| limiter.take(&caller, 1, SECOND).admitted).count() as u64);
    assert_eq!(got, 10_000);
}

#[test]
fn workers_that_share_a_moving_clock_never_exceed_the_rate() {
    let limiter = Limiter::new(1 << 16);
    let callers: Vec<_> = (0..16).map(|n| keyed(n, per_second(1_000, 50))).collect();
    let clock = AtomicU64::new(SECOND);
    let got = together(|_| {
        let mut admitted = 0;
        for n in 0..80_000 {
            let now = clock.fetch_add(5_000, Relaxed);
            admitted += u64::from(limiter.take(&callers[n % 16], 1, now).admitted);
        }
        admitted
    });
    let span = clock.into_inner() - SECOND;
    let most = 16 * (1_000 * span / SECOND + 50);
    assert!(got <= most, "{got} of {most} in {span} ns");
    assert!(got * 10 >= most * 9, "they all asked more than enough: {got} of {most}");
}

#[test]
fn workers_that_bring_the_same_new_keys_admit_each_once() {
    let limiter = Limiter::new(1 << 22);
    let keys = limiter.capacity() / 4;
    let policy = bucket(1, Duration::from_secs(3_600), 1);
    let got = together(|_| {
        (0..keys).filter(|n| limiter.take(&keyed(*n, policy), 1, SECOND).admitted).count() as u64
    });
    assert_eq!((got, limiter.evictions()), (keys, 0));
    assert_eq!(limiter.len(), keys);
}

#[test]
fn a_hot_key_stays_limited_while_workers_fight_for_places() {
    // Sixteen places, all in one group, and thousands of keys that want one.
    let limiter = Limiter::new(0);
    let hot = keyed(u64::MAX, bucket(1, Duration::from_secs(3_600), 1_000));
    let got = together(|worker| {
        let mut admitted = 0;
        for n in 0..40_000 {
            let other = keyed((worker as u64) << 32 | n, per_second(1, 1));
            limiter.take(&other, 1, SECOND);
            admitted += u64::from(limiter.take(&hot, 1, SECOND).admitted);
        }
        admitted
    });
    assert_eq!(got, 1_000);
    assert!(limiter.len() <= limiter.capacity());
}

#[test]
fn workers_at_once_use_a_quota_exactly_up_and_each_use_is_told() {
    let quotas = Quotas::new(1 << 20);
    let callers: Vec<_> =
        (0..10).map(|n| keyed(n, Allowance::Quota { count: 5_000, window: Window::Day })).collect();
    let told = AtomicU64::new(0);
    let got = together(|worker| {
        let mut admitted = 0;
        for n in 0..20_000 {
            admitted += u64::from(quotas.take(&callers[n % 10], 1, 86_400).admitted);
            if worker == 0 && n % 100 == 0 {
                told.fetch_add(quotas.changed().len() as u64, Relaxed);
            }
        }
        admitted
    });
    assert_eq!(got, 50_000);
    let last = quotas.changed().len() as u64;
    assert!(told.into_inner() + last >= 10);
    for caller in &callers {
        assert_eq!(quotas.take(caller, 0, 86_400).remaining, 0);
    }
}
