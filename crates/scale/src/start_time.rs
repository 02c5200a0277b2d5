//! How long an instance takes from its launch until it is ready, as learnt.
//!
//! Younger starts count for more (an exponentially weighted mean), so a version that starts faster is known as such
//! after a few.
//! *Not here*: starts that failed. They say nothing about those that succeed.

use std::time::Duration;

/// The part of a new start in the mean.
const WEIGHT: f64 = 0.3;

/// The learnt time.
#[derive(Clone, Copy, Debug, Default)]
pub struct StartTime(Option<Duration>);

impl StartTime {
    /// What was learnt before: in another process, or nothing.
    pub const fn new(known: Option<Duration>) -> Self {
        Self(known)
    }

    /// An instance became ready so long after its launch.
    pub fn learn(&mut self, took: Duration) {
        let mean = self.0.map_or(took, |mean| mean.mul_f64(1.0 - WEIGHT) + took.mul_f64(WEIGHT));
        self.0 = Some(mean);
    }

    /// The mean; `None` before the first start.
    pub const fn get(&self) -> Option<Duration> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn younger_starts_count_for_more() {
        let mut start_time = StartTime::default();
        assert_eq!(start_time.get(), None);
        start_time.learn(Duration::from_secs(10));
        assert_eq!(start_time.get(), Some(Duration::from_secs(10)));
        start_time.learn(Duration::from_secs(20));
        assert_eq!(start_time.get(), Some(Duration::from_secs(13)), "0.7 x 10 s + 0.3 x 20 s");
        (0..20).for_each(|_| start_time.learn(Duration::from_secs(2)));
        assert!(start_time.get().is_some_and(|mean| mean < Duration::from_millis(2_100)));
        assert_eq!(StartTime::new(start_time.get()).get(), start_time.get());
    }
}
