//! Who decides how many instances there are: the seam between the model and what is tried in it.
//!
//! The model asks nothing else of a scaler than the gateway does: it shows samples, and takes counts.

use base::Moment;
use scale::Sample;

/// Decides how many instances there are.
pub trait Autoscaler {
    /// One look at the service; ten a second.
    fn observe(&mut self, sample: &Sample);
    /// Is it time to decide?
    fn is_due(&self, now: Moment) -> bool;
    /// How many are wanted from now on.
    fn decide(&mut self, now: Moment) -> Verdict;
}

/// A count, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How many instances are wanted.
    pub wanted: u32,
    /// Why; only where the count changes.
    pub why: Option<Why>,
}

/// The reason of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// In a word.
    pub reason: String,
    /// In a sentence, with its numbers.
    pub text: String,
}

/// Always the same count: what a service without scaling would do.
#[derive(Clone, Copy, Debug)]
pub struct Fixed(
    /// How many.
    pub u32,
);

impl Autoscaler for Fixed {
    fn observe(&mut self, _: &Sample) {}

    fn is_due(&self, _: Moment) -> bool {
        false
    }

    fn decide(&mut self, _: Moment) -> Verdict {
        Verdict { wanted: self.0, why: None }
    }
}

impl Autoscaler for scale::Scaler {
    fn observe(&mut self, sample: &Sample) {
        Self::observe(self, sample);
    }

    fn is_due(&self, now: Moment) -> bool {
        Self::is_due(self, now)
    }

    fn decide(&mut self, now: Moment) -> Verdict {
        let decision = Self::decide(self, now);
        let why = || Why { reason: decision.reason.as_str().to_owned(), text: decision.text() };
        Verdict { wanted: decision.to, why: (decision.to != decision.from).then(why) }
    }
}
