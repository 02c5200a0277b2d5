//! Does the memory keep what is asked for again, rather than what came last?

mod entries;
#[path = "entries/trace.rs"]
mod trace;

use cache::Store;
use entries::{NOW, key, request, response, store};
use message::RequestHead;
use std::sync::Arc;
use trace::{Lru, Zipf};

/// Asks for a key, and puts it in where it is missed.
fn ask(store: &Store, n: u64, head: &RequestHead) -> bool {
    let is_hit = store.find(key(n), head, NOW).is_ok();
    if !is_hit {
        store.put(key(n), head, Arc::new(response(n, 1_024)));
    }
    is_hit
}

/// Hit ratios of the store and of an LRU that holds just as many, from when both are full. A tenth of the keys fits.
fn ratios(keys: usize, requests: usize, skew: f64, scan_every: usize) -> (f64, f64) {
    let weight = response(keys as u64 - 1, 1_024).weight();
    let (store, mut lru, head) = (store(weight * keys as u64 / 10), Lru::default(), request());
    let (mut hits, mut lru_hits, mut asked) = (0, 0, 0);
    for (at, n) in Zipf::new(keys, skew).take(requests).enumerate() {
        // A crawler that asks for everything once, beside the others.
        let scan = (scan_every > 0 && at % scan_every == 0).then_some((keys + at) as u64);
        for n in [Some(n), scan].into_iter().flatten() {
            let (is_hit, is_lru_hit) = (ask(&store, n, &head), lru.ask(n, keys / 10));
            if at > requests / 4 {
                asked += 1;
                hits += u32::from(is_hit);
                lru_hits += u32::from(is_lru_hit);
            }
        }
    }
    let counts = store.counts();
    assert!(counts.evictions > 0 && counts.objects <= keys as u64 / 10 * 11 / 10, "{counts:?}");
    (f64::from(hits) / f64::from(asked), f64::from(lru_hits) / f64::from(asked))
}

#[test]
fn more_is_found_than_by_an_lru_of_the_same_size() {
    for (skew, scan_every) in [(0.8, 0), (1.0, 0), (0.9, 2)] {
        let (ours, lru) = ratios(20_000, 200_000, skew, scan_every);
        assert!(ours > lru + 0.02, "{ours} against {lru} at {skew}");
    }
}

#[test]
#[ignore = "takes minutes without optimisation; run it with --release -- --ignored --nocapture"]
fn more_of_a_million_keys_is_found_than_by_an_lru() {
    for (skew, scan_every) in [(0.8, 0), (0.9, 0), (1.0, 0), (0.9, 2)] {
        let (ours, lru) = ratios(1_000_000, 5_000_000, skew, scan_every);
        println!(
            "Zipf {skew}, a scan every {scan_every}: {:.1} % hits, LRU {:.1} %",
            ours * 100.0,
            lru * 100.0
        );
        assert!(ours > lru, "{ours} against {lru}");
    }
}
