//! How long things took, as masses in buckets that grow by 3 %.
//!
//! Masses are real numbers: the model deals in flows, not in single requests. *Promise*: bounded memory, and quantiles within
//! 3 % of what was added, from 10 us to an hour. *Cost*: a logarithm for each addition.

use std::ops::Range;

/// What is shorter counts as no time, in seconds.
const SHORTEST: f64 = 1e-5;
/// How much longer each bucket is than the one before it.
const GROWTH: f64 = 1.03;
/// Up to an hour and a little.
const BUCKETS: usize = 670;

/// A distribution of times.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    masses: Vec<f64>,
    total: f64,
    /// Only these buckets hold anything. Most of the time they are few, and merging and clearing cost as little.
    used: Range<usize>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { masses: vec![0.0; BUCKETS + 1], total: 0.0, used: BUCKETS..BUCKETS }
    }
}

impl Histogram {
    /// Adds so much mass at so many seconds.
    pub(crate) fn add(&mut self, seconds: f64, mass: f64) {
        #[expect(
            clippy::cast_sign_loss,
            reason = "what is longer than the shortest has a positive logarithm"
        )]
        let beyond = |ratio: f64| (ratio.ln() / GROWTH.ln()) as usize;
        let at = if seconds <= SHORTEST { 0 } else { 1 + beyond(seconds / SHORTEST) };
        let at = at.min(BUCKETS);
        self.masses[at] += mass;
        self.total += mass;
        self.used = self.used.start.min(at)..self.used.end.max(at + 1);
    }

    /// Adds all of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        for at in other.used.clone() {
            self.masses[at] += other.masses[at];
        }
        self.total += other.total;
        self.used = self.used.start.min(other.used.start)..self.used.end.max(other.used.end);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.masses[self.used.clone()].fill(0.0);
        self.total = 0.0;
        self.used = BUCKETS..BUCKETS;
    }

    /// All mass.
    pub(crate) fn total(&self) -> f64 {
        self.total
    }

    /// The sum of a value of this and one of a distribution with that mean, of which `strata` are the strata for a mean of 1.
    pub(crate) fn plus(&self, strata: &[f64], mean: f64) -> Self {
        let mut sum = Self::default();
        for (at, mass) in self.masses() {
            let own = middle(at);
            for stratum in strata {
                sum.add(own + stratum * mean, mass / strata.len() as f64);
            }
        }
        sum
    }

    /// The time that this share of the mass stays below, in seconds; none where there is no mass.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let mut left = self.total * share;
        if self.total <= 0.0 {
            return None;
        }
        let mut last = None;
        for (at, mass) in self.masses() {
            if left <= mass {
                let part = (left / mass).clamp(0.0, 1.0);
                return Some(if at == 0 { 0.0 } else { lower(at) * GROWTH.powf(part) });
            }
            left -= mass;
            last = Some(middle(at));
        }
        // Rounding alone leads here.
        last
    }

    /// The buckets that hold anything.
    fn masses(&self) -> impl Iterator<Item = (usize, f64)> {
        self.used.clone().map(|at| (at, self.masses[at])).filter(|(_, mass)| *mass > 0.0)
    }
}

/// Where a bucket begins, in seconds.
fn lower(at: usize) -> f64 {
    SHORTEST * GROWTH.powi(i32::try_from(at).unwrap_or(i32::MAX) - 1)
}

/// What a bucket stands for.
fn middle(at: usize) -> f64 {
    if at == 0 { 0.0 } else { lower(at) * GROWTH.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service_time::Spread;

    #[test]
    fn a_quantile_is_within_three_percent() {
        let mut times = Histogram::default();
        for n in 1..=1000 {
            times.add(f64::from(n) / 1000.0, 2.0);
        }
        for share in [0.05, 0.5, 0.95, 0.99] {
            let found = times.quantile(share).unwrap();
            assert!((found / share - 1.0).abs() < 0.03, "{share}: {found}");
        }
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn the_longest_and_the_shortest_have_a_bucket_too() {
        let mut times = Histogram::default();
        times.add(0.0, 1.0);
        times.add(1e9, 1.0);
        assert_eq!(times.quantile(0.1), Some(0.0));
        assert!(times.quantile(0.9).unwrap() > 3600.0);
    }

    #[test]
    fn a_sum_with_exponential_times_has_their_quantiles() {
        let mut none = Histogram::default();
        none.add(0.0, 10.0);
        let sum = none.plus(&Spread::Exponential.strata(), 0.1);
        assert!((sum.total() - 10.0).abs() < 1e-9);
        for share in [0.5_f64, 0.95, 0.98] {
            let exact = -0.1 * (1.0 - share).ln();
            let found = sum.quantile(share).unwrap();
            assert!((found / exact - 1.0).abs() < 0.04, "{share}: {found} {exact}");
        }
    }
}
