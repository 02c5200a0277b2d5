//! How many requests ended with which method and status, counted without a lock and in bounded memory.
//!
//! An open-addressed table of 64 words. A word holds a key of 14 bits (method and status) and a count of 50, so one
//! compare-and-swap both claims a slot and counts, and a word can never show one key with another's count. Fifty
//! bits last 35 years at a million requests a second on one core. Methods beyond the common nine share the name
//! `OTHER`, so a client that makes up methods fills no slots; what finds no slot is counted by its class of status.
//! Cost: about one atomic addition.

use message::Method;
use std::sync::atomic::{AtomicU64, Ordering};

const SLOTS: usize = 64;
/// How far a key may stand from its home. Bounds the search when the table is crowded.
const PROBES: usize = 16;
const COUNT_BITS: u32 = 50;
const COUNT: u64 = (1 << COUNT_BITS) - 1;
/// What a status is; the key has ten bits for it. Anything else counts as 0.
const STATUSES: std::ops::RangeInclusive<u16> = 100..=999;

/// Names of methods by their code. The last one stands for all others.
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "OTHER"];

/// Requests that ended alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The method, `OTHER` for uncommon ones.
    pub method: &'static str,
    /// The status; 0 where there was none. From 1 to 9 it is a class (5 means any 5xx): so are requests counted for
    /// which the table had no room, with the method `OTHER`.
    pub status: u16,
    /// How many.
    pub count: u64,
}

impl Outcome {
    /// Is it the fault of this side: 5xx?
    pub fn is_error(&self) -> bool {
        self.status / 100 == 5 || self.status == 5
    }
}

/// The table of one core.
#[derive(Debug)]
pub(super) struct Outcomes {
    slots: [AtomicU64; SLOTS],
    /// What found no slot, by the first digit of its status.
    rest: [AtomicU64; 10],
}

impl Default for Outcomes {
    fn default() -> Self {
        Self {
            slots: std::array::from_fn(|_| AtomicU64::new(0)),
            rest: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Outcomes {
    /// Counts one request.
    pub(super) fn count(&self, method: &Method, status: u16) {
        let status = if STATUSES.contains(&status) { status } else { 0 };
        let key = (code(method) + 1) << 10 | u64::from(status);
        for step in 0..PROBES {
            let slot = &self.slots[(home(key) + step) % SLOTS];
            let mut word = slot.load(Ordering::Relaxed);
            if word == 0 {
                match slot.compare_exchange(0, key << COUNT_BITS | 1, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => return,
                    Err(now) => word = now,
                }
            }
            if word >> COUNT_BITS == key {
                slot.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        self.rest[usize::from(status / 100)].fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what this core counted to `sum`.
    pub(super) fn gather(&self, sum: &mut Vec<Outcome>) {
        for slot in &self.slots {
            let word = slot.load(Ordering::Relaxed);
            if word != 0 {
                let key = word >> COUNT_BITS;
                let method = METHODS[((key >> 10) - 1) as usize];
                add(sum, Outcome { method, status: (key & 0x3ff) as u16, count: word & COUNT });
            }
        }
        for (class, cell) in self.rest.iter().enumerate() {
            let count = cell.load(Ordering::Relaxed);
            if count > 0 {
                add(sum, Outcome { method: METHODS[METHODS.len() - 1], status: class as u16, count });
            }
        }
    }
}

fn add(sum: &mut Vec<Outcome>, one: Outcome) {
    match sum.iter_mut().find(|o| o.method == one.method && o.status == one.status) {
        Some(same) => same.count += one.count,
        None => sum.push(one),
    }
}

/// Where the search for a key starts: Fibonacci hashing, since statuses come in runs.
const fn home(key: u64) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize
}

fn code(method: &Method) -> u64 {
    match *method {
        Method::GET => 0,
        Method::HEAD => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::DELETE => 4,
        Method::PATCH => 5,
        Method::OPTIONS => 6,
        Method::CONNECT => 7,
        Method::TRACE => 8,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(outcomes: &Outcomes) -> Vec<Outcome> {
        let mut sum = Vec::new();
        outcomes.gather(&mut sum);
        sum.sort_by_key(|o| (o.method, o.status));
        sum
    }

    #[test]
    fn requests_are_counted_by_method_and_status() {
        let outcomes = Outcomes::default();
        for _ in 0..3 {
            outcomes.count(&Method::GET, 200);
        }
        outcomes.count(&Method::GET, 404);
        outcomes.count(&Method::POST, 200);
        let got: Vec<_> = gathered(&outcomes).iter().map(|o| (o.method, o.status, o.count)).collect();
        assert_eq!(got, [("GET", 200, 3), ("GET", 404, 1), ("POST", 200, 1)]);
    }

    #[test]
    fn made_up_methods_share_one_name() {
        let outcomes = Outcomes::default();
        for i in 0..1000 {
            outcomes.count(&Method::from_bytes(format!("M{i}").as_bytes()).unwrap(), 405);
        }
        assert_eq!(gathered(&outcomes), [Outcome { method: "OTHER", status: 405, count: 1000 }]);
    }

    #[test]
    fn every_status_at_once_loses_no_request_and_no_error() {
        let outcomes = Outcomes::default();
        for status in 0..=u16::MAX {
            outcomes.count(&Method::GET, status);
        }
        let all = gathered(&outcomes);
        assert!(all.len() <= SLOTS + 10, "{}", all.len());
        assert_eq!(all.iter().map(|o| o.count).sum::<u64>(), 65_536);
        assert_eq!(all.iter().filter(|o| o.is_error()).map(|o| o.count).sum::<u64>(), 100);
    }

    #[test]
    fn threads_that_share_a_table_lose_nothing() {
        let outcomes = Outcomes::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for i in 0..40_000_u16 {
                        outcomes.count(&Method::GET, 200 + i % 40);
                    }
                });
            }
        });
        assert_eq!(gathered(&outcomes).iter().map(|o| o.count).sum::<u64>(), 160_000);
    }
}
