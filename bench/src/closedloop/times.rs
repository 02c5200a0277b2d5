//! How long requests took: counted in buckets that are at most 1.6 % wide, so that any number of requests takes the same
//! 16 KiB.

use std::time::Duration;

/// Buckets of one power of two: 64.
const BITS: u32 = 6;
/// Microseconds up to 2^31 (36 minutes) have a bucket of their own kind; what is longer counts as that.
const BUCKETS: usize = ((32 - BITS as usize) + 1) << BITS;

/// Times of requests.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    buckets: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Times {
    pub(crate) fn new() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, longest: Duration::ZERO }
    }

    pub(crate) fn add(&mut self, took: Duration) {
        self.buckets[bucket(took)] += 1;
        self.count += 1;
        self.longest = self.longest.max(took);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Milliseconds that so many of a hundred stayed below; 0 where there is none.
    pub(crate) fn percentile(&self, percent: u64) -> f64 {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut below = 0;
        let found = self.buckets.iter().position(|count| {
            below += count;
            below >= rank
        });
        found.map_or(0.0, |bucket| (upper(bucket) as f64 / 1e3).min(self.longest()))
    }

    /// Milliseconds of the longest; 0 where there is none.
    pub(crate) fn longest(&self) -> f64 {
        self.longest.as_secs_f64() * 1e3
    }
}

fn bucket(took: Duration) -> usize {
    let micros = took.as_micros().min((1 << 31) - 1) as u32;
    // Below 64 each has its own; above, the six bits behind the first one that is set tell the bucket.
    let shift = (32 - micros.leading_zeros()).saturating_sub(BITS + 1);
    ((shift as usize) << BITS) + (micros >> shift) as usize
}

/// The end of a bucket, in microseconds.
fn upper(bucket: usize) -> u64 {
    let shift = (bucket >> BITS).saturating_sub(1);
    ((bucket - (shift << BITS)) as u64 + 1) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_in_a_bucket_that_is_narrow_enough() {
        for micros in (0..300).chain([1000, 12_345, 999_999, 60_000_000, (1 << 31) - 1]) {
            let end = upper(bucket(Duration::from_micros(micros)));
            assert!(end > micros && (end - micros) as f64 <= 1.0 + micros as f64 / 64.0, "{micros}: {end}");
        }
        assert!(bucket(Duration::from_secs(1 << 40)) < BUCKETS);
    }

    #[test]
    fn percentiles_are_those_of_what_was_added() {
        let mut times = Times::new();
        assert!(times.percentile(99).abs() < 1e-9 && times.longest().abs() < 1e-9);
        for millis in 1..=100 {
            times.add(Duration::from_millis(millis));
        }
        assert!((times.percentile(50) - 50.0).abs() < 1.0, "{}", times.percentile(50));
        assert!((times.percentile(99) - 99.0).abs() < 2.0, "{}", times.percentile(99));
        assert!((times.longest() - 100.0).abs() < 1e-9);
        assert_eq!(times.count(), 100);
    }
}
