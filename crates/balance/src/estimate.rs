//! How long an endpoint takes to answer, as one word: the peak-sensitive moving average of Finagle ("Peak EWMA").
//!
//! A sample above the estimate raises it at once; one below pulls it down with the time that has passed, e-fold
//! in [`DECAY`], or by one part in [`SAMPLES`], whichever is more. Time alone would let one hiccup of a busy endpoint
//! outweigh a thousand answers, and a machine with hiccups everywhere could not tell a slow endpoint from the others.
//! Without samples the estimate sinks too, so that an endpoint that was slow, or failed, is asked again some time
//! later: it need not stay good for ever, nor bad.
//!
//! Value and time stand in one 64-bit word, so a reader never sees one without the other and a writer needs one
//! compare-and-swap. The time counts in ticks of about a millisecond and wraps after 52 days; an endpoint that
//! was idle for 26 looks as if it had been asked just now, which one sample puts right.

use base::Moment;
use std::time::Duration;

/// In this time a sample loses its weight down to 1/e.
pub(crate) const DECAY: Duration = Duration::from_secs(10);
/// After so many samples, one that came before them has lost its weight down to 1/e, however little time has passed.
const SAMPLES: f32 = 32.0;
/// What an endpoint is believed to take before it was ever asked.
pub(crate) const INITIAL: Duration = Duration::from_millis(30);
/// No endpoint is believed to be faster: below it the number of pending requests says more than noise.
pub(crate) const FLOOR: Duration = Duration::from_millis(1);

/// A tick is 2^20 ns.
const TICK_BITS: u32 = 20;
const TICK: Duration = Duration::from_nanos(1 << TICK_BITS);

/// A round-trip time and when it was true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    /// Negative while it is a guess, because there was no sample yet.
    seconds: f32,
    at: u32,
}

impl Estimate {
    pub(crate) fn initial(now: Moment) -> Self {
        Self { seconds: -INITIAL.as_secs_f32(), at: tick(now) }
    }

    /// Both parts in one word.
    pub(crate) fn pack(self) -> u64 {
        u64::from(self.seconds.to_bits()) << 32 | u64::from(self.at)
    }

    pub(crate) fn unpack(word: u64) -> Self {
        Self { seconds: f32::from_bits((word >> 32) as u32), at: word as u32 }
    }

    /// The estimate in seconds, sunk since its last sample.
    pub(crate) fn seconds(self, now: Moment) -> f32 {
        (self.seconds.abs() * self.kept(now)).max(FLOOR.as_secs_f32())
    }

    /// Is it a guess, because there was no sample yet?
    pub(crate) fn is_guess(self) -> bool {
        self.seconds < 0.0
    }

    /// The estimate after one more sample.
    pub(crate) fn with(self, sample: Duration, now: Moment) -> Self {
        let sample = sample.as_secs_f32();
        if self.is_guess() {
            return Self { seconds: sample, at: tick(now) };
        }
        let kept = self.kept(now).min(1.0 - 1.0 / SAMPLES);
        let blended = self.seconds * kept + sample * (1.0 - kept);
        // The blend lies between the two, so the sample is the larger one exactly where it is a new peak.
        let at = if self.age(now) > 0 { tick(now) } else { self.at };
        Self { seconds: blended.max(sample), at }
    }

    /// The share of the old value that is left.
    fn kept(self, now: Moment) -> f32 {
        match self.age(now) {
            0 => 1.0,
            ticks => (ticks as f32 * (-TICK.as_secs_f32() / DECAY.as_secs_f32())).exp(),
        }
    }

    /// Ticks since the last sample. Another worker's clock reading may be a little ahead of ours: none.
    fn age(self, now: Moment) -> u32 {
        ticks_since(self.at, now)
    }
}

/// The tick of a moment.
pub(crate) fn tick(now: Moment) -> u32 {
    (now.nanos() >> TICK_BITS) as u32
}

/// The time since a tick, give or take one; none where it is ahead of `now`.
pub(crate) fn time_since(at: u32, now: Moment) -> Duration {
    Duration::from_nanos(u64::from(ticks_since(at, now)) << TICK_BITS)
}

fn ticks_since(at: u32, now: Moment) -> u32 {
    let ticks = tick(now).wrapping_sub(at);
    if ticks > u32::MAX / 2 { 0 } else { ticks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(millis: u64) -> Moment {
        Moment::ORIGIN + Duration::from_millis(millis)
    }

    fn near(a: f32, b: f32) -> bool {
        (a - b).abs() <= b * 0.01
    }

    #[test]
    fn a_new_endpoint_is_believed_to_take_30_ms_and_sinks_to_the_floor() {
        let estimate = Estimate::initial(after(0));
        assert!(near(estimate.seconds(after(0)), 0.030));
        assert!(near(estimate.seconds(after(10_000)), 0.030 / std::f32::consts::E));
        assert!(near(estimate.seconds(after(600_000)), 0.001));
    }

    #[test]
    fn the_first_sample_takes_the_place_of_the_guess() {
        let guess = Estimate::initial(after(0));
        let known = guess.with(Duration::from_millis(2), after(1));
        assert!(guess.is_guess() && !known.is_guess() && !Estimate::unpack(known.pack()).is_guess());
        assert!(Estimate::unpack(guess.pack()).is_guess());
        assert!(near(known.seconds(after(1)), 0.002));
    }

    #[test]
    fn a_peak_raises_at_once_and_a_fast_answer_pulls_down_slowly() {
        let peak = Estimate::initial(after(0)).with(Duration::from_millis(500), after(1));
        assert!(near(peak.seconds(after(1)), 0.5));
        let soon = peak.with(Duration::from_millis(5), after(101));
        assert!(near(soon.seconds(after(101)), 0.4845), "{soon:?}");
        let later = peak.with(Duration::from_millis(5), after(10_001));
        assert!(near(later.seconds(after(10_001)), 0.187), "{later:?}");
    }

    #[test]
    fn a_hiccup_is_forgotten_after_some_answers_and_not_only_after_some_time() {
        let mut estimate = Estimate::initial(after(0)).with(Duration::from_millis(500), after(0));
        for n in 1..=32 {
            estimate = estimate.with(Duration::from_millis(5), after(n));
        }
        assert!((0.17..0.2).contains(&estimate.seconds(after(32))), "{estimate:?}");
        for n in 33..=320 {
            estimate = estimate.with(Duration::from_millis(5), after(n));
        }
        assert!(near(estimate.seconds(after(320)), 0.005), "{estimate:?}");
    }

    #[test]
    fn many_samples_in_one_tick_still_let_the_estimate_follow() {
        let mut estimate = Estimate::initial(after(0));
        for i in 0..2_000_000 {
            // 20,000 answers a second for 100 seconds.
            let now = Moment::ORIGIN + Duration::from_micros(50 * i);
            estimate = estimate.with(Duration::from_millis(5), now);
        }
        assert!(near(estimate.seconds(after(100_000)), 0.005), "{estimate:?}");
    }

    #[test]
    fn a_clock_reading_from_before_counts_as_one_from_now() {
        let estimate = Estimate::initial(after(1000)).with(Duration::from_millis(30), after(1000));
        let sample = Duration::from_millis(1);
        assert_eq!(estimate.with(sample, after(900)), estimate.with(sample, after(1000)));
        assert!(near(estimate.with(Duration::from_secs(1), after(900)).seconds(after(1000)), 1.0));
    }

    proptest! {
        #[test]
        fn any_sample_at_any_time_gives_a_finite_estimate(
            samples in proptest::collection::vec((any::<u64>(), any::<u64>(), 0_u32..64), 1..50)
        ) {
            let mut estimate = Estimate::initial(Moment::ORIGIN);
            for (now, sample, shift) in samples {
                let (now, sample) = (Moment::from_nanos(now), Duration::from_nanos(sample >> shift));
                estimate = estimate.with(sample, now);
                prop_assert_eq!(Estimate::unpack(estimate.pack()), estimate);
                let seconds = estimate.seconds(now);
                prop_assert!(seconds.is_finite() && seconds >= FLOOR.as_secs_f32());
                prop_assert!(seconds >= sample.as_secs_f32() * 0.999, "a peak counts at once");
            }
        }
    }
}
