//! The tables of `limit` as a [`Ledger`].

use crate::settle::Ledger;
use base::Clock;
use limit::{Key, Keyed, Limiter, Pending, Quotas, Window};
use std::sync::Arc;
use std::time::Duration;

/// What a node counts on its own, and the clock by which it does.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Its buckets.
    pub limiter: Arc<Limiter>,
    /// Its quotas.
    pub quotas: Arc<Quotas>,
    /// What was admitted and is to be told.
    pub pending: Arc<Pending>,
    /// The clock of the buckets.
    pub clock: Clock,
}

impl Ledger for Tables {
    fn drain(&self) -> Vec<(Keyed, u64)> {
        self.pending.drain()
    }

    fn correct_bucket(&self, key: Key, ahead: Duration) {
        // Zero is no time to a bucket.
        self.limiter.correct(key, ahead, self.clock.now().nanos().max(1));
    }

    fn correct_quota(&self, key: Key, window: Window, start: u64, used: u64) {
        self.quotas.correct(key, window, start, used);
    }
}
