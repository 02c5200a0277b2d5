//! A sample allocates nothing. Counted by an allocator around the system's.

mod play;

use play::settings;
use scale::{Backlog, Database, Sample, Scaler};
use std::time::Duration;
use testing::{CountingAllocator, allocations};

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator;

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
    let before = allocations();
    for _ in 0..10_000 {
        sample.at = sample.at + Duration::from_millis(100);
        scaler.observe(&sample);
    }
    assert_eq!(allocations(), before);
    assert!(before > 0, "the counter counts");
}
