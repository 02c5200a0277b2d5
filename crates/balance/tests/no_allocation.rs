//! A pick allocates nothing, under any policy. Counted by an allocator around the system's.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait; this one only counts and passes on")]

use balance::{Endpoint, Health, Load, Outcome, Picker, Policy, State, Tried, Weight};
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

struct Server(Load, Health);

impl Endpoint for Server {
    fn load(&self) -> &Load {
        &self.0
    }

    fn weight(&self) -> Weight {
        Weight::ONE
    }

    fn health(&self) -> &Health {
        &self.1
    }
}

#[test]
fn a_pick_allocates_nothing() {
    let server = || Server(Load::new(Moment::ORIGIN), Health::new(State::Up, Moment::ORIGIN));
    let servers: Vec<_> = (0..100).map(|_| server()).collect();
    let mut random = IdSource::seeded(1);
    for policy in [Policy::P2cEwma, Policy::RoundRobin] {
        let mut picker = Picker::new(policy, &servers, &mut random);
        let before = COUNT.with(Cell::get);
        let mut tried = Tried::none();
        for _ in 0..10 {
            let i = picker.pick(&servers, &tried, Moment::ORIGIN, &mut random).expect("there are endpoints");
            servers[i].0.start();
            tried.insert(i);
            servers[i].0.finish(Moment::ORIGIN, Outcome::Answered(Duration::from_millis(3)));
        }
        assert_eq!(COUNT.with(Cell::get) - before, 0, "{policy:?}");
    }
    assert!(COUNT.with(Cell::get) > 0, "the counter counts");
}
