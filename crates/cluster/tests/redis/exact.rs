//! One script a request: nodes share every token.

use crate::fixture::{bucket, node, quota, wait};
use e2e::Redis;
use limit::{Keyed, Window};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn nodes_share_one_bucket() {
    let redis = Redis::start();
    let (one, other) = (node(&redis.url(), "a"), node(&redis.url(), "b"));
    let five_an_hour = bucket(1, 5, HOUR, 5);
    let taken =
        [&one, &other, &one, &other, &one, &other].map(|node| wait(node.take(&five_an_hour, 1)).unwrap());
    assert_eq!(taken.map(|d| d.admitted), [true, true, true, true, true, false]);
    assert_eq!(taken.map(|d| d.remaining), [4, 3, 2, 1, 0, 0]);
    assert!(taken.iter().all(|d| d.limit == 5));
    let denied = taken[5];
    assert!(denied.retry_after > Duration::from_secs(700) && denied.retry_after <= HOUR / 5, "{denied:?}");
    assert_eq!(denied.reset, denied.retry_after);
    assert!(taken[0].reset <= HOUR / 5 && taken[0].retry_after.is_zero());
}

#[test]
fn a_cost_is_taken_whole_or_not_at_all_and_cost_0_only_asks() {
    let redis = Redis::start();
    let node = node(&redis.url(), "a");
    let ten = bucket(1, 10, HOUR, 10);
    let take = |cost| wait(node.take(&ten, cost)).unwrap();
    assert_eq!(take(0).remaining, 10);
    assert!(take(7).admitted);
    assert!(!take(4).admitted, "three are left");
    assert_eq!(take(0).remaining, 3);
    assert!(take(0).admitted && take(3).admitted);
    assert!(!take(0).admitted, "one more would not be");
    assert!(!take(11).admitted, "more than fits in the bucket");
    assert_eq!(
        wait(node.take(&bucket(2, 10, HOUR, 10), 0)).unwrap().remaining,
        10,
        "another key has its own"
    );
}

#[test]
fn a_bucket_fills_again_and_is_forgotten_when_it_is_full() {
    let redis = Redis::start();
    let node = node(&redis.url(), "a");
    let fast = bucket(1, 100, Duration::from_secs(1), 1);
    assert!(wait(node.take(&fast, 1)).unwrap().admitted);
    e2e::soon("the bucket fills", || wait(node.take(&fast, 1)).unwrap().admitted);
    e2e::soon("the key expires", || redis.cli(&["--scan", "--pattern", "*:b:*"]).is_empty());
}

#[test]
fn nodes_share_one_quota_of_the_calendar() {
    let redis = Redis::start();
    let (one, other) = (node(&redis.url(), "a"), node(&redis.url(), "b"));
    for (number, window, longest) in
        [(1, Window::Hour, 3_600), (2, Window::Day, 86_400), (3, Window::Month, 31 * 86_400)]
    {
        let three = quota(number, 3, window);
        let taken = [&one, &other, &one, &other].map(|node| wait(node.take(&three, 1)).unwrap());
        assert_eq!(taken.map(|d| (d.admitted, d.remaining)), [(true, 2), (true, 1), (true, 0), (false, 0)]);
        assert!(
            taken[3].retry_after <= Duration::from_secs(longest) && taken[3].retry_after == taken[3].reset
        );
    }
}

/// The script has a calendar of its own; what it says is held against that of `date`.
#[test]
fn a_quota_ends_with_its_window() {
    let redis = Redis::start();
    let node = node(&redis.url(), "a");
    let ends = |window| {
        let reset = wait(node.take(&quota(1, 3, window), 0)).unwrap().reset;
        (SystemTime::now() + reset).duration_since(UNIX_EPOCH).unwrap().as_secs_f64().round()
    };
    assert!(ends(Window::Hour) % 3_600.0 < 1.0);
    assert!(ends(Window::Day) % 86_400.0 < 1.0);
    let day = format!("@{}", ends(Window::Month));
    let output = std::process::Command::new("date").args(["-u", "-d", &day, "+%d %H"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "01 00");
}

#[test]
fn what_somebody_else_has_put_at_a_key_counts_as_nothing() {
    let redis = Redis::start();
    let node = node(&redis.url(), "a");
    let (five, three) = (bucket(1, 5, HOUR, 5), quota(1, 3, Window::Day));
    let keys = |keyed: &Keyed| {
        wait(node.take(keyed, 1)).unwrap();
        redis.cli(&["--scan", "--pattern", "*:[bq]:*"])
    };
    keys(&five);
    let all = keys(&three);
    for key in all.lines() {
        redis.cli(&["DEL", key]);
        redis.cli(&["LPUSH", key, "nonsense"]);
    }
    assert_eq!(wait(node.take(&five, 1)).unwrap().remaining, 4);
    assert_eq!(
        wait(node.take(&three, 1)).unwrap().remaining,
        1,
        "the node remembers what was used of a quota"
    );
    for key in all.lines() {
        redis.cli(&["SET", key, "-9e99;nonsense;;"]);
    }
    assert_eq!(wait(node.take(&five, 1)).unwrap().remaining, 4);
    assert_eq!(wait(node.take(&three, 1)).unwrap().remaining, 0);
}

#[test]
fn a_server_that_has_forgotten_the_scripts_gets_them_again() {
    let redis = Redis::start();
    let node = node(&redis.url(), "a");
    let five = bucket(1, 5, HOUR, 5);
    wait(node.take(&five, 1)).unwrap();
    redis.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!(wait(node.take(&five, 1)).unwrap().remaining, 3);
    assert!(node.state().up);
}

#[test]
fn skewed_traffic_over_three_nodes_is_admitted_within_1_percent() {
    admitted_within_1_percent(300, 30, Duration::from_secs(3));
}

#[test]
#[ignore = "takes 10 s; the figures of the guide: cargo test -p cluster --test redis -- --ignored --nocapture"]
fn exactly_1000_a_second_over_10_seconds() {
    admitted_within_1_percent(1_000, 100, Duration::from_secs(10));
}

/// Three nodes, of which one gets most of the traffic, each asking as fast as it may: what is admitted is what one node
/// alone would admit.
#[track_caller]
fn admitted_within_1_percent(rate: u32, burst: u32, span: Duration) {
    let redis = Redis::start();
    let limit = bucket(1, rate, Duration::from_secs(1), burst);
    let nodes = ["a", "b", "c"].map(|name| node(&redis.url(), name));
    let start = Instant::now();
    let taken: Vec<(usize, usize)> = std::thread::scope(|scope| {
        let takes = nodes.iter().zip([32, 8, 2]).map(|(node, at_a_time)| {
            scope.spawn(move || wait(take_until(Arc::clone(node), limit, at_a_time, start + span)))
        });
        takes.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let expected = f64::from(rate) * start.elapsed().as_secs_f64() + f64::from(burst);
    let admitted: usize = taken.iter().map(|(admitted, _)| admitted).sum();
    let wrong = (admitted as f64 - expected) / expected;
    println!(
        "rate {rate}/s, burst {burst}: (admitted, asked) {taken:?}: {admitted} of {expected:.0}: {:+.2} %",
        wrong * 100.0
    );
    assert!(wrong.abs() < 0.01, "admitted {admitted}, expected {expected}: {wrong}");
}

async fn take_until(
    node: Arc<cluster::Cluster>,
    limit: Keyed,
    at_a_time: usize,
    end: Instant,
) -> (usize, usize) {
    let (mut admitted, mut asked) = (0, 0);
    while Instant::now() < end {
        let taken = futures_util::future::join_all((0..at_a_time).map(|_| node.take(&limit, 1))).await;
        admitted += taken.iter().filter(|taken| taken.unwrap().admitted).count();
        asked += at_a_time;
    }
    (admitted, asked)
}
