//! A pick allocates nothing, under any policy. Counted by an allocator around the system's.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait; this one only counts and passes on")]

mod servers;

use balance::{Health, Outcome, PickerSettings, Policy, State, Tried};
use base::{IdSource, Moment};
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
fn a_pick_allocates_nothing() {
    let mut servers = servers::servers(&(0..100).map(|n| 1 + n % 3).collect::<Vec<_>>());
    // Not only the plain way: some are out, some are full, some grow, some stand by.
    for n in 0..10 {
        servers[n].health = Health::new(State::Dead, Moment::ORIGIN);
        servers[10 + n].max_requests = 0;
        servers[20 + n].health = Health::joining(State::Up, Moment::ORIGIN);
        servers[30 + n].place.priority = 1;
    }
    let mut random = IdSource::seeded(1);
    for policy in Policy::ALL {
        let bounded_load = Some(1.25);
        let settings = PickerSettings { policy, bounded_load, slow_start: Duration::from_secs(10) };
        let mut picker = servers::picker_with(settings, &servers, &mut random);
        let before = COUNT.with(Cell::get);
        for key in 0..100 {
            let mut tried = Tried::none();
            for hash in [None, Some(key)] {
                let pick = picker.pick(&servers, &tried, hash, Moment::ORIGIN, &mut random);
                let i = servers::endpoint(pick);
                servers[i].load.start(Moment::ORIGIN);
                tried.insert(i);
                servers[i].load.finish(Moment::ORIGIN, Outcome::Answered(Duration::from_millis(3)));
            }
        }
        assert_eq!(COUNT.with(Cell::get) - before, 0, "{policy:?}");
    }
    assert!(COUNT.with(Cell::get) > 0, "the counter counts");
}
