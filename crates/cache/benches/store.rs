//! What a hit, a purge and a body on its way cost: `cargo bench -p cache`.
//!
//! What responses take in memory, and how many are found, are in `tests/memory.rs` and `tests/admission.rs`.

#[path = "../tests/entries/mod.rs"]
mod entries;

use bytes::Bytes;
use cache::{Entry, Flow, Join, Purge, Store, What, load, save};
use divan::{Bencher, black_box};
use entries::{NOW, key, request, response, store};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Waker};

const OBJECTS: u64 = 100_000;

fn main() {
    divan::main();
}

static STORE: LazyLock<Arc<Store>> = LazyLock::new(|| {
    let (store, head) = (store(1 << 30), request());
    for n in 0..OBJECTS {
        assert!(store.put(key(n), &head, Arc::new(response(n, 1_024))));
    }
    Arc::new(store)
});

/// One with a tag.
fn tagged(n: u64) -> Entry {
    Entry { tags: ["products".into()].into(), ..response(n, 0) }
}

/// Numbers in an order that the processor does not foresee.
fn next(state: &AtomicU64) -> u64 {
    let n = state.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((u128::from(n) * u128::from(OBJECTS)) >> 64) as u64
}

/// One that is asked for all the time.
#[divan::bench(threads = [1, 2])]
fn find_a_hot_one(bencher: Bencher<'_, '_>) {
    let (store, head) = (&*STORE, request());
    bencher.bench(|| store.find(black_box(key(1)), &head, NOW));
}

/// Any of 100,000, of which most are not in the processor's cache.
#[divan::bench(threads = [1, 2], sample_size = 10_000)]
fn find_any(bencher: Bencher<'_, '_>) {
    let (store, head, state) = (&*STORE, request(), AtomicU64::new(1));
    bencher.bench(|| store.find(key(next(&state)), &head, NOW));
}

#[divan::bench]
fn find_nothing(bencher: Bencher<'_, '_>) {
    let (store, head) = (&*STORE, request());
    bencher.bench(|| store.find(black_box(key(OBJECTS + 1)), &head, NOW).is_ok());
}

#[divan::bench]
fn put_and_push_out(bencher: Bencher<'_, '_>) {
    let (store, head, state) = (store(64 << 20), request(), AtomicU64::new(0));
    let inputs = || Arc::new(response(state.fetch_add(1, Ordering::Relaxed), 1_024));
    bencher
        .with_inputs(inputs)
        .bench_values(|entry| store.put(key(state.load(Ordering::Relaxed)), &head, entry));
}

#[divan::bench]
fn join_and_land(bencher: Bencher<'_, '_>) {
    let (store, entry) = (&*STORE, Arc::new(response(1, 1_024)));
    bencher.bench(|| {
        if let Join::Lead(lead) = store.join(key(OBJECTS + 2)) {
            lead.landed(&entry);
        }
    });
}

/// The purge itself, which no response has a part in: it takes as long for a million of them.
#[divan::bench(sample_count = 1_000)]
fn purge_a_tag(bencher: Bencher<'_, '_>) {
    let store = store(16 << 20);
    let purge = Purge { what: What::Tag("products".into()), is_soft: false };
    bencher.bench(|| store.purges().add(black_box(&purge)));
}

#[divan::bench]
fn standing_when_nothing_was_purged(bencher: Bencher<'_, '_>) {
    let (store, entry) = (store(16 << 20), response(1, 1_024));
    bencher.bench(|| store.purges().standing(black_box(&entry)));
}

/// The first time after purges of other things: of so many tags, URLs and prefixes each.
#[divan::bench(args = [1, 100, 1_000])]
fn standing_after_other_purges(bencher: Bencher<'_, '_>, count: u64) {
    let (store, entry) = (store(16 << 20), tagged(1));
    for n in 0..count {
        let name: Box<str> = format!("api.example.com/other/{n}/").into();
        for what in [What::Tag(name.clone()), What::Url(name.clone()), What::Prefix(name)] {
            store.purges().add(&Purge { what, is_soft: false });
        }
    }
    bencher.bench(|| {
        entry.purge.store(0, Ordering::Relaxed);
        store.purges().standing(black_box(&entry))
    });
}

/// A million responses that are purged by their tag, each asked for once.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn standing_of_a_million_that_were_purged(bencher: Bencher<'_, '_>) {
    static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| (0..1_000_000).map(tagged).collect());
    let store = store(16 << 20);
    store.purges().add(&Purge { what: What::Tag("products".into()), is_soft: false });
    let entries = &*ENTRIES;
    bencher.bench(|| {
        entries.iter().filter(|entry| store.purges().standing(entry) == cache::Standing::Gone).count()
    });
}

/// A look through 100,000 responses that are all good.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn sweep(bencher: Bencher<'_, '_>) {
    let (store, minutes) = (&*STORE, AtomicU64::new(0));
    // A minute later each time, since a part is looked through once a minute; fewer than make a response stale.
    let inputs = || NOW + 60_000 * minutes.fetch_add(1, Ordering::Relaxed);
    bencher.with_inputs(inputs).bench_values(|now| (0..8).for_each(|_| store.sweep(now)));
}

/// 1 MiB in chunks of 16 KiB from the one who fetches to its client, and kept.
#[divan::bench]
fn a_body_of_1_mib(bencher: Bencher<'_, '_>) {
    let chunk = Bytes::from(vec![7; 16 << 10]);
    let mut cx = Context::from_waker(Waker::noop());
    bencher.bench_local(|| {
        let flow = Flow::new(Some(1 << 20), 8 << 20, 1 << 20);
        let mut reader = flow.reader();
        for _ in 0..64 {
            let _ = flow.poll_push(&mut cx, &mut chunk.clone());
            let _ = reader.as_mut().map(|reader| black_box(reader.poll_next(&mut cx)));
        }
        flow.end(Ok(()));
        flow.whole()
    });
}

#[divan::bench]
fn save_a_head(bencher: Bencher<'_, '_>) {
    let entry = response(1, 1_024);
    bencher.bench(|| save(black_box(&entry)));
}

#[divan::bench]
fn load_a_head(bencher: Bencher<'_, '_>) {
    let saved = save(&response(1, 1_024));
    bencher.bench(|| load(black_box(&saved), cache::Content::Whole(bytes::Bytes::new())));
}
