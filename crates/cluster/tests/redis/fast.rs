//! Each node decides alone, and settles every 20 ms.

use crate::fixture::{Alone, bucket, node, quota};
use cluster::Cluster;
use e2e::{Redis, soon};
use limit::{Keyed, Window};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const HOUR: Duration = Duration::from_secs(3_600);

fn settling(url: &str, name: &str) -> (Arc<Cluster>, Arc<Alone>) {
    let (node, alone) = (node(url, name), Arc::new(Alone::default()));
    node.settle(Arc::clone(&alone) as _);
    (node, alone)
}

#[test]
fn a_node_hears_what_others_have_admitted() {
    let redis = Redis::start();
    let nodes = ["a", "b"].map(|name| settling(&redis.url(), name));
    let ten_an_hour = bucket(1, 10, HOUR, 10);
    assert_eq!((0..20).filter(|_| nodes[0].1.take(&ten_an_hour)).count(), 10);
    soon("the first has settled", || nodes[0].0.counts().settled >= 1);
    assert!(nodes[1].1.take(&ten_an_hour), "it has not asked yet");
    soon("it knows of all eleven", || nodes[1].1.ahead(&ten_an_hour) > HOUR / 10 * 10);
    assert!(!nodes[1].1.take(&ten_an_hour));
}

#[test]
fn nodes_hear_what_all_have_used_of_a_quota() {
    let redis = Redis::start();
    let nodes = ["a", "b"].map(|name| settling(&redis.url(), name));
    let thousand = quota(1, 1_000, Window::Month);
    nodes[0].1.charge(&thousand, 40);
    soon("settled", || nodes[0].1.used(&thousand).1 == 40);
    nodes[1].1.charge(&thousand, 2);
    soon("both are in it", || nodes[1].1.used(&thousand).1 == 42);
    assert_eq!(nodes[1].1.remaining(&thousand), 958);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let start = nodes[1].1.used(&thousand).0;
    assert!(start <= now && now - start < 31 * 86_400 && start % 86_400 == 0, "{start}");
}

#[test]
fn a_quota_survives_a_server_that_was_restarted_empty() {
    let mut redis = Redis::start();
    let (node, alone) = settling(&redis.url(), "a");
    let thousand = quota(1, 1_000, Window::Day);
    alone.charge(&thousand, 40);
    soon("settled", || alone.used(&thousand).1 == 40);
    redis.restart();
    crate::fixture::ready(&node);
    soon("settled on top of what was used before", || {
        if alone.used(&thousand).1 == 40 {
            alone.charge(&thousand, 1);
        }
        alone.used(&thousand).1 > 40
    });
}

#[test]
fn what_a_node_knows_from_before_its_start_counts() {
    let redis = Redis::start();
    let (node, alone) = settling(&redis.url(), "a");
    let thousand = quota(1, 1_000, Window::Day);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    node.remember_quota(thousand.key, Window::Day, now / 86_400 * 86_400, 500);
    alone.charge(&thousand, 1);
    soon("settled", || alone.used(&thousand).1 == 501);
    let other = crate::fixture::node(&redis.url(), "b");
    let decision = crate::fixture::wait(other.take(&thousand, 1)).unwrap();
    assert_eq!(decision.remaining, 498, "and exact and fast count in the same place");
}

#[test]
fn thousands_of_keys_are_settled_in_a_few_scripts() {
    let redis = Redis::start();
    let (node, alone) = settling(&redis.url(), "a");
    for n in 0..5_000u128 {
        // Keys are hashes; a table may count on that.
        let key = n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        assert!(alone.take(&bucket(key, 10, HOUR, 10)));
    }
    soon("all are settled", || node.counts().settled == 5_000);
    let keys: usize = redis.cli(&["DBSIZE"]).parse().unwrap();
    assert!((5_000..5_010).contains(&keys), "{keys}");
    assert_eq!(node.counts().lost, 0);
}

/// Three nodes, of which one gets most of the traffic.
#[test]
fn skewed_traffic_over_three_nodes_is_admitted_within_5_percent() {
    admitted_within(0.05, 1_000, 100, Duration::from_secs(4), [24, 8, 4]);
}

/// A bucket that holds less than what comes in one interval: the hardest case for nodes that decide alone.
#[test]
fn a_small_bucket_is_settled_within_5_percent_too() {
    admitted_within(0.05, 1_000, 10, Duration::from_secs(4), [24, 8, 4]);
}

#[test]
#[ignore = "takes 10 s; the figures of the guide: cargo test -p cluster --test redis -- --ignored --nocapture"]
fn skewed_traffic_at_1000_a_second_over_10_seconds() {
    for burst in [1_000, 100, 10] {
        admitted_within(0.05, 1_000, burst, Duration::from_secs(10), [24, 8, 4]);
    }
}

/// Each node asks so many times a millisecond; what is admitted in all is held against what one node alone would admit.
#[track_caller]
fn admitted_within(most: f64, rate: u32, burst: u32, span: Duration, a_millisecond: [u32; 3]) {
    let redis = Redis::start();
    let limit = bucket(7, rate, Duration::from_secs(1), burst);
    let nodes = ["a", "b", "c"].map(|name| settling(&redis.url(), name));
    let start = Instant::now();
    let admitted = std::thread::scope(|scope| {
        let asks = nodes.iter().zip(a_millisecond);
        let asks = asks.map(|((_, alone), many)| scope.spawn(move || ask(alone, &limit, many, start + span)));
        asks.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let expected = f64::from(rate) * start.elapsed().as_secs_f64() + f64::from(burst);
    let all: usize = admitted.iter().sum();
    let wrong = (all as f64 - expected) / expected;
    println!(
        "rate {rate}/s, burst {burst}: {admitted:?} = {all} admitted of {expected:.0}: {:+.2} %",
        wrong * 100.0
    );
    assert!(wrong.abs() < most, "admitted {admitted:?}, expected {expected}: {wrong}");
}

fn ask(alone: &Alone, limit: &Keyed, a_millisecond: u32, end: Instant) -> usize {
    let mut admitted = 0;
    while Instant::now() < end {
        admitted += (0..a_millisecond).filter(|_| alone.take(limit)).count();
        // The traffic's own pace.
        std::thread::sleep(Duration::from_millis(1));
    }
    admitted
}
