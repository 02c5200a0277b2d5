use super::*;
use crate::blocking::block_on;
use crate::entry::tests::entry;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;

fn lead(flights: &Arc<Flights>, key: Key) -> Lead {
    match flights.join(key) {
        Join::Lead(lead) => lead,
        Join::Wait(_) => panic!("somebody leads already"),
    }
}

fn wait(flights: &Arc<Flights>, key: Key) -> Arc<Flight> {
    match flights.join(key) {
        Join::Wait(flight) => flight,
        Join::Lead(_) => panic!("nobody leads"),
    }
}

/// What a thousand waiters on eight threads learn, all of whom wait when `end` is called.
fn learnt(end: impl FnOnce(Lead)) -> Vec<Outcome> {
    let flights = Arc::new(Flights::new());
    let lead = lead(&flights, Key(7));
    let (seated, count) = mpsc::channel();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (flights, seated) = (&flights, seated.clone());
                scope.spawn(move || {
                    let waiting: Vec<_> = (0..125).map(|_| wait(flights, Key(7))).collect();
                    let mut futures: Vec<_> =
                        waiting.iter().map(|flight| Box::pin(flight.outcome())).collect();
                    let mut cx = Context::from_waker(Waker::noop());
                    for future in &mut futures {
                        assert!(future.as_mut().poll(&mut cx).is_pending());
                    }
                    seated.send(()).unwrap();
                    futures.into_iter().map(block_on).collect::<Vec<_>>()
                })
            })
            .collect();
        (0..8).for_each(|_| count.recv().unwrap());
        end(lead);
        assert_eq!(flights.len(), 0);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_thousand_waiters_get_the_one_response() {
    let response = Arc::new(entry("a/", b"b"));
    let learnt = learnt(|lead| lead.landed(&response));
    assert_eq!(learnt.len(), 1_000);
    assert!(
        learnt.iter().all(|outcome| matches!(outcome, Outcome::Entry(one) if Arc::ptr_eq(one, &response)))
    );
}

#[test]
fn a_thousand_waiters_are_released_with_the_reason() {
    let learnt = learnt(|lead| lead.released(Reason::Uncacheable));
    assert_eq!(learnt.len(), 1_000);
    assert!(learnt.iter().all(|outcome| matches!(outcome, Outcome::Own(Reason::Uncacheable))));
}

#[test]
fn a_leader_that_vanishes_releases_all() {
    let learnt = learnt(drop);
    assert_eq!(learnt.len(), 1_000);
    assert!(learnt.iter().all(|outcome| matches!(outcome, Outcome::Own(Reason::Failed))));
}

/// Three begin to wait for a fetch at the very moment when it ends, over and over. Some are dropped and wait again.
#[test]
fn no_wake_up_is_lost_however_the_end_and_the_waiting_meet() {
    const ROUNDS: u128 = 3_000;
    let flights = Arc::new(Flights::new());
    let response = Arc::new(entry("a/", b"b"));
    for round in 0..ROUNDS {
        let lead = lead(&flights, Key(round));
        let at_once = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let flight = wait(&flights, Key(round));
                    at_once.wait();
                    wait_through(&flight, round);
                });
            }
            at_once.wait();
            // The others take some time until they wait: so it is sometimes before that, and sometimes after.
            (0..round % 64).for_each(|_| std::hint::spin_loop());
            if round.is_multiple_of(2) { lead.landed(&response) } else { drop(lead) }
        });
    }
    assert_eq!(flights.len(), 0);
}

fn wait_through(flight: &Flight, round: u128) {
    if round.is_multiple_of(3) {
        let mut left = Box::pin(flight.outcome());
        let _ = left.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    match block_on(flight.outcome()) {
        Outcome::Entry(_) => assert!(round.is_multiple_of(2)),
        Outcome::Own(why) => assert_eq!((why, round % 2), (Reason::Failed, 1)),
    }
}

struct Counted(AtomicUsize);

impl std::task::Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn one_who_waits_is_woken_once_by_its_last_waker_and_one_who_left_is_not() {
    let flights = Arc::new(Flights::new());
    let lead = lead(&flights, Key(1));
    let flight = wait(&flights, Key(1));
    let wakers = [(); 3].map(|()| Arc::new(Counted(AtomicUsize::new(0))));
    let [first, last, left] = wakers.clone().map(Waker::from);
    let mut staying = pin!(flight.outcome());
    assert!(staying.as_mut().poll(&mut Context::from_waker(&first)).is_pending());
    assert!(staying.as_mut().poll(&mut Context::from_waker(&last)).is_pending());
    let mut leaving = Box::pin(flight.outcome());
    assert!(leaving.as_mut().poll(&mut Context::from_waker(&left)).is_pending());
    drop(leaving);
    lead.released(Reason::NoStore);
    let woken = wakers.each_ref().map(|waker| waker.0.load(Ordering::Relaxed));
    assert_eq!(woken, [0, 1, 0]);
    assert!(matches!(block_on(staying), Outcome::Own(Reason::NoStore)));
}

#[test]
fn one_who_asks_after_the_end_learns_it_and_the_next_leads() {
    let flights = Arc::new(Flights::new());
    let first = lead(&flights, Key(1));
    assert_eq!(first.key(), Key(1));
    let late = wait(&flights, Key(1));
    let other = lead(&flights, Key(2));
    assert_eq!(flights.len(), 2);
    first.released(Reason::TooLarge);
    let second = lead(&flights, Key(1));
    assert!(matches!(block_on(late.outcome()), Outcome::Own(Reason::TooLarge)));
    drop((second, other));
    assert_eq!(flights.len(), 0);
}
