//! A store that is dead, slow, empty or something else: never a wait beyond the timeout, and never an end to it.

use crate::fixture::{Alone, bucket, node, ready, settings, wait};
use cluster::{Cluster, ClusterSettings, StoreDown};
use e2e::{Origin, Port, Redis, soon};
use limit::Keyed;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);

fn any() -> Keyed {
    bucket(1, 1_000_000, HOUR, 1_000_000)
}

#[track_caller]
fn is_down_at_once(node: &Cluster) {
    let start = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(wait(node.take(&any(), 1)), Err(StoreDown));
    }
    assert!(start.elapsed() < Duration::from_secs(1), "nobody waits: {:?}", start.elapsed());
}

#[track_caller]
fn works(node: &Cluster) {
    soon("requests are decided again", || wait(node.take(&any(), 1)).is_ok());
}

#[test]
fn a_server_that_was_killed_is_down_at_once_and_used_again_when_it_is_back() {
    let mut redis = Redis::start();
    let node = node(&redis.url(), "a");
    works(&node);
    redis.kill();
    soon("it is seen", || !node.state().up);
    is_down_at_once(&node);
    assert!(!node.state().why.is_empty());
    redis.restart();
    ready(&node);
    works(&node);
    assert_eq!(node.counts().downs, 1);
}

#[test]
fn a_server_that_hangs_costs_one_timeout_and_no_more() {
    let redis = Redis::start();
    let timeout = Duration::from_millis(300);
    let node = Cluster::start(&ClusterSettings { timeout, ..settings(&redis.url(), "a") }).unwrap();
    ready(&node);
    works(&node);
    redis.pause();
    let start = Instant::now();
    assert_eq!(wait(node.take(&any(), 1)), Err(StoreDown));
    assert!(start.elapsed() < timeout * 4, "{:?}", start.elapsed());
    is_down_at_once(&node);
    redis.resume();
    ready(&node);
    works(&node);
}

#[test]
fn a_server_that_is_not_there_at_the_start_is_found_when_it_comes() {
    let mut redis = Redis::start();
    redis.kill();
    let node = Cluster::start(&settings(&redis.url(), "a")).unwrap();
    is_down_at_once(&node);
    assert_eq!((node.nodes_seen(), node.seed()), (1, settings("", "a").seed), "it goes on alone");
    redis.restart();
    ready(&node);
    works(&node);
}

/// A server that answers everything with the same bytes.
fn saying(words: &'static [u8]) -> Port {
    let port = Port::free();
    let listener = TcpListener::bind(port.address()).unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            std::thread::spawn(move || {
                let mut bytes = [0; 4_096];
                while connection.read(&mut bytes).is_ok_and(|count| count > 0) {
                    // However many questions came, there is an answer to each.
                    if connection.write_all(&words.repeat(3)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

#[test]
fn a_server_that_talks_nonsense_is_down_and_no_error() {
    for words in [
        &b"-ERR no\r\n"[..],
        b"+OK\r\n",
        b":1\r\n",
        b"$-1\r\n",
        b"*0\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\xff\xfe\r\n",
        b"$99999999999999999999\r\n",
        b"*2147483647\r\n",
    ] {
        let port = saying(words);
        let url = format!("redis://{}", port.address());
        let node = Cluster::start(&settings(&url, "a")).unwrap();
        soon("it was tried", || *node.state().why != *"not connected yet");
        assert!(!node.state().up, "{words:?}");
        is_down_at_once(&node);
    }
}

#[test]
fn a_web_server_in_its_place_is_down() {
    let origin = Origin::start(|exchange| {
        exchange.send_ok("hello");
    });
    let node = Cluster::start(&settings(&format!("redis://{}", origin.address()), "a")).unwrap();
    soon("it was tried", || *node.state().why != *"not connected yet");
    is_down_at_once(&node);
}

#[test]
fn a_server_that_cannot_be_written_to_is_down_until_it_can() {
    let redis = Redis::start();
    let node = node(&redis.url(), "a");
    works(&node);
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let denied = |node: &Cluster| wait(node.take(&any(), 1)).is_err();
    soon("requests are told", || denied(&node));
    soon("it is down", || !node.state().up && node.state().why.contains("OOM"));
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    ready(&node);
    works(&node);
    redis.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    soon("a replica is down", || denied(&node) && !node.state().up);
    redis.cli(&["REPLICAOF", "NO", "ONE"]);
    works(&node);
}

#[test]
fn connections_that_are_cut_are_made_again() {
    let redis = Redis::start();
    let node = node(&redis.url(), "a");
    for n in 1..=3 {
        redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
        soon("it was seen", || node.counts().downs >= n);
        ready(&node);
    }
    works(&node);
}

#[test]
fn requests_go_on_while_the_server_dies_again_and_again() {
    let mut redis = Redis::start();
    let node = node(&redis.url(), "a");
    let asked = Arc::clone(&node);
    let end = Instant::now() + Duration::from_secs(3);
    let asking = std::thread::spawn(move || {
        let (mut answered, mut down, mut longest) = (0, 0, Duration::ZERO);
        while Instant::now() < end {
            let start = Instant::now();
            match wait(asked.take(&any(), 1)) {
                Ok(_) => answered += 1,
                Err(StoreDown) => down += 1,
            }
            longest = longest.max(start.elapsed());
        }
        (answered, down, longest)
    });
    while Instant::now() < end {
        redis.restart();
        ready(&node);
        let before = node.counts().taken;
        soon("requests are answered", || node.counts().taken > before || Instant::now() > end);
    }
    let (answered, down, longest) = asking.join().unwrap();
    assert!(answered > 0 && down > 0, "{answered} {down}");
    assert!(longest < crate::fixture::TIMEOUT * 2, "{longest:?}");
    works(&node);
}

/// What was admitted while the store was down would come back as a debt of minutes.
#[test]
fn what_was_admitted_while_the_store_was_down_is_not_booked() {
    let mut redis = Redis::start();
    let (node, alone) = (node(&redis.url(), "a"), Arc::new(Alone::default()));
    node.settle(Arc::clone(&alone) as _);
    redis.kill();
    soon("it is seen", || !node.state().up);
    let limit = bucket(1, 10, HOUR, 10);
    for _ in 0..5 {
        assert!(alone.take(&limit));
    }
    redis.restart();
    soon("forgotten", || node.counts().lost > 0);
    ready(&node);
    assert_eq!(wait(node.take(&limit, 0)).unwrap().remaining, 10);
}

#[test]
fn a_node_that_ends_leaves_and_its_connection_closes() {
    let redis = Redis::start();
    let node = node(&redis.url(), "a");
    assert_eq!(redis.cli(&["ZCARD", "{test}:nodes"]), "1");
    drop(node);
    soon("it has left", || redis.cli(&["ZCARD", "{test}:nodes"]) == "0");
    // The one that asks is left.
    soon("nobody is connected", || redis.cli(&["CLIENT", "LIST"]).lines().count() == 1);
}
