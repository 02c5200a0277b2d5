//! A trace in which few keys are asked for often and many seldom (Zipf's law), and how an LRU fares with it.
#![allow(unreachable_pub, reason = "a module of several tests")]

use std::collections::{BTreeMap, HashMap};

/// Keys in the order in which they are asked for: the n-th most wanted of `keys` with a weight of 1 / n^`skew`.
pub struct Zipf {
    upto: Vec<f64>,
    state: u64,
}

impl Zipf {
    pub fn new(keys: usize, skew: f64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=keys).map(|n| (n as f64).powf(-skew));
        let upto = weights.map(|weight| {
            sum += weight;
            sum
        });
        Self { upto: upto.collect(), state: 1 }
    }
}

impl Iterator for Zipf {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (self.state >> 11) as f64 / (1_u64 << 53) as f64 * self.upto.last()?;
        Some(self.upto.partition_point(|upto| *upto <= at) as u64)
    }
}

/// Pushes out what has not been asked for the longest.
#[derive(Default)]
pub struct Lru {
    last: HashMap<u64, u64>,
    order: BTreeMap<u64, u64>,
    clock: u64,
}

impl Lru {
    /// Was it there? Now it is, and no more than `room` are.
    pub fn ask(&mut self, key: u64, room: usize) -> bool {
        self.clock += 1;
        let before = self.last.insert(key, self.clock);
        if let Some(before) = before {
            self.order.remove(&before);
        }
        self.order.insert(self.clock, key);
        if self.last.len() > room
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.last.remove(&oldest);
        }
        before.is_some()
    }
}
