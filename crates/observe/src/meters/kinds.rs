//! The meters of one thing each: a route, a service, an endpoint, a listener, a reason.
//!
//! A worker keeps an `Arc` of each meter that it needs and says which core it is; there is no look-up, no lock, and
//! no cache line that another core writes. Every method here is one to five relaxed atomic additions.

use super::outcomes::{Outcome, Outcomes};
use crate::events::{Event, Events};
use base::meters::{Buckets, Counter, Gauge, Histogram, PerCore};
use message::Method;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A counter with a cell for each core.
#[derive(Debug)]
pub struct CoreCounter(PerCore<Counter>);

impl CoreCounter {
    pub(super) fn new(cores: usize) -> Self {
        Self(PerCore::new(cores))
    }

    /// Adds `n` on core `core`.
    pub fn add(&self, core: usize, n: u64) {
        self.0.of(core).add(n);
    }

    /// The sum over all cores.
    pub fn total(&self) -> u64 {
        self.0.each().map(Counter::get).sum()
    }
}

/// What is counted for a route.
#[derive(Debug)]
pub struct RouteMeters(PerCore<RouteCell>);

#[derive(Debug, Default)]
struct RouteCell {
    outcomes: Outcomes,
    took: Histogram,
    bytes_in: Counter,
    bytes_out: Counter,
}

/// A route's cells, summed.
#[derive(Debug, Default)]
pub(super) struct RouteSums {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) took: Buckets,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

impl RouteMeters {
    pub(super) fn new(cores: usize) -> Self {
        Self(PerCore::new(cores))
    }

    /// Counts one request that ended: bytes are those of the bodies, read from and written to the client.
    pub fn record(
        &self,
        core: usize,
        method: &Method,
        status: u16,
        took: Duration,
        bytes_in: u64,
        bytes_out: u64,
    ) {
        let cell = self.0.of(core);
        cell.outcomes.count(method, status);
        cell.took.record(took);
        // Most requests have no body; an addition of nothing would still cost an atomic operation.
        if bytes_in > 0 {
            cell.bytes_in.add(bytes_in);
        }
        if bytes_out > 0 {
            cell.bytes_out.add(bytes_out);
        }
    }

    pub(super) fn sums(&self) -> RouteSums {
        let mut sums = RouteSums::default();
        for cell in self.0.each() {
            cell.outcomes.gather(&mut sums.outcomes);
            sums.took.gather(&cell.took);
            sums.bytes_in += cell.bytes_in.get();
            sums.bytes_out += cell.bytes_out.get();
        }
        sums.outcomes.sort_unstable_by_key(|o| (o.method, o.status));
        sums
    }
}

/// What is counted for a service.
#[derive(Debug)]
pub struct ServiceMeters {
    began: CoreCounter,
    ended: CoreCounter,
    retries: CoreCounter,
    retries_refused: CoreCounter,
    hedges: CoreCounter,
    /// Requests that wait until an endpoint has room, as they were last looked at.
    waiting: AtomicU32,
    /// How many requests the service takes at once, where that is learnt; 0 where it is not.
    limit: AtomicU32,
    events: Arc<Events>,
}

impl ServiceMeters {
    pub(super) fn new(cores: usize, events: Arc<Events>) -> Self {
        let counter = || CoreCounter::new(cores);
        Self {
            began: counter(),
            ended: counter(),
            retries: counter(),
            retries_refused: counter(),
            hedges: counter(),
            waiting: AtomicU32::new(0),
            limit: AtomicU32::new(0),
            events,
        }
    }

    /// An attempt at the service began. Each needs one [`ServiceMeters::ended`], on any core.
    pub fn began(&self, core: usize) {
        self.began.add(core, 1);
    }

    /// An attempt at the service ended.
    pub fn ended(&self, core: usize) {
        self.ended.add(core, 1);
    }

    /// An attempt was made again.
    pub fn retried(&self, core: usize) {
        self.retries.add(core, 1);
    }

    /// An attempt was not made again, since the budget was spent.
    pub fn retry_refused(&self, core: usize) {
        self.retries_refused.add(core, 1);
    }

    /// A second attempt was made beside one that took long.
    pub fn hedged(&self, core: usize) {
        self.hedges.add(core, 1);
    }

    /// How many requests wait, and how many the service takes at once (0: not learnt). For whoever looks.
    pub fn set_queue(&self, waiting: u32, limit: u32) {
        self.waiting.store(waiting, Ordering::Relaxed);
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Something happened to the service that people may want to know. For whoever looks, not for workers.
    pub fn tell(&self, event: Event) {
        self.events.tell(event);
    }

    /// Attempts under way.
    pub fn inflight(&self) -> i64 {
        // What ended is read first, so that the difference never shows an end without its beginning.
        let ended = self.ended.total();
        i64::try_from(self.began.total().saturating_sub(ended)).unwrap_or(i64::MAX)
    }

    /// Attempts that were the first of their request.
    pub fn requests(&self) -> u64 {
        self.began.total().saturating_sub(self.retries.total() + self.hedges.total())
    }

    /// Attempts that were made again.
    pub fn retries(&self) -> u64 {
        self.retries.total()
    }

    /// Attempts that were not made again, since the budget was spent.
    pub fn retries_refused(&self) -> u64 {
        self.retries_refused.total()
    }

    /// Second attempts beside one that took long.
    pub fn hedges(&self) -> u64 {
        self.hedges.total()
    }

    /// Requests that wait until an endpoint has room.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many requests the service takes at once, where that is learnt.
    pub fn limit(&self) -> Option<u32> {
        Some(self.limit.load(Ordering::Relaxed)).filter(|limit| *limit > 0)
    }
}

/// What is counted for one endpoint of a service.
#[derive(Debug)]
pub struct EndpointMeters {
    cells: PerCore<EndpointCell>,
    up: AtomicBool,
    /// Changes of its state by reason. Rare, so a lock will do.
    changes: Mutex<BTreeMap<&'static str, u64>>,
}

#[derive(Debug, Default)]
struct EndpointCell {
    took: Histogram,
    failures: Counter,
    unanswered: Counter,
    connects: Counter,
    connect_failures: Counter,
    reused: Counter,
}

/// An endpoint's cells, summed.
#[derive(Debug, Default)]
pub(super) struct EndpointSums {
    pub(super) took: Buckets,
    pub(super) failures: u64,
    pub(super) unanswered: u64,
    pub(super) connects: u64,
    pub(super) connect_failures: u64,
    pub(super) reused: u64,
}

impl EndpointMeters {
    /// An endpoint counts as up until somebody says otherwise.
    pub(super) fn new(cores: usize) -> Self {
        Self { cells: PerCore::new(cores), up: AtomicBool::new(true), changes: Mutex::default() }
    }

    /// An attempt was answered, `took` after it was begun.
    pub fn answered(&self, core: usize, took: Duration) {
        self.cells.of(core).took.record(took);
    }

    /// A connection was made.
    pub fn connected(&self, core: usize) {
        self.cells.of(core).connects.add(1);
    }

    /// A connection could not be made.
    pub fn connect_failed(&self, core: usize) {
        self.cells.of(core).connect_failures.add(1);
    }

    /// An attempt went over a connection that was open already.
    pub fn reused(&self, core: usize) {
        self.cells.of(core).reused.add(1);
    }

    /// An attempt failed: without an answer, or with one that speaks of a fault of the server.
    pub fn failed(&self, core: usize) {
        self.cells.of(core).failures.add(1);
    }

    /// An attempt got no answer.
    pub fn unanswered(&self, core: usize) {
        self.cells.of(core).unanswered.add(1);
    }

    /// Its state changed, for that reason.
    pub fn changed(&self, why: &'static str) {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner).entry(why).or_default() += 1;
    }

    /// Changes of its state, by reason.
    pub fn changes(&self) -> Vec<(&'static str, u64)> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.iter().map(|(why, n)| (*why, *n)).collect()
    }

    /// Attempts that ended, and those of them that failed.
    pub fn attempts(&self) -> (u64, u64) {
        let sums = self.sums();
        (sums.took.total() + sums.unanswered, sums.failures)
    }

    /// How long its answers took, since the process started.
    pub fn took(&self) -> Buckets {
        self.sums().took
    }

    /// Says whether the endpoint takes traffic: healthy and not ejected.
    pub fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }

    /// Does the endpoint take traffic?
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    pub(super) fn sums(&self) -> EndpointSums {
        let mut sums = EndpointSums::default();
        for cell in self.cells.each() {
            sums.took.gather(&cell.took);
            sums.failures += cell.failures.get();
            sums.unanswered += cell.unanswered.get();
            sums.connects += cell.connects.get();
            sums.connect_failures += cell.connect_failures.get();
            sums.reused += cell.reused.get();
        }
        sums
    }
}

/// What is counted for a listener.
#[derive(Debug)]
pub struct ListenerMeters {
    cores: usize,
    open: PerCore<Gauge>,
    accepted: CoreCounter,
    refused: Mutex<BTreeMap<&'static str, Arc<CoreCounter>>>,
}

impl ListenerMeters {
    pub(super) fn new(cores: usize) -> Self {
        Self {
            cores,
            open: PerCore::new(cores),
            accepted: CoreCounter::new(cores),
            refused: Mutex::default(),
        }
    }

    /// A connection was accepted. Each needs one [`ListenerMeters::closed`].
    pub fn accepted(&self, core: usize) {
        self.accepted.add(core, 1);
        self.open.of(core).add(1);
    }

    /// An accepted connection is gone.
    pub fn closed(&self, core: usize) {
        self.open.of(core).add(-1);
    }

    /// The counter of connections refused for `reason`. Takes a lock: find it once and keep it.
    pub fn refused(&self, reason: &'static str) -> Arc<CoreCounter> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(refused.entry(reason).or_insert_with(|| Arc::new(CoreCounter::new(self.cores))))
    }

    /// Connections open now.
    pub fn open(&self) -> i64 {
        self.open.each().map(Gauge::get).sum()
    }

    pub(super) fn accepted_total(&self) -> u64 {
        self.accepted.total()
    }

    pub(super) fn refused_totals(&self) -> Vec<(&'static str, u64)> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().map(|(reason, counter)| (*reason, counter.total())).collect()
    }
}
