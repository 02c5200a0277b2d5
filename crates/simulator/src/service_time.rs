//! How service times are spread around their mean: exponential, or lognormal with a coefficient of variation.
//!
//! A distribution is kept as 200 strata of equal probability, each with its mean, for a mean of one. Both kinds only stretch
//! when their mean changes, so the strata are worked out once. Means of strata keep the mean of the whole exact.

use std::f64::consts::TAU;

/// Strata of equal probability.
pub(crate) const STRATA: usize = 200;
/// Slices of the normal density, between eight standard deviations on each side.
const SLICES: u32 = 16_000;
const REACH: f64 = 8.0;

/// What spreads service times.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Spread {
    /// Memoryless: coefficient of variation 1.
    #[default]
    Exponential,
    /// Lognormal with this coefficient of variation (standard deviation over mean): 0 is constant, above 1 has a heavy tail.
    LogNormal(f64),
}

impl Spread {
    /// The coefficient of variation.
    pub fn cv(self) -> f64 {
        match self {
            Self::Exponential => 1.0,
            Self::LogNormal(cv) => cv,
        }
    }

    /// The mean of each stratum, ascending, where the mean of all is 1.
    pub(crate) fn strata(self) -> Vec<f64> {
        match self {
            Self::Exponential => {
                let edge = |n: usize| n as f64 / STRATA as f64;
                (0..STRATA).map(|n| exponential_between(edge(n), edge(n + 1))).collect()
            }
            Self::LogNormal(cv) => lognormal(cv),
        }
    }
}

/// The mean of a unit exponential between two of its quantiles.
pub(crate) fn exponential_between(from: f64, to: f64) -> f64 {
    // The integral of t e^-t from the quantile to infinity is (1 - p) (1 + t).
    let beyond = |p: f64| if p >= 1.0 { 0.0 } else { (1.0 - p) * (1.0 - (1.0 - p).ln()) };
    (beyond(from) - beyond(to)) / (to - from)
}

/// Sums slices of the normal density into strata.
fn lognormal(cv: f64) -> Vec<f64> {
    let variance = (cv * cv).ln_1p();
    let sigma = variance.sqrt();
    let width = 2.0 * REACH / f64::from(SLICES);
    let mut strata = vec![(0.0, 0.0); STRATA];
    let mut below = 0.0;
    for slice in 0..SLICES {
        let z = (f64::from(slice) + 0.5) * width - REACH;
        let mass = (-0.5 * z * z).exp() / TAU.sqrt() * width;
        #[expect(clippy::cast_sign_loss, reason = "a probability is not negative")]
        let at = (((below + mass / 2.0) * STRATA as f64) as usize).min(STRATA - 1);
        below += mass;
        strata[at].0 += mass;
        strata[at].1 += mass * (sigma * z - variance / 2.0).exp();
    }
    strata.into_iter().map(|(mass, sum)| sum / mass).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_and_cv(spread: Spread) -> (f64, f64) {
        let strata = spread.strata();
        let mean = strata.iter().sum::<f64>() / STRATA as f64;
        let square = strata.iter().map(|s| s * s).sum::<f64>() / STRATA as f64;
        (mean, (square / (mean * mean) - 1.0).sqrt())
    }

    #[test]
    fn strata_keep_the_mean_and_nearly_the_spread() {
        for (spread, tolerance) in
            [(Spread::Exponential, 0.02), (Spread::LogNormal(0.5), 0.02), (Spread::LogNormal(1.5), 0.25)]
        {
            let (mean, cv) = mean_and_cv(spread);
            assert!((mean - 1.0).abs() < 0.01, "{spread:?}: mean {mean}");
            // What lies beyond the last stratum's mean is missing from the spread: little, but for heavy tails.
            assert!((cv - spread.cv()).abs() < tolerance, "{spread:?}: cv {cv}");
        }
    }

    #[test]
    fn strata_ascend() {
        for spread in [Spread::Exponential, Spread::LogNormal(0.0), Spread::LogNormal(2.0)] {
            assert!(spread.strata().is_sorted(), "{spread:?}");
        }
    }
}
