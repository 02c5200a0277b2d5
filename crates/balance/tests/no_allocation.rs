//! A pick allocates nothing, under any policy. Counted by an allocator around the system's.

mod servers;

use balance::{Health, Outcome, PickerSettings, Policy, State, Tried};
use base::{IdSource, Moment};
use std::time::Duration;
use testing::{CountingAllocator, allocations};

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator;

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
        let before = allocations();
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
        assert_eq!(allocations() - before, 0, "{policy:?}");
    }
    assert!(allocations() > 0, "the counter counts");
}
