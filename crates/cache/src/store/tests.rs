use super::*;
use crate::entry::tests::entry;
use crate::flow::Cut;
use crate::{Flow, Purge, What};
use bytes::Bytes;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Waker};

const NOW: u64 = 1_000_000_000;

/// A key, spread as real ones are.
fn key(n: u64) -> Key {
    let mix = |n: u64, odd: u64| (n ^ n >> 31).wrapping_add(1).wrapping_mul(odd);
    let (high, low) = (mix(n, 0xbf58_476d_1ce4_e5b9), mix(n, 0x9e37_79b9_7f4a_7c15));
    Key(u128::from(high ^ high >> 29) << 64 | u128::from(low ^ low >> 32))
}

fn store(bytes: u64) -> Arc<Store> {
    Arc::new(Store::new(&StoreSettings { bytes, seed: [7; 16] }))
}

fn fresh(url: &str, body: &[u8]) -> Entry {
    let mut entry = entry(url, body);
    entry.freshness.received = NOW;
    entry
}

/// A stand-in for the key of a variant: the request's values are `values`, by the names' first letters.
fn variant(key: Key, values: &str) -> impl Fn(&Vary) -> Key {
    move |vary| {
        let value =
            |name: &str| values.split(' ').find(|value| value.starts_with(&name[..1])).map_or(0, hash);
        Key(vary.0.iter().fold(key.0, |key, name| key.rotate_left(7) ^ u128::from(hash(name) ^ value(name))))
    }
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(7, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn none(_: &Vary) -> Key {
    panic!("there are no variants")
}

fn body_of(found: Result<Arc<Entry>, Reason>) -> Result<Vec<u8>, Reason> {
    found.map(|entry| match &entry.content {
        Content::Whole(bytes) => bytes.to_vec(),
        _ => Vec::new(),
    })
}

#[test]
fn what_was_put_is_found_until_it_is_taken_out() {
    let store = store(1 << 20);
    assert_eq!(store.find_by(key(1), none, NOW).unwrap_err(), Reason::Miss);
    assert!(store.put_by(key(1), none, Arc::new(fresh("h/1", b"one"))));
    assert!(store.put_by(key(2), none, Arc::new(fresh("h/2", b"two"))));
    assert_eq!(body_of(store.find_by(key(1), none, NOW)).unwrap(), b"one");
    assert!(store.put_by(key(1), none, Arc::new(fresh("h/1", b"newer"))));
    assert_eq!(body_of(store.find_by(key(1), none, NOW)).unwrap(), b"newer");
    assert_eq!(store.counts().objects, 2);
    store.table.remove(key(1));
    assert_eq!(store.find_by(key(1), none, NOW).unwrap_err(), Reason::Miss);
    let counts = store.counts();
    assert_eq!((counts.objects, counts.insertions, counts.evictions), (1, 3, 0));
}

#[test]
fn variants_are_told_apart_by_the_newest_vary() {
    let store = store(1 << 20);
    let put = |values: &str, vary: &[&str], body: &str| {
        let mut entry = fresh("h/", body.as_bytes());
        let names = vary.iter().map(|name| Box::from(*name)).collect();
        entry.vary = (!vary.is_empty()).then_some(Vary(names));
        assert!(store.put_by(key(1), variant(key(1), values), Arc::new(entry)));
    };
    let find = |values: &str| {
        let found = body_of(store.find_by(key(1), variant(key(1), values), NOW));
        found.map(|body| String::from_utf8(body).unwrap())
    };
    put("a=x", &["accept"], "x");
    put("a=y", &["accept"], "y");
    assert_eq!(
        (find("a=x"), find("a=y b=z"), find("a=z")),
        (Ok("x".into()), Ok("y".into()), Err(Reason::VaryMiss))
    );
    assert_eq!(store.counts().objects, 2, "the word that there are variants is none");
    let place = store.table.place(key(1), variant(key(1), "a=x"));
    assert!(place != key(1) && place != store.table.place(key(1), variant(key(1), "a=y")));

    put("a=x b=1", &["accept", "brotli"], "x1");
    assert_eq!((find("a=x b=1"), find("a=x b=2")), (Ok("x1".into()), Err(Reason::VaryMiss)));
    assert_eq!(find("a=y"), Err(Reason::VaryMiss), "it was told apart by less");

    put("a=x", &[], "plain");
    assert_eq!((find("a=x"), find("a=y b=1")), (Ok("plain".into()), Ok("plain".into())));
    assert_eq!(store.table.place(key(1), variant(key(1), "a=x")), key(1));
}

#[test]
fn a_response_of_another_vary_under_the_same_key_is_not_found() {
    let store = store(1 << 20);
    let same = |_: &Vary| key(2);
    for name in ["accept", "brotli"] {
        let mut entry = fresh("h/", b"");
        entry.vary = Some(Vary([name.into()].into()));
        store.put_by(key(1), same, Arc::new(entry));
    }
    let mut other = fresh("h/", b"");
    other.vary = Some(Vary(["accept".into()].into()));
    store.table.put(key(3), same, Arc::new(other));
    assert_eq!(store.find_by(key(1), same, NOW).unwrap_err(), Reason::VaryMiss);
}

#[test]
fn an_answer_that_could_not_be_kept_is_remembered_for_a_while() {
    let store = store(1 << 20);
    store.mark_uncacheable(key(1), NOW + 10);
    assert_eq!(store.find_by(key(1), none, NOW).unwrap_err(), Reason::Uncacheable);
    assert_eq!(store.find_by(key(2), none, NOW).unwrap_err(), Reason::Miss);
    assert_eq!(store.find_by(key(1), none, NOW + 10).unwrap_err(), Reason::Miss);
    assert_eq!(store.find_by(key(1), none, NOW).unwrap_err(), Reason::Miss, "it was forgotten then");

    store.mark_uncacheable(key(1), NOW + 10);
    assert!(store.put_by(key(1), none, Arc::new(fresh("h/", b""))));
    assert!(store.find_by(key(1), none, NOW).is_ok());
    store.table.remove(key(1));
    assert_eq!(store.find_by(key(1), none, NOW).unwrap_err(), Reason::Miss, "what was kept is cacheable");

    assert!(store.put_by(key(1), none, Arc::new(fresh("h/", b""))));
    store.mark_uncacheable(key(1), NOW + 10);
    assert_eq!(store.find_by(key(1), none, NOW).unwrap_err(), Reason::Uncacheable, "the newer answer counts");
}

#[test]
fn a_variant_that_could_not_be_kept_does_not_hide_the_others() {
    let store = store(1 << 20);
    let mut varied = fresh("h/", b"x");
    varied.vary = Some(Vary(["accept".into()].into()));
    assert!(store.put_by(key(1), variant(key(1), "a=x"), Arc::new(varied)));
    store.mark_uncacheable(store.table.place(key(1), variant(key(1), "a=y")), NOW + 10);
    let find = |values| store.find_by(key(1), variant(key(1), values), NOW).map(drop);
    assert_eq!(
        (find("a=x"), find("a=y"), find("a=z")),
        (Ok(()), Err(Reason::Uncacheable), Err(Reason::VaryMiss))
    );
    store.mark_uncacheable(key(1), NOW + 10);
    assert_eq!((find("a=x"), find("a=z")), (Ok(()), Err(Reason::Uncacheable)));
}

#[test]
fn an_eighth_of_all_fits_and_what_is_larger_is_refused_and_said_so() {
    for bytes in [64 << 20, 100 << 20, 1 << 30] {
        let store = store(bytes);
        let body = Bytes::from(vec![0; bytes as usize / 9]);
        for n in 0..64 {
            let large = fresh("h/", b"").with(Content::Whole(body.clone()));
            assert!(store.put_by(key(n), none, Arc::new(large)), "{bytes}");
            assert!(store.find_by(key(n), none, NOW).is_ok());
        }
        assert!(store.counts().bytes <= bytes);
        assert!(store.counts().evictions > 50);
    }
    let store = store(64 << 20);
    assert!((7 << 20..=8 << 20).contains(&store.largest()));
    assert!(store.put_by(key(1), none, Arc::new(fresh("h/", b"small"))));
    let weight = fresh("h/", b"").weight() + 16;
    let of = |weight: u64| Arc::new(fresh("h/", &vec![0; weight as usize]));
    assert!(!store.put_by(key(1), none, of(store.largest() - weight + 1)));
    assert_eq!(store.find_by(key(1), none, NOW).unwrap_err(), Reason::Miss, "what was there is older");
    assert!(store.put_by(key(1), none, of(store.largest() - weight)));
    assert_eq!(store.counts().objects, 1);
}

#[test]
fn any_size_of_memory_is_held_to() {
    for bytes in [0, 1, 1_000, 10_000, 1 << 20, 3 << 20, 20 << 20] {
        let store = store(bytes);
        let mut refused = 0;
        for n in 0..4_000 {
            let is_kept = store.put_by(key(n), none, Arc::new(fresh("h/", &[0; 10_000])));
            assert_eq!(is_kept, store.find_by(key(n), none, NOW).is_ok(), "it says what it does");
            refused += u64::from(!is_kept);
        }
        let counts = store.counts();
        assert!(counts.bytes <= bytes && counts.capacity <= bytes, "{counts:?}");
        assert_eq!(counts.objects + counts.evictions, counts.insertions);
        assert_eq!(counts.insertions + refused, 4_000);
        assert_eq!(counts.objects == 0, bytes <= 10_000);
    }
}

#[test]
fn what_was_purged_while_it_was_fetched_is_not_kept() {
    let store = store(1 << 20);
    let (hard, soft) = (Arc::new(fresh("h/1", b"")), Arc::new(fresh("h/2", b"")));
    for (url, is_soft) in [("h/1", false), ("h/2", true)] {
        store.purges().add(&Purge { what: What::Url(url.into()), is_soft });
    }
    assert!(!store.put_by(key(1), none, hard));
    assert!(store.put_by(key(2), none, soft), "it is stale, and may be served where that may be");
    assert_eq!(store.find_by(key(1), none, NOW).unwrap_err(), Reason::Miss);
}

#[test]
fn a_response_takes_the_place_of_that_one_only() {
    let store = store(1 << 20);
    let [old, new, other] = [b"1", b"2", b"3"].map(|body| Arc::new(fresh("h/", body)));
    store.replace_by(key(1), none, &old, new.clone());
    assert_eq!(store.counts().objects, 0, "it is not there");
    assert!(store.put_by(key(1), none, old.clone()));
    store.replace_by(key(1), none, &other, new.clone());
    assert_eq!(body_of(store.find_by(key(1), none, NOW)).unwrap(), b"1");
    store.replace_by(key(1), none, &old, new.clone());
    assert_eq!(body_of(store.find_by(key(1), none, NOW)).unwrap(), b"2");

    let mut varied = fresh("h/", b"4");
    varied.vary = Some(Vary(["accept".into()].into()));
    store.replace_by(key(1), variant(key(1), "a=x"), &new, Arc::new(varied));
    assert_eq!(body_of(store.find_by(key(1), variant(key(1), "a=x"), NOW)).unwrap(), b"4");
    assert_eq!(store.find_by(key(1), variant(key(1), "a=y"), NOW).unwrap_err(), Reason::VaryMiss);
}

#[test]
fn what_is_replaced_by_something_larger_makes_room_for_it() {
    let store = store(1 << 20);
    let old: Vec<_> = (0..500).map(|_| Arc::new(fresh("h/", b""))).collect();
    for (n, old) in old.iter().enumerate() {
        assert!(store.put_by(key(n as u64), none, old.clone()));
    }
    for (n, old) in old.iter().enumerate() {
        store.replace_by(key(n as u64), none, old, Arc::new(fresh("h/", &[0; 10_000])));
        assert!(store.counts().bytes <= 1 << 20);
    }
    let huge = Arc::new(fresh("h/", &vec![0; 2 << 20]));
    let kept = (0..500).find_map(|n| store.find_by(key(n), none, NOW).ok().map(|entry| (n, entry)));
    let (n, kept) = kept.unwrap();
    store.replace_by(key(n), none, &kept, huge);
    assert_eq!(store.find_by(key(n), none, NOW).unwrap_err(), Reason::Miss);
}

fn growing(flow: &Arc<Flow>) -> Arc<Entry> {
    Arc::new(fresh("h/", b"").with(Content::Growing(flow.clone())))
}

fn push(flow: &Flow, bytes: &'static [u8]) {
    let mut bytes = Bytes::from_static(bytes);
    assert!(flow.poll_push(&mut Context::from_waker(Waker::noop()), &mut bytes).is_ready());
}

#[test]
fn a_body_on_its_way_is_found_as_long_as_one_can_begin_to_read_it() {
    let store = store(1 << 20);
    let flow = Flow::new(None, 5, 0);
    assert!(store.put_by(key(1), none, growing(&flow)));
    let reader = flow.reader().unwrap();
    push(&flow, b"1234");
    assert!(store.find_by(key(1), none, NOW).is_ok());
    push(&flow, b"56");
    drop(reader);
    assert_eq!(store.find_by(key(1), none, NOW).unwrap_err(), Reason::Miss, "its beginning is gone");
    assert!(!store.put_by(key(2), none, growing(&flow)));

    let flow = Flow::new(None, 5, 0);
    assert!(store.put_by(key(3), none, growing(&flow)));
    flow.end(Err(Cut("reset".into())));
    assert_eq!(store.find_by(key(3), none, NOW).unwrap_err(), Reason::Miss, "it was cut");

    let flow = Flow::new(None, 5, 0);
    assert!(store.put_by(key(4), none, growing(&flow)));
    push(&flow, b"done");
    flow.end(Ok(()));
    let whole = fresh("h/", b"").with(Content::Whole(flow.whole().unwrap()));
    assert!(store.put_by(key(4), none, Arc::new(whole)));
    assert_eq!(body_of(store.find_by(key(4), none, NOW)).unwrap(), b"done");
    store.sweep(NOW);
    assert_eq!(store.counts().objects, 1, "only the last one is of any use");
}

/// Sweeps as a thread does that comes every second, until nothing more goes.
fn sweep_all(store: &Store, from: u64) {
    (0..300).for_each(|second| store.sweep(from + second * 1_000));
}

#[test]
fn the_sweep_takes_out_what_was_purged_and_nothing_else() {
    let store = store(64 << 20);
    for n in 0..10_000 {
        let mut entry = fresh(&format!("h/{n}"), b"");
        entry.freshness.lifetime = 100_000;
        entry.tags = [if n % 2 == 0 { "even".into() } else { "odd".into() }].into();
        assert!(store.put_by(key(n), none, Arc::new(entry)));
    }
    sweep_all(&store, NOW);
    assert_eq!(store.counts().objects, 10_000);
    store.purges().add(&Purge { what: What::Tag("odd".into()), is_soft: true });
    store.purges().add(&Purge { what: What::Tag("even".into()), is_soft: false });
    sweep_all(&store, NOW);
    assert_eq!(store.counts().objects, 5_000);
    assert!(store.find_by(key(1), none, NOW).is_ok() && store.find_by(key(2), none, NOW).is_err());
}

#[test]
fn the_sweep_takes_out_what_is_stale_beyond_all_use() {
    let store = store(1 << 20);
    let put = |n, change: &dyn Fn(&mut Entry)| {
        let mut entry = fresh("h/", b"");
        entry.fields.remove(message::Name::Etag);
        change(&mut entry);
        assert!(store.put_by(key(n), none, Arc::new(entry)));
    };
    put(0, &|_| {});
    put(1, &|entry| entry.freshness.lifetime = 10_000);
    put(2, &|entry| entry.freshness.stale_if_error = 10_000);
    put(3, &|entry| entry.freshness.stale_while_revalidate = 10_000);
    put(4, &|entry| entry.fields.push("Last-Modified", b"x").unwrap());
    let left = || (0..5).filter(|n| store.find_by(key(*n), none, NOW).is_ok()).collect::<Vec<_>>();
    sweep_all(&store, NOW - 200_000);
    assert_eq!(left(), [0, 1, 2, 3, 4]);
    sweep_all(&store, NOW + 200_000);
    assert_eq!(left(), [1, 2, 3, 4]);
    sweep_all(&store, NOW + 11_000_000);
    assert_eq!(left(), [4], "the origin can be asked about it");
    sweep_all(&store, NOW + 87_000_000);
    assert!(left().is_empty());
}

#[test]
fn a_body_whose_writer_has_vanished_is_swept() {
    let store = store(1 << 20);
    let flow = Flow::new(None, 5, 0);
    assert!(store.put_by(key(1), none, growing(&flow)));
    sweep_all(&store, NOW);
    assert_eq!(store.counts().objects, 1);
    drop(flow);
    sweep_all(&store, NOW + 300_000);
    assert_eq!(store.counts().objects, 0);
}

#[test]
fn flights_are_counted_and_a_second_one_waits() {
    let store = store(1 << 20);
    let Join::Lead(lead) = store.join(key(1)) else { panic!("nobody else is there") };
    assert!(matches!(store.join(key(1)), Join::Wait(_)));
    assert_eq!(store.counts().flights, 1);
    drop(lead);
    assert_eq!(store.counts().flights, 0);
}

#[test]
fn workers_at_once_find_only_what_was_put_under_that_key() {
    let store = store(4 << 20);
    std::thread::scope(|scope| {
        for worker in 0..4_u64 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..20_000_u64 {
                    let asked = (n * 7 + worker * 13) % 1_500;
                    let url = format!("h/{asked}");
                    match store.find_by(key(asked), none, NOW) {
                        Ok(found) => assert_eq!(*found.url, *url),
                        Err(_) => {
                            store.put_by(key(asked), none, Arc::new(fresh(&url, &[0; 5_000])));
                        }
                    }
                    match n % 500 {
                        0 => drop(store.purges().add(&Purge { what: What::Url(url.into()), is_soft: false })),
                        1 => store.table.remove(key(asked)),
                        2 => store.sweep(NOW + n * 1_000),
                        _ => {}
                    }
                }
            });
        }
    });
    let counts = store.counts();
    assert!(counts.bytes <= counts.capacity && counts.objects > 100, "{counts:?}");
}

#[test]
fn a_store_begins_with_the_purges_that_it_is_given() {
    let purges = Purges::restore(5, [(7, Purge { what: What::Tag("t".into()), is_soft: false })]);
    let store = Store::with_purges(&StoreSettings { bytes: 1 << 20, seed: [7; 16] }, purges);
    let mut old = fresh("h/", b"");
    old.purge = AtomicU64::new(6);
    old.tags = ["t".into()].into();
    assert_eq!(store.purges().latest(), 7);
    assert!(!store.put_by(key(1), none, Arc::new(old)));
}
