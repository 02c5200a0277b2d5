//! How many at a time: one gate for each key.
//!
//! *Promise*: never more inside than the limit, whatever the workers do at once; whoever goes in comes out, since leaving is
//! what dropping a [`Pass`] does; memory is bounded. Where more keys are busy than there is room for, a further key is let in
//! without a gate, and that is counted: a full table must not close a door that nobody stands in.
//! *Not here*: how long one waits in front of a gate.
//! *Cost*: a short lock of a 64th of the keys to go in, and one to leave: a count that has to be exact and goes away at
//! zero is not worth a lock-free table.

use crate::policy::Key;
use crate::shards::{ByKey, PARTS, Shards};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Gates of keys.
#[derive(Debug)]
pub struct Gates {
    inside: Shards<HashMap<Key, u32, ByKey>>,
    /// How many keys a part may count.
    most_keys: usize,
    ungated: AtomicU64,
}

/// Leave to be inside; dropping it leaves.
#[derive(Debug)]
pub struct Pass {
    /// None where there was no room for a gate.
    gate: Option<(Arc<Gates>, Key)>,
}

impl Gates {
    /// Gates for about so many keys that are busy at once.
    pub fn new(most_keys: usize) -> Self {
        Self {
            inside: Shards::new(),
            most_keys: most_keys.div_ceil(PARTS).max(1),
            ungated: AtomicU64::new(0),
        }
    }

    /// Goes in where fewer than `most` of this key are inside.
    pub fn enter(self: &Arc<Self>, key: Key, most: u32) -> Option<Pass> {
        if most == 0 {
            return None;
        }
        let mut part = self.inside.of(key);
        let busy = part.len();
        let gate = match part.entry(key) {
            Entry::Occupied(inside) if *inside.get() >= most => return None,
            Entry::Occupied(mut inside) => {
                *inside.get_mut() += 1;
                Some((self.clone(), key))
            }
            Entry::Vacant(_) if busy >= self.most_keys => {
                self.ungated.fetch_add(1, Relaxed);
                None
            }
            Entry::Vacant(gate) => {
                gate.insert(1);
                Some((self.clone(), key))
            }
        };
        Some(Pass { gate })
    }

    /// How many of a key are inside.
    pub fn inside(&self, key: Key) -> u32 {
        self.inside.of(key).get(&key).copied().unwrap_or(0)
    }

    /// How many keys are busy.
    pub fn len(&self) -> usize {
        self.inside.all().map(|part| part.len()).sum()
    }

    /// Is nobody inside?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many went in without a gate because all were in use. It only grows.
    pub fn ungated(&self) -> u64 {
        self.ungated.load(Relaxed)
    }

    fn leave(&self, key: Key) {
        if let Entry::Occupied(mut inside) = self.inside.of(key).entry(key) {
            *inside.get_mut() -= 1;
            if *inside.get() == 0 {
                inside.remove();
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some((gates, key)) = self.gate.take() {
            gates.leave(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn a_gate_lets_so_many_in_and_another_when_one_leaves() {
        let gates = Arc::new(Gates::new(100));
        let key = Key(7);
        let passes: Vec<_> = (0..3).map(|_| gates.enter(key, 3).expect("there is room")).collect();
        assert!(gates.enter(key, 3).is_none());
        assert!(gates.enter(Key(8), 3).is_some(), "another key has a gate of its own");
        drop(passes);
        assert!(gates.enter(key, 1).is_some());
        assert!(gates.enter(key, 0).is_none(), "nobody may come in at all");
        assert!(gates.is_empty());
    }

    #[test]
    fn a_limit_that_was_lowered_holds_for_those_who_come() {
        let gates = Arc::new(Gates::new(100));
        let mut passes: Vec<_> = (0..5).filter_map(|_| gates.enter(Key(7), 5)).collect();
        assert_eq!(gates.inside(Key(7)), 5);
        assert!(gates.enter(Key(7), 2).is_none());
        passes.truncate(1);
        assert!(gates.enter(Key(7), 2).is_some());
    }

    #[test]
    fn more_busy_keys_than_gates_go_in_and_are_counted() {
        let gates = Arc::new(Gates::new(64));
        // All of one part.
        let passes: Vec<_> = (0..10).filter_map(|n| gates.enter(Key(n), 1)).collect();
        assert_eq!((passes.len(), gates.len(), gates.ungated()), (10, 1, 9));
        drop(passes);
        assert!(gates.is_empty());
        let again = gates.enter(Key(9), 1).expect("there is room now");
        assert!(gates.enter(Key(9), 1).is_none(), "and a gate");
        drop(again);
    }

    #[test]
    fn workers_at_once_are_never_more_than_the_gate_says() {
        let gates = Arc::new(Gates::new(100));
        let (inside, most_seen, entered) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        let work = || {
            for _ in 0..20_000 {
                if let Some(pass) = gates.enter(Key(7), 3) {
                    let now = inside.fetch_add(1, Relaxed) + 1;
                    most_seen.fetch_max(now, Relaxed);
                    entered.fetch_add(1, Relaxed);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Relaxed);
                    drop(pass);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(work);
            }
        });
        assert!(most_seen.into_inner() <= 3);
        assert!(entered.into_inner() > 0);
        assert!(gates.is_empty());
    }
}
