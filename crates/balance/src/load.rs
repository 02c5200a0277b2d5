//! What all workers know together about one endpoint: how many requests it works on, and how long it takes.

use crate::Weight;
use crate::estimate::Estimate;
use base::Moment;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What a failure counts as: an endpoint that fails fast must not look fast.
const PENALTY: Duration = Duration::from_secs(5);
/// A `Retry-After` shorter than this (that is `0`) counts as this.
const LEAST_PENALTY: Duration = Duration::from_secs(1);

/// The load of one endpoint. Workers on all cores write it, so its words are read relaxed: a picker that sees a
/// count one request old picks hardly worse. Starting costs one atomic addition, finishing two swaps and one
/// exponential.
#[derive(Debug)]
pub struct Load {
    pending: AtomicU32,
    estimate: AtomicU64,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered; the time from sending to the head of the response.
    Answered(Duration),
    /// 5xx, 429, a reset, a timeout; with the response's `Retry-After` where it had one.
    Failed(Option<Duration>),
    /// We stopped it before it was answered (the client left, another attempt was faster): it says nothing about
    /// the endpoint.
    Abandoned,
}

impl Load {
    /// The load of an endpoint that joins now.
    pub fn new(now: Moment) -> Self {
        Self { pending: AtomicU32::new(0), estimate: AtomicU64::new(Estimate::initial(now).pack()) }
    }

    /// An attempt begins. Each is finished once. How many there were before: whoever counts them against a limit knows
    /// whether it came too late.
    pub fn start(&self) -> u32 {
        self.pending.fetch_add(1, Ordering::Relaxed)
    }

    /// An attempt is over. One that was never started is not counted down.
    pub fn finish(&self, now: Moment, outcome: Outcome) {
        // An error says that there was nothing pending, which is left as it is.
        let _ = self.pending.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        let sample = match outcome {
            Outcome::Answered(took) => took,
            Outcome::Failed(retry_after) => retry_after.unwrap_or(PENALTY).max(LEAST_PENALTY),
            Outcome::Abandoned => return,
        };
        let with = |word| Some(Estimate::unpack(word).with(sample, now).pack());
        self.estimate
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, with)
            .expect("it always gives a word");
    }

    /// How many attempts have begun and are not over.
    pub fn pending(&self) -> u32 {
        self.pending.load(Ordering::Relaxed)
    }

    /// How long the next request would wait here, more or less: the estimated round trip in seconds, for each
    /// pending request and itself, over the weight. Lower is better.
    pub fn score(&self, now: Moment, weight: Weight) -> f64 {
        self.round_trip(now) * self.fullness(weight, 1.0)
    }

    /// The estimated round trip in seconds.
    pub(crate) fn round_trip(&self, now: Moment) -> f64 {
        f64::from(Estimate::unpack(self.estimate.load(Ordering::Relaxed)).seconds(now))
    }

    /// How full it were with one more request: pending ones and that one, over the weight. In a slow start what is
    /// pending counts as if the weight was only `ramp` of it; the new one does not, or an endpoint that grows would
    /// get nothing at all while the others are idle.
    pub(crate) fn fullness(&self, weight: Weight, ramp: f32) -> f64 {
        (f64::from(self.pending()) / f64::from(ramp) + 1.0) / f64::from(weight.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_nanos(1_000_000_000);

    /// The score of an idle endpoint with weight 1 after that outcome, in milliseconds.
    fn score_after(outcome: Outcome) -> f64 {
        let load = Load::new(NOW);
        load.start();
        load.finish(NOW, outcome);
        (load.score(NOW, Weight::ONE) * 1e3).round()
    }

    #[test]
    fn the_score_is_round_trip_times_requests_over_weight() {
        let load = Load::new(NOW);
        let score = |weight| load.score(NOW, Weight::new(weight).unwrap());
        let near = |score: f64, want: f64| (score - want).abs() < 1e-6;
        assert!(near(score(1), 0.030) && near(score(3), 0.010));
        load.start();
        load.start();
        assert_eq!(load.pending(), 2);
        assert!(near(score(1), 0.090) && near(score(3), 0.030));
    }

    #[test]
    fn a_failure_counts_as_5_seconds_or_as_its_retry_after() {
        let retry_after = |seconds| Outcome::Failed(Some(Duration::from_secs(seconds)));
        for (outcome, want) in [
            (Outcome::Failed(None), 5_000.0),
            (retry_after(2), 2_000.0),
            (retry_after(60), 60_000.0),
            (retry_after(0), 1_000.0),
            (Outcome::Answered(Duration::from_millis(80)), 80.0),
            (Outcome::Answered(Duration::from_millis(1)), 30.0),
            (Outcome::Abandoned, 30.0),
        ] {
            let score = score_after(outcome);
            assert!((score - want).abs() < 0.5, "{outcome:?}: {score}");
        }
    }

    #[test]
    fn pending_never_goes_below_nothing() {
        let load = Load::new(NOW);
        load.finish(NOW, Outcome::Abandoned);
        assert_eq!(load.pending(), 0);
        load.start();
        load.finish(NOW, Outcome::Abandoned);
        load.finish(NOW, Outcome::Failed(None));
        assert_eq!(load.pending(), 0);
    }

    #[test]
    fn attempts_on_many_threads_are_each_counted_once() {
        let load = Load::new(NOW);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for i in 0..10_000 {
                        load.start();
                        assert!(load.pending() >= 1);
                        load.finish(NOW, Outcome::Answered(Duration::from_micros(i)));
                    }
                    load.start();
                });
            }
        });
        assert_eq!(load.pending(), 4);
    }
}
