//! Quotas over the edges of windows, over restarts, and under clocks that are wrong.

mod keys;

use keys::{SECOND, key, keyed};
use limit::{Allowance, Key, Keyed, QuotaUse, Quotas, Window};
use proptest::prelude::*;
use std::time::Duration;

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
/// 2024-02-01T00:00:00Z, the first of a February with 29 days.
const FEBRUARY: u64 = 1_706_745_600;
const MARCH: u64 = FEBRUARY + 29 * DAY;

fn caller(n: u64, count: u64, window: Window) -> Keyed {
    keyed(n, Allowance::Quota { count, window })
}

/// How many of so many requests are admitted.
fn admitted(quotas: &Quotas, caller: &Keyed, wishes: u64, unix: u64) -> u64 {
    (0..wishes).filter(|_| quotas.take(caller, 1, unix).admitted).count() as u64
}

#[test]
fn a_quota_begins_anew_with_the_hour_the_day_and_the_month() {
    for (window, edge) in [
        (Window::Hour, FEBRUARY + 5 * HOUR),
        (Window::Day, FEBRUARY + 7 * DAY),
        (Window::Month, MARCH),
        (Window::Month, FEBRUARY),
    ] {
        let quotas = Quotas::new(1 << 16);
        let caller = caller(1, 10, window);
        assert_eq!(admitted(&quotas, &caller, 6, edge - 2), 6);
        assert_eq!(admitted(&quotas, &caller, 20, edge - 1), 4);
        let refused = quotas.take(&caller, 1, edge - 1);
        assert_eq!((refused.retry_after, refused.reset), (Duration::from_secs(1), Duration::from_secs(1)));
        assert_eq!(admitted(&quotas, &caller, 20, edge), 10, "{window:?}");
        assert_eq!(quotas.evictions(), 0);
    }
}

#[test]
fn the_29th_of_february_is_in_february() {
    let quotas = Quotas::new(1 << 16);
    let caller = caller(1, 10, Window::Month);
    assert_eq!(admitted(&quotas, &caller, 10, FEBRUARY), 10);
    let refused = quotas.take(&caller, 1, FEBRUARY + 28 * DAY);
    assert_eq!((refused.admitted, refused.reset), (false, Duration::from_secs(DAY)));
}

#[test]
fn a_decision_tells_the_quota_and_the_end_of_its_window() {
    let quotas = Quotas::new(1 << 16);
    let caller = caller(1, 10, Window::Day);
    let asked = quotas.take(&caller, 0, FEBRUARY + DAY - 60);
    assert_eq!((asked.admitted, asked.limit, asked.remaining), (true, 10, 10));
    assert!(quotas.is_empty(), "asking takes no place");
    let taken = quotas.take(&caller, 4, FEBRUARY + DAY - 60);
    assert_eq!((taken.remaining, taken.reset), (6, Duration::from_secs(60)));
    assert!(
        !quotas.take(&caller, 7, FEBRUARY + DAY - 60).admitted,
        "a request is admitted whole or not at all"
    );
    assert_eq!(quotas.take(&caller, 0, FEBRUARY + DAY - 60).remaining, 6);
}

#[test]
fn a_clock_that_steps_back_gives_nothing_back() {
    let quotas = Quotas::new(1 << 16);
    let caller = caller(1, 10, Window::Day);
    let now = FEBRUARY + 10 * DAY + 5;
    assert_eq!(admitted(&quotas, &caller, 20, now), 10);
    for back in [1, 6, HOUR, DAY] {
        assert_eq!(admitted(&quotas, &caller, 20, now - back), 0, "{back} s back");
    }
    assert_eq!(admitted(&quotas, &caller, 20, now - 2 * DAY), 10, "a clock that far behind is believed");
    assert_eq!(admitted(&quotas, &caller, 20, now), 10, "and so is its correction");
    assert_eq!(admitted(&quotas, &caller, 20, now + DAY), 10);
}

#[test]
fn a_cost_that_is_known_afterwards_counts_above_the_quota_but_not_in_the_next_window() {
    let quotas = Quotas::new(1 << 16);
    let caller = caller(1, 10, Window::Day);
    quotas.charge(&caller, 25, FEBRUARY);
    quotas.charge(&caller, 0, FEBRUARY);
    assert_eq!(quotas.take(&caller, 0, FEBRUARY).remaining, 0);
    assert_eq!(quotas.changed()[0].used, 25);
    assert_eq!(admitted(&quotas, &caller, 20, FEBRUARY + DAY), 10);
}

#[test]
fn changes_are_told_once_and_come_back_after_a_restart() {
    let quotas = Quotas::new(1 << 16);
    let (daily, monthly) = (caller(1, 10, Window::Day), caller(2, 10, Window::Month));
    let now = FEBRUARY + 3 * DAY + 7;
    admitted(&quotas, &daily, 4, now);
    admitted(&quotas, &monthly, 9, now);
    let mut told = quotas.changed();
    told.sort_by_key(|told| told.used);
    let want = [
        QuotaUse { key: key(1), window: Window::Day, start: FEBRUARY + 3 * DAY, used: 4 },
        QuotaUse { key: key(2), window: Window::Month, start: FEBRUARY, used: 9 },
    ];
    assert_eq!(told, want);
    assert!(quotas.changed().is_empty(), "nothing has changed since");
    admitted(&quotas, &daily, 1, now);
    assert_eq!(quotas.changed(), [QuotaUse { used: 5, ..want[0] }]);

    let restarted = Quotas::new(1 << 16);
    for QuotaUse { key, window, start, used } in want {
        restarted.restore(key, window, start, used);
    }
    assert!(restarted.changed().is_empty(), "what was saved is saved");
    assert_eq!(admitted(&restarted, &daily, 20, now + DAY), 10, "that day is over");
    assert_eq!(admitted(&restarted, &monthly, 20, now + DAY), 1, "that month is not");
}

#[test]
fn what_other_nodes_have_seen_only_adds() {
    let quotas = Quotas::new(1 << 16);
    let caller = caller(1, 10, Window::Day);
    let now = FEBRUARY + 5;
    admitted(&quotas, &caller, 3, now);
    quotas.changed();
    quotas.correct(caller.key, Window::Day, FEBRUARY, 2);
    assert_eq!(quotas.take(&caller, 0, now).remaining, 7, "less is no news");
    assert!(quotas.changed().is_empty());
    quotas.correct(caller.key, Window::Day, FEBRUARY, 8);
    assert_eq!(quotas.take(&caller, 0, now).remaining, 2);
    assert_eq!(quotas.changed().len(), 1, "to be saved here");
    quotas.correct(caller.key, Window::Day, FEBRUARY - DAY, 10);
    assert_eq!(quotas.take(&caller, 0, now).remaining, 2, "an old window is forgotten");
    quotas.correct(caller.key, Window::Day, FEBRUARY + DAY, 9);
    assert_eq!(admitted(&quotas, &caller, 20, FEBRUARY + DAY), 1, "theirs has begun already");
    quotas.correct(key(2), Window::Month, u64::MAX, u64::MAX);
    assert!(quotas.len() == 2, "any number is taken");
}

#[test]
fn a_flood_of_keys_is_bounded_and_does_not_reset_one_that_is_used() {
    let quotas = Quotas::new(1 << 18);
    let room = quotas.capacity();
    let busy = caller(u64::MAX, 1_000, Window::Day);
    let mut used = 0;
    for n in 0..10 * room {
        quotas.take(&caller(n, 5, Window::Day), 1, FEBRUARY);
        if n.is_multiple_of(100) {
            used += u64::from(quotas.take(&busy, 1, FEBRUARY).admitted);
        }
    }
    assert_eq!(used, 1_000);
    assert!(quotas.evictions() > 0 && quotas.len() <= room && quotas.capacity() == room);
    assert!(quotas.changed().len() as u64 <= room);
}

#[test]
fn a_change_that_found_no_room_to_be_told_is_told_after_its_next_request() {
    let quotas = Quotas::new(1 << 14);
    let keys: Vec<_> = (0..100).map(|n| caller(n, 5, Window::Day)).collect();
    // Until each key has been told: some find the list full at first.
    let mut untold: std::collections::HashSet<Key> = keys.iter().map(|caller| caller.key).collect();
    for _ in 0..5 {
        for caller in &keys {
            quotas.take(caller, 1, FEBRUARY);
            for told in quotas.changed() {
                untold.remove(&told.key);
            }
        }
    }
    assert!(untold.is_empty());
}

#[test]
fn a_bucket_that_got_here_is_still_a_limit() {
    let quotas = Quotas::new(1 << 14);
    let caller = keyed(1, keys::bucket(1, Duration::from_secs(60), 5));
    assert_eq!(admitted(&quotas, &caller, 1_000, FEBRUARY), 65, "what it would admit in an hour");
    let zero = keyed(2, keys::bucket(1, Duration::ZERO, 5));
    assert!(quotas.take(&zero, 1, FEBRUARY).admitted);
    let fast = keyed(3, keys::bucket(u32::MAX, Duration::from_nanos(1), u32::MAX));
    assert!(quotas.take(&fast, u32::MAX, FEBRUARY + SECOND).admitted);
}

proptest! {
    /// A clock that moves as it likes, but never a whole window behind where it has been.
    #[test]
    fn no_window_ever_gives_more_than_its_quota(
        count in 1_u64..20,
        kind in 0..3_usize,
        steps in proptest::collection::vec((-80_i64..100, 0_u32..4, 1_u64..6), 1..200),
    ) {
        let window = [Window::Hour, Window::Day, Window::Month][kind];
        let shortest = [HOUR, DAY, 28 * DAY][kind];
        let quotas = Quotas::new(1 << 14);
        let caller = caller(1, count, window);
        let (mut unix, mut latest) = (FEBRUARY, FEBRUARY);
        let mut given = std::collections::BTreeMap::new();
        for (percent, cost, wishes) in steps {
            unix = unix.saturating_add_signed(percent * shortest.cast_signed() / 100).max(latest - shortest);
            latest = latest.max(unix);
            for _ in 0..wishes {
                let decision = quotas.take(&caller, cost, unix);
                if decision.admitted {
                    // Windows are told apart by their end.
                    *given.entry(unix + decision.reset.as_secs()).or_insert(0) += u64::from(cost);
                }
            }
        }
        for (end, sum) in given {
            prop_assert!(sum <= count, "{sum} in the window that ends at {end}");
        }
    }
}
