//! One fetch a key: the first who misses leads, the others wait for what comes of it.
//!
//! *Promise*: a key has at most one flight at a time, on all workers together; all who wait are woken at once, whatever
//! comes of it, also where the leader just vanishes; one who is polled after that, or joins too late to wait, still learns it.
//! *Not here*: how long one waits before one fetches alone, which is the caller's patience. Flights are as many as requests
//! that are being fetched, so what bounds those bounds them.
//! *Cost*: only on a miss. To join and to end, a short lock of a 64th of the keys; to wait, a short lock of that flight.

use crate::store::ByKey;
use crate::waiters::{Seat, Waiters};
use crate::{Entry, Key, Reason};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Parts of the table of flights. A power of two, well above the number of workers, so that they seldom meet.
const PARTS: usize = 64;

/// Who fetches?
#[derive(Debug)]
pub enum Join {
    /// You do.
    Lead(Lead),
    /// Somebody does already.
    Wait(Arc<Flight>),
}

/// What comes of a fetch for those who wait.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A response. Whether it is the variant that fits is for the one who waited to see.
    Entry(Arc<Entry>),
    /// Nothing that can be shared: each fetches for itself, all at once, and why.
    Own(Reason),
}

/// A fetch that is under way.
#[derive(Debug, Default)]
pub struct Flight(Mutex<State>);

/// Both under one lock, so that nobody sits down after all were woken.
#[derive(Debug, Default)]
struct State {
    outcome: Option<Outcome>,
    waiters: Waiters,
}

/// The ticket of the one who fetches. Dropped without a word, it lets all others fetch for themselves ([`Reason::Failed`]).
#[derive(Debug)]
pub struct Lead {
    key: Key,
    flight: Arc<Flight>,
    flights: Arc<Flights>,
}

/// All fetches that are under way.
#[derive(Debug)]
pub(crate) struct Flights(Box<[Mutex<Part>]>);

type Part = HashMap<Key, Arc<Flight>, ByKey>;

/// One who waits; it leaves when it is dropped.
struct Waiting<'a> {
    flight: &'a Flight,
    seat: Seat,
}

impl Flight {
    /// Waits for what comes of it. Woken once, without polling in between. Drop safe.
    pub async fn outcome(&self) -> Outcome {
        let mut waiting = Waiting { flight: self, seat: Seat::default() };
        poll_fn(|cx| waiting.poll(cx)).await
    }

    /// The first word counts; a lead has only one.
    fn decide(&self, outcome: Outcome) {
        let mut state = self.state();
        if state.outcome.is_some() {
            return;
        }
        state.outcome = Some(outcome);
        let woken = state.waiters.take();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    fn is_decided(&self) -> bool {
        self.state().outcome.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }
}

impl Waiting<'_> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Outcome> {
        let mut state = self.flight.state();
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone());
        }
        let before = state.waiters.wait(&mut self.seat, cx.waker());
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.flight.state();
        let waker = state.waiters.leave(&mut self.seat);
        drop(state);
        drop(waker);
    }
}

impl Lead {
    /// The key that it is for.
    pub fn key(&self) -> Key {
        self.key
    }

    /// There is a response, its body perhaps still on its way. From now on the key has no flight: whoever comes later is to
    /// find the response in the store, so it is put there before this is said.
    pub fn landed(self, entry: &Arc<Entry>) {
        self.end(Outcome::Entry(entry.clone()));
    }

    /// There is nothing to share.
    pub fn released(self, why: Reason) {
        self.end(Outcome::Own(why));
    }

    /// The flight leaves the table before its outcome is told, so that one who acts upon the outcome and joins again does not
    /// meet it.
    fn end(&self, outcome: Outcome) {
        self.flights.remove(self.key, &self.flight);
        self.flight.decide(outcome);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.flight.is_decided() {
            self.end(Outcome::Own(Reason::Failed));
        }
    }
}

impl Flights {
    pub(crate) fn new() -> Self {
        Self((0..PARTS).map(|_| Mutex::default()).collect())
    }

    /// Leads where nobody does.
    pub(crate) fn join(self: &Arc<Self>, key: Key) -> Join {
        match self.part(key).entry(key) {
            Slot::Occupied(there) => Join::Wait(there.get().clone()),
            Slot::Vacant(slot) => {
                let flight = slot.insert(Arc::default()).clone();
                Join::Lead(Lead { key, flight, flights: self.clone() })
            }
        }
    }

    /// How many there are.
    /// Does somebody fetch it?
    pub(crate) fn has(&self, key: Key) -> bool {
        self.part(key).contains_key(&key)
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|part| locked(part).len() as u64).sum()
    }

    fn remove(&self, key: Key, flight: &Arc<Flight>) {
        if let Slot::Occupied(there) = self.part(key).entry(key)
            && Arc::ptr_eq(there.get(), flight)
        {
            there.remove();
        }
    }

    fn part(&self, key: Key) -> MutexGuard<'_, Part> {
        locked(&self.0[(key.0 >> 64) as usize % PARTS])
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
