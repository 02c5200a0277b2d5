//! What this node has admitted and the other nodes do not know yet.
//!
//! Costs of one key add up until they are drained, a few times in a tenth of a second. *Promise*: memory is bounded; nothing
//! that was added is told twice, and nothing is lost but what found no room, which is counted. *Not here*: telling it.
//! *Cost*: a short lock of a 64th of the keys.

use crate::policy::{Allowance, Key, Keyed};
use crate::shards::{ByKey, PARTS, Shards};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many keys wait to be told, by default. At a drain each 20 ms that is 3 million different keys a second.
const MOST_KEYS: usize = 65_536;

/// Costs to be told.
#[derive(Debug)]
pub struct Pending {
    costs: Shards<HashMap<Key, Cost, ByKey>>,
    /// How many keys a part may hold.
    most_keys: usize,
    lost: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Cost {
    allowance: Allowance,
    cost: u64,
}

impl Pending {
    /// For about so many keys between two drains.
    pub fn new(most_keys: usize) -> Self {
        Self { costs: Shards::new(), most_keys: most_keys.div_ceil(PARTS).max(1), lost: AtomicU64::new(0) }
    }

    /// Adds a cost. A key that finds no room is not told: only this node has counted it.
    pub fn add(&self, keyed: &Keyed, cost: u32) {
        if cost == 0 {
            return;
        }
        let (allowance, more) = (keyed.allowance, u64::from(cost));
        let mut part = self.costs.of(keyed.key);
        if let Some(kept) = part.get_mut(&keyed.key) {
            // A reload may have changed what is allowed; the latest holds.
            *kept = Cost { allowance, cost: kept.cost.saturating_add(more) };
        } else if part.len() < self.most_keys {
            part.insert(keyed.key, Cost { allowance, cost: more });
        } else {
            self.lost.fetch_add(more, Relaxed);
        }
    }

    /// Takes all that was added since the last call, each key once.
    pub fn drain(&self) -> Vec<(Keyed, u64)> {
        let mut all = Vec::new();
        for mut part in self.costs.all() {
            // The map keeps its memory: about as many keys will come again.
            all.extend(part.drain().map(|(key, kept)| (Keyed { key, allowance: kept.allowance }, kept.cost)));
        }
        all
    }

    /// How much cost found no room. It only grows.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

impl Default for Pending {
    fn default() -> Self {
        Self::new(MOST_KEYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Window;
    use std::sync::atomic::AtomicBool;

    fn keyed(key: u128) -> Keyed {
        Keyed { key: Key(key), allowance: Allowance::Quota { count: 5, window: Window::Day } }
    }

    #[test]
    fn costs_of_a_key_add_up_and_are_told_once() {
        let pending = Pending::default();
        pending.add(&keyed(1), 2);
        pending.add(&keyed(1), u32::MAX);
        pending.add(&keyed(1 << 64), 1);
        pending.add(&keyed(3), 0);
        let mut told = pending.drain();
        told.sort_by_key(|(keyed, _)| keyed.key);
        assert_eq!(told, [(keyed(1), u64::from(u32::MAX) + 2), (keyed(1 << 64), 1)]);
        assert!(pending.drain().is_empty());
    }

    #[test]
    fn a_flood_of_keys_is_bounded_and_those_that_are_in_still_count() {
        let pending = Pending::new(640);
        for n in 0..100_000_u128 {
            pending.add(&keyed(n << 64), 1);
        }
        pending.add(&keyed(0), 7);
        let told = pending.drain();
        assert_eq!(told.len(), 640);
        assert_eq!(pending.lost(), 100_000 - 640);
        assert!(told.contains(&(keyed(0), 8)));
        pending.add(&keyed(5), 1);
        assert_eq!(pending.drain().len(), 1, "there is room again");
    }

    #[test]
    fn nothing_is_lost_while_workers_add_and_another_drains() {
        let (pending, done) = (Pending::default(), AtomicBool::new(false));
        let work = || (0..50_000_u128).for_each(|n| pending.add(&keyed((n % 7) << 64), 1));
        let sum = |told: Vec<(Keyed, u64)>| told.iter().map(|(_, cost)| cost).sum::<u64>();
        let told = std::thread::scope(|scope| {
            let drain = scope.spawn(|| {
                let mut told = 0;
                while !done.load(Relaxed) {
                    told += sum(pending.drain());
                }
                told
            });
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                worker.join().expect("it adds");
            }
            done.store(true, Relaxed);
            drain.join().expect("it drains")
        });
        assert_eq!(told + sum(pending.drain()), 200_000);
    }
}
