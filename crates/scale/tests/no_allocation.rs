//! A sample allocates nothing. Counted by an allocator around the system's.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait; this one only counts and passes on")]

mod play;

use play::settings;
use scale::{Backlog, Database, Sample, Scaler};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
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
fn a_sample_allocates_nothing() {
    let mut scaler = Scaler::new(settings(20), 3);
    let mut sample = Sample {
        ready: 3,
        concurrency: Some(12.0),
        rps: Some(100.0),
        latency_p95: Some(Duration::from_millis(80)),
        cpu: Some(0.5),
        memory: Some(0.5),
        backlog: Some(Backlog {
            ready: 9,
            arrival: 1.0,
            service_time: Duration::from_secs(1),
            concurrency: 2.0,
        }),
        database: Some(Database { connections: 0.5, waits: false }),
        start_time: Some(Duration::from_secs(1)),
        ..play::quiet(Duration::ZERO)
    };
    let before = COUNT.with(Cell::get);
    for _ in 0..10_000 {
        sample.at = sample.at + Duration::from_millis(100);
        scaler.observe(&sample);
    }
    assert_eq!(COUNT.with(Cell::get), before);
}
