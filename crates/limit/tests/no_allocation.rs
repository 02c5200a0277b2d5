//! A decision allocates nothing, for keys that are known, that are new, and that push others out. Counted by an allocator
//! around the system's.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait; this one only counts and passes on")]

mod keys;

use keys::{SECOND, keyed, per_second};
use limit::{Allowance, Hasher, Limiter, Pacer, Quotas, Window};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::NonZeroU64;
use std::time::Duration;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `alloc` above, that is from the system.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_decision_allocates_nothing() {
    let (limiter, quotas) = (Limiter::new(1 << 14), Quotas::new(1 << 14));
    let hasher = Hasher::new([7; 16]);
    let mut pacer = Pacer::new(NonZeroU64::new(1_000).expect("not zero"), 10);
    let daily = keyed(1, Allowance::Quota { count: 1_000, window: Window::Day });
    quotas.take(&daily, 1, 0);
    let before = COUNT.with(Cell::get);
    for n in 0..10_000_u64 {
        let caller = limit::Keyed {
            key: hasher.key("p", [n.to_le_bytes().as_slice()]),
            allowance: per_second(10, 10),
        };
        limiter.take(&caller, 1, SECOND);
        limiter.take(&keyed(n, caller.allowance), 1, SECOND);
        limiter.reserve(&caller, 1, SECOND, Duration::from_secs(1));
        limiter.charge(&caller, 1, SECOND);
        limiter.correct(caller.key, Duration::from_secs(1), SECOND);
        quotas.take(&daily, 1, 0);
        pacer.wait_for(n, SECOND);
    }
    assert!(limiter.evictions() > 0, "it was full");
    assert_eq!(COUNT.with(Cell::get), before);
}
