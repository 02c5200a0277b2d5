//! What a scaler measures is never the mean: requests come by chance.
//!
//! The model moves means. What is measured of them gets the noise that a real service has: the arrivals of a step are a
//! Poisson number, and requests under way sway around their mean by its square root, for about a service time each way. Both
//! follow from a seed. Queues that come from chance are in the model itself, so this noise moves nothing but measurements.

use base::IdSource;
use std::f64::consts::TAU;

/// Above this mean a Poisson number is as good as a normal one.
const MANY: f64 = 20.0;

/// The noise of one run.
#[derive(Clone, Debug)]
pub(crate) struct Noise {
    random: IdSource,
    /// Where requests under way are, in standard deviations from their mean.
    sway: f64,
}

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: IdSource::seeded(seed), sway: 0.0 }
    }

    /// How many came where so many come on average.
    pub(crate) fn arrivals(&mut self, mean: f64) -> f64 {
        if mean > MANY {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0);
        }
        // Knuth: count how many uniform numbers can be multiplied before the product is below e^-mean.
        let (least, mut product, mut count) = ((-mean).exp(), self.evenly(), 0.0);
        while product > least {
            product *= self.evenly();
            count += 1.0;
        }
        count
    }

    /// How many were there on average over a step, where `mean` is expected and `busy` of them are being worked on.
    pub(crate) fn concurrency(&mut self, mean: f64, busy: f64, service: f64, length: f64) -> f64 {
        let keeps = (-length / service).exp();
        self.sway = keeps * self.sway + (1.0 - keeps * keeps).sqrt() * self.normal();
        // A mean over a time that is long beside the sway has less of it.
        let ratio = service / length;
        let left = (2.0 * ratio * (1.0 - ratio * (1.0 - (-1.0 / ratio).exp()))).clamp(0.0, 1.0);
        (mean + (busy * left).sqrt() * self.sway).max(0.0)
    }

    /// Between 0 and 1, neither of them.
    fn evenly(&mut self) -> f64 {
        ((self.random.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Box and Muller, 1958.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.evenly().ln()).sqrt() * (TAU * self.evenly()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_and_variance(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn arrivals_have_the_mean_and_the_variance_of_a_poisson_number() {
        let mut noise = Noise::new(1);
        for expected in [0.3, 10.0, 1000.0] {
            let values: Vec<f64> = (0..20_000).map(|_| noise.arrivals(expected)).collect();
            let (mean, variance) = mean_and_variance(&values);
            assert!((mean / expected - 1.0).abs() < 0.03, "{expected}: mean {mean}");
            assert!((variance / expected - 1.0).abs() < 0.06, "{expected}: variance {variance}");
        }
        assert!(noise.arrivals(0.0).abs() < 1e-12);
    }

    #[test]
    fn requests_under_way_sway_by_the_square_root_of_their_mean() {
        let mut noise = Noise::new(1);
        let values: Vec<f64> = (0..20_000).map(|_| noise.concurrency(100.0, 100.0, 1.0, 0.1)).collect();
        let (mean, variance) = mean_and_variance(&values);
        assert!((mean - 100.0).abs() < 1.5, "{mean}");
        assert!((80.0..115.0).contains(&variance), "{variance}");
    }
}
