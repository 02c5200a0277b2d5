//! A signal as it is read for a decision: its two averages, and whether they may be trusted.
//!
//! A signal that is not measured for a while says what it said last; after [`HOLD`] it says nothing. It never says zero
//! because nothing came (KEDA's fallback has the same idea; metrics that vanish and scale a service down are the worst
//! of the known failures of autoscalers).
//! *Not here*: what follows from a signal that is not trusted (`scaler.rs`: the count does not fall).
//! *Cost*: adding is that of two averages.

use crate::Settings;
use crate::average::Average;
use base::Moment;
use std::time::Duration;

/// How long the last known value stands for one that is not measured.
pub(crate) const HOLD: Duration = Duration::from_secs(60);
/// A value younger than this is fresh in any case, so that a measurement each second may be late now and then.
const FRESH: Duration = Duration::from_secs(5);

/// One signal.
#[derive(Clone, Debug)]
pub(crate) struct Gauge {
    stable: Average,
    panic: Average,
    known_at: Option<Moment>,
    held: Option<Reading>,
}

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// The average over the stable window.
    pub(crate) stable: f64,
    /// The average over the panic window.
    pub(crate) panic: f64,
    /// It was measured just now; otherwise this is what was known last.
    pub(crate) fresh: bool,
}

impl Gauge {
    /// A signal of which nothing is known.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            stable: Average::over(settings.stable_window),
            panic: Average::over(settings.panic_window),
            known_at: None,
            held: None,
        }
    }

    /// Other windows for the same past.
    pub(crate) fn configure(&mut self, settings: &Settings) {
        self.stable.resize(settings.stable_window);
        self.panic.resize(settings.panic_window);
    }

    /// What the signal was between two moments. What is no number, or below zero, was not measured.
    pub(crate) fn add(&mut self, from: Moment, to: Moment, value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite() && *value >= 0.0) else { return };
        self.stable.add(from, to, value);
        self.panic.add(from, to, value);
        self.known_at = Some(to);
    }

    /// What the signal says now; `None` where nothing has been known for too long.
    pub(crate) fn read(&mut self, now: Moment, settings: &Settings) -> Option<Reading> {
        let age = now.since(self.known_at?);
        if !is_fresh(age, settings) {
            let held = self.held.filter(|_| age <= HOLD)?;
            return Some(Reading { fresh: false, ..held });
        }
        if let Some(stable) = self.stable.get(now).or(self.held.map(|held| held.stable)) {
            // A panic window shorter than the pause between samples may be empty.
            let panic = self.panic.get(now).unwrap_or(stable);
            self.held = Some(Reading { stable, panic, fresh: true });
        }
        self.held
    }
}

/// Whether what was measured so long ago tells how things are now.
pub(crate) fn is_fresh(age: Duration, settings: &Settings) -> bool {
    age <= FRESH.max(settings.tick.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::ORIGIN + Duration::from_secs(secs)
    }

    #[test]
    fn a_signal_that_is_not_measured_says_what_it_said_last_for_a_minute_and_then_nothing() {
        let settings = Settings::default();
        let mut gauge = Gauge::new(&settings);
        assert_eq!(gauge.read(at(0), &settings), None);
        gauge.add(at(0), at(30), Some(10.0));
        gauge.add(at(30), at(36), Some(40.0));
        let last = gauge.read(at(36), &settings).expect("it was measured");
        assert!((last.stable - 15.0).abs() < 1e-6 && (last.panic - 40.0).abs() < 1e-6 && last.fresh);
        gauge.add(at(36), at(90), None);
        assert_eq!(gauge.read(at(96), &settings), Some(Reading { fresh: false, ..last }));
        assert_eq!(gauge.read(at(97), &settings), None);
    }

    #[test]
    fn what_is_no_number_was_not_measured() {
        let settings = Settings::default();
        let mut gauge = Gauge::new(&settings);
        for nonsense in [f64::NAN, f64::INFINITY, -1.0] {
            gauge.add(at(0), at(1), Some(nonsense));
        }
        assert_eq!(gauge.read(at(1), &settings), None);
    }
}
