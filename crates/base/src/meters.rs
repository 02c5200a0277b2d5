//! Meters that cost a worker a few nanoseconds: each core counts in cells of its own, a scrape sums them.
//!
//! Nothing is looked up by label on the hot path: a meter is found once, when the config is loaded, and
//! kept where it is used. Cells of one core share no cache line with those of another.
//! *Not here*: names, labels and text formats. Those live in the room `observe`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down. One core may raise what another lowers, so only the sum means something.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds `n`, which may be negative.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the histogram's buckets, in microseconds: from 100 us to 30 s, the last bucket has none.
pub const BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000, 30_000_000,
];

/// Durations counted in fixed buckets (`BOUNDS_US`, and one above them).
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS_US.partition_point(|&bound| bound < us);
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }
}

/// What a [`Histogram`] held, summed over cores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// Counts of each bucket by itself (not cumulative), in the order of [`BOUNDS_US`], then those above.
    pub counts: [u64; BOUNDS_US.len() + 1],
    /// Sum of all durations, in microseconds.
    pub sum_us: u64,
}

impl Buckets {
    /// Adds what one core counted.
    pub fn gather(&mut self, one: &Histogram) {
        for (sum, cell) in self.counts.iter_mut().zip(&one.buckets) {
            *sum += cell.load(Ordering::Relaxed);
        }
        self.sum_us += one.sum_us.load(Ordering::Relaxed);
    }

    /// Adds what another histogram held.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, n)| *sum += n);
        self.sum_us += other.sum_us;
    }

    /// What was counted since it held `earlier`; all of it where it began anew meanwhile.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        if self.total() < earlier.total() {
            return self.clone();
        }
        let mut counts = self.counts;
        counts.iter_mut().zip(&earlier.counts).for_each(|(n, before)| *n = n.saturating_sub(*before));
        Self { counts, sum_us: self.sum_us.saturating_sub(earlier.sum_us) }
    }

    /// How many durations were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The duration under which the share `q` (0 to 1) of all lies, in seconds, by linear interpolation
    /// inside a bucket. `None` where nothing was counted.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * total as f64;
        let mut below = 0.0;
        for (i, &n) in self.counts.iter().enumerate() {
            let n = n as f64;
            if n > 0.0 && below + n >= rank {
                let low = if i == 0 { 0 } else { BOUNDS_US[i - 1] } as f64;
                let high = BOUNDS_US.get(i).copied().unwrap_or(BOUNDS_US[BOUNDS_US.len() - 1]) as f64;
                return Some((low + (high - low) * ((rank - below) / n)) / 1e6);
            }
            below += n;
        }
        None
    }
}

/// One `T` for each core, made when that core first asks for it.
#[derive(Debug)]
pub struct PerCore<T>(Box<[OnceLock<Box<Lonely<T>>>]>);

/// Keeps its content on cache lines of its own (128: two lines, as prefetchers fetch them in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Lonely<T>(T);

impl<T: Default> PerCore<T> {
    /// Room for `cores` cells; none is made yet. At least one.
    pub fn new(cores: usize) -> Self {
        Self((0..cores.max(1)).map(|_| OnceLock::new()).collect())
    }

    /// The cell of core `core`. A core beyond the last shares a cell, which is slower but right.
    pub fn of(&self, core: usize) -> &T {
        &self.0[core % self.0.len()].get_or_init(Box::default).0
    }

    /// All cells that were ever asked for.
    pub fn each(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(|cell| cell.get().map(|c| &c.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_each_duration_once_and_in_its_bucket() {
        let histogram = Histogram::default();
        for us in [0, 100, 101, 30_000_000, 30_000_001] {
            histogram.record(Duration::from_micros(us));
        }
        let mut sum = Buckets::default();
        sum.gather(&histogram);
        assert_eq!(sum.total(), 5);
        assert_eq!(sum.counts[0], 2, "a bound belongs to the bucket that it closes");
        assert_eq!(sum.counts[1], 1);
        assert_eq!(sum.counts[BOUNDS_US.len() - 1], 1);
        assert_eq!(sum.counts[BOUNDS_US.len()], 1);
        assert_eq!(sum.sum_us, 60_000_202);
    }

    #[test]
    fn quantiles_lie_inside_the_bucket_that_holds_them() {
        let histogram = Histogram::default();
        for _ in 0..99 {
            histogram.record(Duration::from_micros(700));
        }
        histogram.record(Duration::from_secs(2));
        let mut sum = Buckets::default();
        assert_eq!(sum.quantile(0.5), None);
        sum.gather(&histogram);
        let p50 = sum.quantile(0.5).unwrap();
        assert!(p50 > 0.000_5 && p50 < 0.001, "{p50}");
        assert!(sum.quantile(1.0).unwrap() >= 1.0);
    }

    #[test]
    fn cores_count_apart_and_are_summed() {
        let cells: PerCore<Counter> = PerCore::new(4);
        cells.of(0).add(1);
        cells.of(3).add(2);
        cells.of(7).add(4);
        assert_eq!(cells.each().count(), 2, "cells that nobody asked for do not exist");
        assert_eq!(cells.each().map(Counter::get).sum::<u64>(), 7);
    }
}
