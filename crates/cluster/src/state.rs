//! How it goes with the store, for people and for policies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Whether the store can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// It can.
    pub up: bool,
    /// Since when that is so.
    pub since: SystemTime,
    /// Why it cannot; empty where it can.
    pub why: Arc<str>,
}

impl State {
    pub(crate) fn up() -> Self {
        Self { up: true, since: SystemTime::now(), why: "".into() }
    }

    pub(crate) fn down(why: &str) -> Self {
        Self { up: false, since: SystemTime::now(), why: why.into() }
    }
}

/// What was done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Questions of requests that were answered.
    pub taken: u64,
    /// Questions of requests that were not.
    pub failed: u64,
    /// Buckets and quotas that were settled.
    pub settled: u64,
    /// Buckets and quotas that were to be settled while the store was down: what was admitted then is not booked.
    pub lost: u64,
    /// How often the store was found to be down.
    pub downs: u64,
}

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) taken: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) settled: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) downs: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            taken: read(&self.taken),
            failed: read(&self.failed),
            settled: read(&self.settled),
            lost: read(&self.lost),
            downs: read(&self.downs),
        }
    }
}

/// Counts so many more.
pub(crate) fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}
