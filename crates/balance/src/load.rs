//! What all workers know together about one endpoint: how many requests it works on, how long it takes, and how long
//! it has said nothing although it owes answers.
//!
//! An endpoint that hangs gives no samples, and what clients see of it ends with them: they leave. Its estimate alone
//! would sink with time and make it look better and better. So while it owes answers, its silence counts as the least
//! that it takes, and a client that leaves an endpoint which was silent leaves that behind as a sample.

use crate::Weight;
use crate::estimate::{Estimate, tick, time_since};
use base::Moment;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What a failure counts as: an endpoint that fails fast must not look fast.
const PENALTY: Duration = Duration::from_secs(5);
/// A `Retry-After` shorter than this (that is `0`) counts as this.
const LEAST_PENALTY: Duration = Duration::from_secs(1);
/// One attempt that waits for the head of its answer, in the upper half of the word of counts.
const OWED: u64 = 1 << 32;

/// The load of one endpoint. Workers on all cores write it, so its words are read relaxed: a picker that sees a
/// count one request old picks hardly worse. Starting costs one atomic addition and, at an idle endpoint, a store;
/// an answer two swaps, a store and one exponential; its end one swap.
#[derive(Debug)]
pub struct Load {
    /// Attempts under way; those among them without an answer yet in the upper half.
    counts: AtomicU64,
    /// The tick of the last answer, or of the attempt that has waited since none was owed.
    quiet_since: AtomicU32,
    estimate: AtomicU64,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered; the time from sending to the head of the response.
    Answered(Duration),
    /// 5xx, 429, a reset, a timeout; with the response's `Retry-After` where it had one.
    Failed(Option<Duration>),
    /// We stopped it before it was answered, mostly because the client left. It says something about the endpoint only
    /// where that was silent towards everybody.
    Abandoned,
    /// We stopped it after this time, because another attempt was faster: it would have taken longer.
    Overtaken(Duration),
}

impl Load {
    /// The load of an endpoint that joins now.
    pub fn new(now: Moment) -> Self {
        Self {
            counts: AtomicU64::new(0),
            quiet_since: AtomicU32::new(tick(now)),
            estimate: AtomicU64::new(Estimate::initial(now).pack()),
        }
    }

    /// An attempt begins. Each is [finished](Load::finish) once. How many there were before: whoever counts them against
    /// a limit knows whether it came too late.
    pub fn start(&self, now: Moment) -> u32 {
        let before = self.counts.fetch_add(OWED + 1, Ordering::Relaxed);
        if owed(before) == 0 {
            self.quiet_since.store(tick(now), Ordering::Relaxed);
        }
        pending(before)
    }

    /// The head of an attempt's answer is there, or there will be none. What it says counts from now on; the attempt
    /// goes on to its [end](Load::end).
    pub fn answer(&self, now: Moment, outcome: Outcome) {
        let silence = self.silence(now);
        self.count_down(OWED);
        let sample = match outcome {
            Outcome::Answered(took) => took,
            Outcome::Failed(retry_after) => retry_after.unwrap_or(PENALTY).max(LEAST_PENALTY),
            // No news where it answers others, or is as slow as this in any case.
            Outcome::Abandoned if silence.as_secs_f64() <= self.expected(now) => return,
            Outcome::Abandoned => silence,
            Outcome::Overtaken(took) => took.max(silence),
        };
        if matches!(outcome, Outcome::Answered(_) | Outcome::Failed(_)) {
            self.quiet_since.store(tick(now), Ordering::Relaxed);
        }
        let with = |word| Some(Estimate::unpack(word).with(sample, now).pack());
        self.estimate
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, with)
            .expect("it always gives a word");
    }

    /// An attempt whose [answer](Load::answer) was counted is over, with the last byte or without.
    pub fn end(&self) {
        self.count_down(1);
    }

    /// An attempt is over at once with its answer. One that was never started is not counted down.
    pub fn finish(&self, now: Moment, outcome: Outcome) {
        self.answer(now, outcome);
        self.end();
    }

    /// Takes `one` off the counts, where that part of them is not nothing already.
    fn count_down(&self, one: u64) {
        let part = if one == OWED { owed } else { pending };
        // An error says that there was nothing, which is left as it is.
        let _ = self.counts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |counts| {
            (part(counts) > 0).then(|| counts - one)
        });
    }

    /// How many attempts have begun and are not over.
    pub fn pending(&self) -> u32 {
        pending(self.counts.load(Ordering::Relaxed))
    }

    /// How many of them have their head already: bodies, streams and tunnels on their way.
    pub fn answering(&self) -> u32 {
        let counts = self.counts.load(Ordering::Relaxed);
        pending(counts).saturating_sub(owed(counts))
    }

    /// How long the endpoint has answered nobody although it owes an answer; zero where it owes none.
    pub fn silence(&self, now: Moment) -> Duration {
        if owed(self.counts.load(Ordering::Relaxed)) == 0 {
            return Duration::ZERO;
        }
        time_since(self.quiet_since.load(Ordering::Relaxed), now)
    }

    /// How long the next request would wait here, more or less: the estimated round trip in seconds, for each
    /// pending request and itself, over the weight. Lower is better.
    pub fn score(&self, now: Moment, weight: Weight) -> f64 {
        self.round_trip(now) * self.fullness(weight, 1.0)
    }

    /// The estimated round trip in seconds: at least as long as the silence goes on.
    pub(crate) fn round_trip(&self, now: Moment) -> f64 {
        self.expected(now).max(self.silence(now).as_secs_f64())
    }

    /// Has it never answered? Then its round trip is a guess, unless it is silent already.
    pub(crate) fn is_unknown(&self, now: Moment) -> bool {
        let guess = Estimate::unpack(self.estimate.load(Ordering::Relaxed)).is_guess();
        guess && self.silence(now).as_secs_f64() < self.expected(now)
    }

    /// The estimate from samples alone.
    fn expected(&self, now: Moment) -> f64 {
        f64::from(Estimate::unpack(self.estimate.load(Ordering::Relaxed)).seconds(now))
    }

    /// How full it were with one more request: pending ones and that one, over the weight. In a slow start what is
    /// pending counts as if the weight was only `ramp` of it; the new one does not, or an endpoint that grows would
    /// get nothing at all while the others are idle.
    pub(crate) fn fullness(&self, weight: Weight, ramp: f32) -> f64 {
        (f64::from(self.pending()) / f64::from(ramp) + 1.0) / f64::from(weight.get())
    }
}

fn pending(counts: u64) -> u32 {
    counts as u32
}

fn owed(counts: u64) -> u32 {
    (counts >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_nanos(1_000_000_000);

    /// The score of an idle endpoint with weight 1 after that outcome, in milliseconds.
    fn score_after(outcome: Outcome) -> f64 {
        let load = Load::new(NOW);
        load.start(NOW);
        load.finish(NOW, outcome);
        (load.score(NOW, Weight::ONE) * 1e3).round()
    }

    #[test]
    fn the_score_is_round_trip_times_requests_over_weight() {
        let load = Load::new(NOW);
        let score = |weight| load.score(NOW, Weight::new(weight).unwrap());
        let near = |score: f64, want: f64| (score - want).abs() < 1e-6;
        assert!(near(score(1), 0.030) && near(score(3), 0.010));
        load.start(NOW);
        load.start(NOW);
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
            (Outcome::Answered(Duration::from_millis(1)), 1.0),
            (Outcome::Abandoned, 30.0),
            (Outcome::Overtaken(Duration::from_millis(90)), 90.0),
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
        load.start(NOW);
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
                        load.start(NOW);
                        assert!(load.pending() >= 1);
                        load.finish(NOW, Outcome::Answered(Duration::from_micros(i)));
                    }
                    load.start(NOW);
                });
            }
        });
        assert_eq!(load.pending(), 4);
    }

    fn after(millis: u64) -> Moment {
        NOW + Duration::from_millis(millis)
    }

    fn is_about(load: &Load, millis: u64, want: f64) -> bool {
        (load.round_trip(after(millis)) * 1e3 - want).abs() < want * 0.02 + 1.1
    }

    #[test]
    fn an_endpoint_that_owes_an_answer_is_at_least_as_slow_as_its_silence() {
        let load = Load::new(NOW);
        load.start(NOW);
        load.finish(after(2), Outcome::Answered(Duration::from_millis(2)));
        // It is idle for a minute, which is no silence.
        assert!(is_about(&load, 60_000, 1.0));
        load.start(after(60_000));
        assert!(is_about(&load, 60_000, 1.0) && is_about(&load, 60_500, 500.0));
        load.start(after(62_000));
        assert!(is_about(&load, 64_000, 4_000.0), "another attempt does not end the silence");
        load.finish(after(64_000), Outcome::Answered(Duration::from_millis(2)));
        assert!(is_about(&load, 64_000, 1.0), "an answer does");
        assert!(is_about(&load, 64_100, 100.0), "but for the one that is still owed");
    }

    #[test]
    fn an_answer_that_has_begun_is_no_silence_however_long_its_body_is() {
        let load = Load::new(NOW);
        load.start(NOW);
        load.answer(after(5), Outcome::Answered(Duration::from_millis(5)));
        assert_eq!((load.pending(), load.silence(after(3_600_000))), (1, Duration::ZERO));
        load.end();
        assert_eq!(load.pending(), 0);
    }

    #[test]
    fn a_client_that_leaves_a_silent_endpoint_says_how_long_it_was_silent() {
        let load = Load::new(NOW);
        load.start(NOW);
        load.finish(after(5_000), Outcome::Abandoned);
        assert!(is_about(&load, 5_000, 5_000.0));
        let busy = Load::new(NOW);
        busy.start(NOW);
        busy.start(NOW);
        busy.finish(after(4_990), Outcome::Answered(Duration::from_millis(5)));
        busy.finish(after(5_000), Outcome::Abandoned);
        assert!(
            is_about(&busy, 5_000, 10.0),
            "one that answers others is blamed for its silence since then alone"
        );
    }
}
