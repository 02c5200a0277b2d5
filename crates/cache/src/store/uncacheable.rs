//! Keys whose last answer could not be kept, so that nobody waits for the next one in vain ("hit for miss").
//!
//! *Promise*: bounded; where there are more, some are forgotten, and their next requests wait for one fetch and learn it again.
//! *Cost*: asked on a miss only, a look-up.

use super::ByKey;
use crate::Key;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, UnitWeighter};

/// Keys that are remembered: 64 Ki, of about 100 bytes each.
const MOST: usize = 64 << 10;
/// Parts that are locked each for itself.
const PARTS: usize = 16;

/// The keys, each with the end of it in milliseconds since 1970.
#[derive(Debug)]
pub(super) struct Uncacheable(Cache<Key, u64, UnitWeighter, ByKey>);

impl Uncacheable {
    pub(super) fn new() -> Self {
        let options = OptionsBuilder::new()
            .shards(PARTS)
            .estimated_items_capacity(MOST)
            .weight_capacity(MOST as u64)
            .build()
            .expect("both capacities are given");
        Self(Cache::with_options(options, UnitWeighter, ByKey::default(), DefaultLifecycle::default()))
    }

    /// Remembers a key.
    pub(super) fn mark(&self, key: Key, until: u64) {
        self.0.insert(key, until);
    }

    /// Is it one of them?
    pub(super) fn is_marked(&self, key: Key, now: u64) -> bool {
        let Some(until) = self.0.get(&key) else { return false };
        if until <= now {
            self.0.remove_if(&key, |until| *until <= now);
        }
        now < until
    }

    /// It was kept after all.
    pub(super) fn forget(&self, key: Key) {
        if self.0.contains_key(&key) {
            self.0.remove(&key);
        }
    }
}
