//! The average of a signal over the last so many seconds, weighted with time.
//!
//! A window is a ring of [`PARTS`] buckets and one more, which has just begun to leave it and counts for the part that
//! is still inside. A value stands for the time since the sample before it, so two looks 100 ms apart count as
//! much as one look 200 ms apart, and a time of which nothing is known counts neither as zero nor at all.
//!
//! *Promise*: constant memory; an average lies between the least and the greatest value of its window.
//! *Not here*: what is done where nothing is known (`gauge.rs`).
//! *Cost*: adding is a division and two additions, as long as samples come faster than buckets change; reading sums
//! 61 buckets. Nothing is allocated after the beginning.

use base::Moment;
use std::time::Duration;

/// Buckets of a window: 100 ms each for 6 seconds, 1 s each for a minute.
const PARTS: u64 = 60;
/// Those of the ring.
const RING: u64 = PARTS + 1;

/// A signal's recent past.
#[derive(Clone, Debug)]
pub(crate) struct Average {
    /// Nanoseconds a bucket.
    width: u64,
    /// The youngest bucket: nanoseconds since the clock's origin, divided by `width`.
    newest: u64,
    /// Where bucket `n` lies at `n % RING`.
    ring: Box<[Bucket]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Values times nanoseconds.
    sum: f64,
    /// Nanoseconds of which something is known.
    known: f64,
}

impl Average {
    /// An average over `window`, of which nothing is known.
    pub(crate) fn over(window: Duration) -> Self {
        let ring = vec![Bucket::default(); RING as usize].into_boxed_slice();
        Self { width: width(window), newest: 0, ring }
    }

    /// Another window for the same past, as far as that goes back.
    pub(crate) fn resize(&mut self, window: Duration) {
        if self.width == width(window) {
            return;
        }
        let mut other = Self::over(window);
        for number in self.newest.saturating_sub(PARTS)..=self.newest {
            let bucket = self.ring[slot(number)];
            if bucket.known > 0.0 {
                let from = number * self.width;
                other.spread(from, from + self.width, bucket);
            }
        }
        *self = other;
    }

    /// The signal was `value` from one moment to another. What ends before the youngest bucket is too late.
    pub(crate) fn add(&mut self, from: Moment, to: Moment, value: f64) {
        let known = to.since(from).as_nanos() as f64;
        self.spread(from.nanos(), to.nanos(), Bucket { sum: value * known, known });
    }

    /// The average over the window that ends now; `None` where nothing is known of it.
    pub(crate) fn get(&self, now: Moment) -> Option<f64> {
        let last = now.nanos() / self.width;
        let first = last.saturating_sub(PARTS);
        // The part of the first bucket that has left the window.
        let gone = if last < PARTS { 0.0 } else { (now.nanos() % self.width) as f64 / self.width as f64 };
        let mut total = Bucket::default();
        for number in first.max(self.newest.saturating_sub(PARTS))..=last.min(self.newest) {
            let share = if number == first { 1.0 - gone } else { 1.0 };
            let bucket = self.ring[slot(number)];
            total.sum += bucket.sum * share;
            total.known += bucket.known * share;
        }
        (total.known > 0.0).then(|| total.sum / total.known)
    }

    /// Adds what is known of a stretch of time to its buckets, evenly.
    fn spread(&mut self, from: u64, to: u64, what: Bucket) {
        if to <= from {
            return;
        }
        // A stretch belongs to the bucket in which its last nanosecond lies.
        let last = (to - 1) / self.width;
        self.advance(last);
        let first = (from / self.width).max(self.newest.saturating_sub(PARTS));
        let length = (to - from) as f64;
        for number in first..=last {
            let start = from.max(number * self.width);
            let end = to.min((number + 1).saturating_mul(self.width));
            let share = end.saturating_sub(start) as f64 / length;
            let bucket = &mut self.ring[slot(number)];
            bucket.sum += what.sum * share;
            bucket.known += what.known * share;
        }
    }

    /// Makes a bucket the youngest, and empties those that it passes by.
    fn advance(&mut self, to: u64) {
        if to <= self.newest {
            return;
        }
        for number in (self.newest + 1).max(to.saturating_sub(PARTS))..=to {
            self.ring[slot(number)] = Bucket::default();
        }
        self.newest = to;
    }
}

/// Nanoseconds of a bucket. A window of nothing would divide by zero; one of centuries would overflow.
fn width(window: Duration) -> u64 {
    let longest = Duration::from_secs(365 * 86_400);
    (window.min(longest).as_nanos() as u64 / PARTS).max(1_000)
}

fn slot(number: u64) -> usize {
    (number % RING) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at_ms(millis: u64) -> Moment {
        Moment::ORIGIN + Duration::from_millis(millis)
    }

    /// A window of six seconds with a value for each stretch of milliseconds.
    fn six_seconds(stretches: &[(u64, u64, f64)]) -> Average {
        let mut average = Average::over(Duration::from_secs(6));
        for &(from, to, value) in stretches {
            average.add(at_ms(from), at_ms(to), value);
        }
        average
    }

    fn assert_near(average: Option<f64>, expected: f64) {
        let average = average.expect("something is known");
        assert!((average - expected).abs() < 1e-6, "{average}, expected {expected}");
    }

    #[test]
    fn values_count_as_long_as_they_held() {
        // 10 for one second and 40 for two: 90 in three seconds.
        assert_near(six_seconds(&[(0, 1_000, 10.0), (1_000, 3_000, 40.0)]).get(at_ms(3_000)), 30.0);
    }

    #[test]
    fn what_is_older_than_the_window_leaves_it_bit_by_bit() {
        let average = six_seconds(&[(0, 6_000, 0.0), (6_000, 9_000, 60.0)]);
        assert_near(average.get(at_ms(9_000)), 30.0);
        // 50 ms later half a bucket more of the zeros is gone; of the last 50 ms nothing is known.
        assert_near(average.get(at_ms(9_050)), 60.0 * 3_000.0 / 5_950.0);
        assert_near(average.get(at_ms(12_000)), 60.0);
        assert_eq!(average.get(at_ms(15_000)), None);
    }

    #[test]
    fn a_time_of_which_nothing_is_known_does_not_count() {
        assert_near(six_seconds(&[(0, 1_000, 10.0), (4_000, 5_000, 20.0)]).get(at_ms(5_000)), 15.0);
        assert_eq!(Average::over(Duration::from_secs(6)).get(at_ms(5_000)), None);
    }

    #[test]
    fn a_long_stretch_fills_the_whole_window_and_no_more() {
        assert_near(six_seconds(&[(0, 3_600_000, 7.0)]).get(at_ms(3_600_000)), 7.0);
    }

    #[test]
    fn another_window_keeps_the_past() {
        let mut average = six_seconds(&[(0, 2_000, 10.0), (2_000, 4_000, 20.0)]);
        average.resize(Duration::from_secs(60));
        assert_near(average.get(at_ms(4_000)), 15.0);
        average.resize(Duration::from_secs(2));
        assert!(average.get(at_ms(4_000)).is_some_and(|average| (15.0..=20.0).contains(&average)));
    }

    #[test]
    fn clocks_may_stand_still_or_lag() {
        let mut average = six_seconds(&[(0, 60_000, 5.0)]);
        average.add(at_ms(60_000), at_ms(60_000), 1_000.0);
        average.add(at_ms(60_000), at_ms(59_000), 1_000.0);
        average.add(at_ms(0), at_ms(1_000), 1_000.0);
        assert_near(average.get(at_ms(60_000)), 5.0);
        assert_eq!(average.get(at_ms(10)), None, "the ring has gone on");
    }

    proptest! {
        #[test]
        fn an_average_lies_between_the_extremes_whatever_the_windows(
            windows in proptest::collection::vec(0_u64..10_000_000, 1..4),
            stretches in proptest::collection::vec((0_u64..5_000, 0_u64..50_000, 0.0_f64..1e6), 1..60),
        ) {
            let mut average = Average::over(Duration::from_millis(windows[0]));
            let (mut now, mut least, mut greatest) = (0, f64::MAX, 0.0_f64);
            for (i, &(gap, length, value)) in stretches.iter().enumerate() {
                average.add(at_ms(now + gap), at_ms(now + gap + length), value);
                now += gap + length;
                (least, greatest) = (least.min(value), greatest.max(value));
                average.resize(Duration::from_millis(windows[i % windows.len()]));
                if let Some(average) = average.get(at_ms(now)) {
                    prop_assert!((least - 1e-3..=greatest + 1e-3).contains(&average), "{average}");
                }
            }
        }
    }
}
