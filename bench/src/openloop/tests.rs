//! The load against instances whose conduct is known.

use super::*;
use crate::fleet::{Conduct, Fleet};
use crate::port::free_port;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a short load finds at one instance of that conduct that has gone wrong.
fn load(conduct: Conduct, writes: bool) -> (Tally, Vec<u64>) {
    let (tell_port, port) = std_mpsc::channel();
    let (done, mut is_done) = mpsc::unbounded_channel::<()>();
    let fleet = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let fleet = Fleet::start(&[conduct], millis(1)).await.unwrap();
            fleet.go_wrong();
            tell_port.send(fleet.ports()[0]).unwrap();
            is_done.recv().await;
            fleet.received()
        })
    });
    let port = port.recv().unwrap();
    let tally = run(&Load { port, rate: 200, warm: millis(100), lasts: millis(500), writes }, || ()).unwrap();
    done.send(()).unwrap();
    (tally, fleet.join().unwrap())
}

#[test]
fn every_request_that_counts_is_counted_and_the_warm_up_is_not() {
    for writes in [false, true] {
        let (tally, received) = load(Conduct::Healthy, writes);
        assert_eq!((tally.sent, tally.good), (100, 100));
        assert_eq!(received, [120]);
        assert!(1.0 < tally.p50 && tally.p50 <= tally.p99 && tally.p99 <= tally.max, "{tally:?}");
    }
}

#[test]
fn other_statuses_are_failures() {
    let (tally, _) = load(Conduct::Fails, false);
    assert_eq!((tally.sent, tally.good, tally.refused), (100, 0, 100));
}

#[test]
fn silence_does_not_lower_the_rate_and_ends_with_patience() {
    let (tally, received) = load(Conduct::Hangs, false);
    assert_eq!((tally.sent, tally.late, tally.broken), (100, 100, 0));
    assert_eq!(received, [120]);
}

#[test]
fn a_port_where_nobody_listens_breaks_every_request() {
    let port = free_port().unwrap();
    let load = Load { port, rate: 100, warm: Duration::ZERO, lasts: millis(100), writes: false };
    let tally = run(&load, || ()).unwrap();
    assert_eq!(tally.broken, tally.sent);
    assert!(tally.sent >= 9, "{tally:?}");
}

#[test]
fn percentiles_are_those_of_the_good_ones() {
    let good = (1..=100).map(|n| (Outcome::Good(millis(n)), millis(0)));
    let tally = tally(good.chain([(Outcome::Late, millis(4)), (Outcome::Refused, millis(6))]).collect());
    assert_eq!(tally.behind, 1);
    assert_eq!((tally.sent, tally.good, tally.late, tally.refused), (102, 100, 1, 1));
    assert_eq!((tally.p50.round(), tally.p99.round(), tally.max.round()), (51.0, 100.0, 100.0));
}
