//! The clock and the calendar of the scripts: Redis' own, which may step.

use crate::fixture::{bucket, node, quota, wait};
use e2e::Redis;
use limit::{Keyed, Quotas, Window};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// Moves all numbers of the only bucket or quota by so much: as if the clock had stepped the other way since.
#[track_caller]
fn shift(redis: &Redis, pattern: &str, by: f64, which: &[usize]) {
    let key = redis.cli(&["--scan", "--pattern", pattern]);
    let value = redis.cli(&["GET", &key]);
    let is_whole = !value.contains('.');
    let parts = value.split(';').enumerate().map(|(n, part)| {
        let number = part.parse::<f64>().unwrap() + if which.contains(&n) { by } else { 0.0 };
        if is_whole { format!("{number:.0}") } else { format!("{number:.3}") }
    });
    redis.cli(&["SET", &key, &parts.collect::<Vec<_>>().join(";")]);
}

#[test]
fn a_clock_that_steps_back_makes_nobody_wait_for_it() {
    let redis = Redis::start();
    let node = node(&redis.url(), "a");
    let five = bucket(1, 5, HOUR, 5);
    for _ in 0..5 {
        assert!(wait(node.take(&five, 1)).unwrap().admitted);
    }
    shift(&redis, "*:b:*", 86_400e6, &[0, 1]);
    let decision = wait(node.take(&five, 1)).unwrap();
    assert!(!decision.admitted, "and it gives nothing back");
    assert!(decision.retry_after <= HOUR / 5, "{decision:?}");
}

#[test]
fn a_quota_is_not_given_back_by_a_clock_that_steps_back() {
    let redis = Redis::start();
    let (user, other) = (node(&redis.url(), "a"), node(&redis.url(), "b"));
    let three = quota(1, 3, Window::Hour);
    assert!(wait(user.take(&three, 3)).unwrap().admitted);
    // The window that is known is the next one, since the clock has stepped back behind its start.
    shift(&redis, "*:q:*", 3_600.0, &[0]);
    assert!(!wait(other.take(&three, 1)).unwrap().admitted);
    // A clock that is whole windows behind was wrong before.
    shift(&redis, "*:q:*", 36_000.0, &[0]);
    assert!(wait(other.take(&three, 1)).unwrap().admitted);
}

/// Twice a day from 2025 to 2105, against the calendar of the room `limit`.
#[test]
fn the_scripts_calendar_is_that_of_the_limits() {
    let redis = Redis::start();
    let (first, last) = (1_735_689_600u64, 1_735_689_600 + 80 * 366 * 86_400);
    let script = concat!(
        include_str!("../../src/lua/shared.lua"),
        "local found = {}
        for now = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]) do
          local start, ends = window(ARGV[1], now)
          if now < start or now >= ends then return redis.error_reply('outside') end
          found[#found + 1] = string.format('%.0f', ends)
        end
        return found"
    );
    let quotas = Quotas::new(1 << 16);
    for (word, window) in [("hour", Window::Hour), ("day", Window::Day), ("month", Window::Month)] {
        let keyed: Keyed = quota(1, 1, window);
        // 11 hours, 59 minutes and 53 seconds: every hour and every day of the month is met.
        let step = 43_193;
        let answer =
            redis.cli(&["EVAL", script, "0", word, &first.to_string(), &last.to_string(), &step.to_string()]);
        let found: Vec<u64> = answer.lines().map(|line| line.trim_matches('"').parse().unwrap()).collect();
        assert!(found.len() > 50_000);
        for (ends, now) in found.into_iter().zip((first..=last).step_by(step)) {
            let ours = now + quotas.take(&keyed, 0, now).reset.as_secs();
            assert_eq!(ends, ours, "{word} at {now}");
        }
    }
}
