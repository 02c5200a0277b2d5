//! The buckets of all keys: how often each may, decided by every worker for itself over one shared table.
//!
//! *Promise*: a key never gets more than `rate x t + burst` in any span of `t`, whatever the workers do at once, while it
//! keeps its place; memory is fixed; a flood of other keys takes the places of idle keys, not of one that keeps coming. A
//! clock that stands still or steps back admits no more.
//! *Not here*: which policy holds for whom, what several nodes share, the calendar ([`Quotas`](crate::Quotas)).
//! *Cost*: a line of the cache, two divisions, one compare-and-swap. No lock, no allocation.

use crate::bucket::Bucket;
use crate::policy::{Decision, Key, Keyed};
use crate::table::{Table, Visit};
use std::time::Duration;

/// Buckets of keys. All times are nanoseconds of one monotonic clock.
#[derive(Debug)]
pub struct Limiter {
    table: Table,
}

impl Limiter {
    /// A limiter that takes at most so many bytes: 16 for each key, and at least 320. The system hands out the pages as
    /// keys come.
    pub fn new(bytes: usize) -> Self {
        Self { table: Table::new(bytes) }
    }

    /// May a request of this cost go on? A cost of 0 takes nothing and asks whether one of cost 1 would be admitted.
    pub fn take(&self, keyed: &Keyed, cost: u32, now: u64) -> Decision {
        let bucket = Bucket::of(&keyed.allowance);
        if cost == 0 {
            return bucket.look(self.table.get(keyed.key), now);
        }
        self.table.update(keyed.key, &visit(now), |tat| bucket.take(tat, cost, now))
    }

    /// Like [`Limiter::take`], for a request that may wait. Where it would have to wait at most `patience`, it takes its place
    /// in the future: the decision says admitted, and the request goes on after the time beside it. A place is not given back
    /// where the client leaves while it waits.
    pub fn reserve(&self, keyed: &Keyed, cost: u32, now: u64, patience: Duration) -> (Decision, Duration) {
        let bucket = Bucket::of(&keyed.allowance);
        if cost == 0 {
            return (bucket.look(self.table.get(keyed.key), now), Duration::ZERO);
        }
        self.table.update(keyed.key, &visit(now), |tat| bucket.reserve(tat, cost, now, patience))
    }

    /// Takes a cost that is known only afterwards, in any case. The key may go into debt, at most by 100 years.
    pub fn charge(&self, keyed: &Keyed, cost: u32, now: u64) {
        let bucket = Bucket::of(&keyed.allowance);
        if cost > 0 {
            self.table.update(keyed.key, &visit(now), |tat| (Some(bucket.charge(tat, cost, now)), ()));
        }
    }

    /// What another node has seen: the bucket is full again no sooner than `ahead` from now.
    pub fn correct(&self, key: Key, ahead: Duration, now: u64) {
        let at_least = now.saturating_add(nanos(ahead));
        self.table.update(key, &visit(now), |tat| ((at_least > tat.max(now)).then_some(at_least), ()));
    }

    /// The bucket is full again exactly `ahead` from now. What was taken here and not told yet is forgotten.
    pub fn correct_to(&self, key: Key, ahead: Duration, now: u64) {
        let exactly = now.saturating_add(nanos(ahead));
        let change = |tat: u64| ((exactly > now || tat > now).then_some(exactly), ());
        self.table.update(key, &visit(now), change);
    }

    /// How far from now the bucket is full again; zero for one that is.
    pub fn ahead(&self, key: Key, now: u64) -> Duration {
        Duration::from_nanos(self.table.get(key).saturating_sub(now))
    }

    /// How many keys have a place, idle ones included.
    pub fn len(&self) -> u64 {
        self.table.len()
    }

    /// Has no key come yet?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys can have a place.
    pub fn capacity(&self) -> u64 {
        self.table.capacity()
    }

    /// How many keys lost their place although their bucket was not full, so that they began anew. It only grows.
    pub fn evictions(&self) -> u64 {
        self.table.evictions()
    }
}

/// What the table needs to know of now: idle time counts in steps of 2^30 ns, about a second; a bucket that is full again has
/// nothing to remember.
fn visit(now: u64) -> Visit<impl Fn(u64) -> bool> {
    Visit { tick: (now >> 30) as u16, over: move |tat| tat <= now }
}

/// How far ahead another node may push a bucket: not for ever.
fn nanos(ahead: Duration) -> u64 {
    u64::try_from(ahead.as_nanos()).map_or(crate::bucket::HORIZON, |nanos| nanos.min(crate::bucket::HORIZON))
}
