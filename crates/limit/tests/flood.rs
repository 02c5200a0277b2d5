//! More keys than there is room for, and many workers at once.

mod keys;

use keys::{SECOND, bucket, keyed, per_second};
use limit::Limiter;
use std::time::Duration;

/// A flood of keys of this policy comes at a million a second, while one caller asks each millisecond for its 100 a second and
/// a burst of 20. How many of those are admitted, over the whole flood.
fn admitted_under(limiter: &Limiter, flood: u64, policy: limit::Allowance) -> u64 {
    let hot = keyed(u64::MAX, per_second(100, 20));
    let mut admitted = 0;
    for n in 0..flood {
        let now = SECOND + n * 1_000;
        limiter.take(&keyed(n, policy), 1, now);
        if n.is_multiple_of(1_000) && limiter.take(&hot, 1, now).admitted {
            admitted += 1;
        }
    }
    admitted
}

/// A flood of so many keys over a table of so many bytes: memory stays, and the hot key is limited as if nobody else were
/// there.
fn a_hot_key_stays_limited(bytes: usize, flood: u64) {
    for policy in [per_second(10, 10), bucket(1, Duration::from_secs(3_600), 1)] {
        let limiter = Limiter::new(bytes);
        let room = limiter.capacity();
        let admitted = admitted_under(&limiter, flood, policy);
        let seconds = flood / 1_000_000;
        assert!(admitted <= 100 * seconds + 20, "{admitted} admitted in {seconds} s");
        assert!(admitted >= 100 * seconds, "and it gets what it may have: {admitted}");
        assert!(limiter.len() <= room && limiter.capacity() == room, "memory does not grow");
        assert!(room * 16 <= bytes as u64);
    }
}

#[test]
fn a_flood_of_a_million_keys_grows_nothing_and_resets_no_hot_key() {
    a_hot_key_stays_limited(1 << 20, 1_000_000);
}

#[test]
#[ignore = "takes half a minute without optimisation; run it with --release"]
fn a_flood_of_ten_million_keys_grows_nothing_and_resets_no_hot_key() {
    a_hot_key_stays_limited(16 << 20, 10_000_000);
}

#[test]
fn a_slow_caller_that_came_often_outlives_a_flood_of_keys_that_come_once() {
    // Five tries an hour, all used; then three times as many other keys as there is room for.
    let limiter = Limiter::new(1 << 20);
    let policy = bucket(5, Duration::from_secs(3_600), 5);
    let caller = keyed(u64::MAX, policy);
    for _ in 0..6 {
        limiter.take(&caller, 1, SECOND);
    }
    for n in 0..3 * limiter.capacity() {
        limiter.take(&keyed(n, policy), 1, SECOND + n * 1_000);
    }
    assert!(limiter.evictions() > limiter.capacity(), "most of the flood has lost its place");
    assert!(!limiter.take(&caller, 1, 10 * SECOND).admitted);
}

#[test]
fn keys_that_are_full_again_make_room_without_an_eviction() {
    let limiter = Limiter::new(1 << 16);
    for n in 0..20 * limiter.capacity() {
        // A tenth of a second each, ten keys a second for each place.
        let now = SECOND + n * SECOND / limiter.capacity();
        assert!(limiter.take(&keyed(n, per_second(10, 1)), 1, now).admitted);
    }
    assert_eq!(limiter.evictions(), 0);
    assert!(limiter.len() <= limiter.capacity());
}

/// How many of so many keys, each with something to remember, begin anew because others took their place.
fn began_anew(limiter: &Limiter, keys: u64) -> u64 {
    let policy = bucket(1, Duration::from_secs(3_600), 1);
    for n in 0..keys {
        assert!(limiter.take(&keyed(n, policy), 1, SECOND).admitted, "nobody shares a place");
    }
    let again = (0..keys).filter(|n| limiter.take(&keyed(*n, policy), 1, 2 * SECOND).admitted).count() as u64;
    assert_eq!(limiter.len() + limiter.evictions(), keys + again);
    again
}

#[test]
fn keys_keep_their_place_in_a_table_that_is_not_nearly_full() {
    let limiter = Limiter::new(1 << 20);
    assert_eq!(began_anew(&limiter, limiter.capacity() / 4), 0);
    let limiter = Limiter::new(1 << 20);
    let half = limiter.capacity() / 2;
    let again = began_anew(&limiter, half);
    assert!(again * 400 <= half, "{again} of {half} began anew");
}

#[test]
fn the_smallest_table_works() {
    let limiter = Limiter::new(0);
    assert_eq!((limiter.capacity(), limiter.is_empty()), (16, true));
    let policy = per_second(1, 1);
    for n in 0..1_000 {
        assert!(limiter.take(&keyed(n, policy), 1, SECOND).admitted);
        assert!(!limiter.take(&keyed(n, policy), 1, SECOND).admitted);
    }
}
