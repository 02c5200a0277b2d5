//! A hit allocates nothing.

mod entries;

use cache::{Purge, Standing, What};
use entries::{NOW, key, request, response, store};
use std::sync::Arc;
use testing::{CountingAllocator, allocations};

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator;

#[test]
fn a_hit_and_its_standing_allocate_nothing() {
    let (store, head) = (store(64 << 20), request());
    assert!(allocations() > 0, "it counts");
    for n in 0..1_000 {
        assert!(store.put(key(n), &head, Arc::new(response(n, 1_024))));
    }
    for is_purged_meanwhile in [false, true] {
        if is_purged_meanwhile {
            for what in [What::Url("h/a".into()), What::Tag("t".into()), What::Prefix("h/".into())] {
                store.purges().add(&Purge { what, is_soft: false });
            }
        }
        let before = allocations();
        for n in 0..1_000 {
            let entry = store.find(key(n), &head, NOW).unwrap();
            assert_eq!(store.purges().standing(&entry), Standing::Good);
        }
        assert!(store.find(key(1_000), &head, NOW).is_err());
        assert_eq!(allocations(), before);
    }
}
