//! What a decision rests on, and what is told of it afterwards.
//!
//! *Not here*: the way from the one to the other (`scaler.rs`).

use crate::proposals::{Opinion, Scene};
use crate::schedule::Bounds;
use crate::{Decision, Proposal, Reason, Signal};

/// What a decision rests on.
pub(crate) struct Case {
    /// The instances.
    pub(crate) scene: Scene,
    /// What the moment allows.
    pub(crate) bounds: Bounds,
    /// What each signal wants.
    pub(crate) opinions: Vec<Opinion>,
    /// What the signals want together.
    pub(crate) demand: u32,
    /// What the forecast wants; zero where there is none.
    pub(crate) foretold: u32,
    /// The short average counts too.
    pub(crate) panicking: bool,
    /// A signal with a target is not measured.
    pub(crate) unsure: bool,
    /// Somebody asks.
    pub(crate) asked: bool,
}

impl Case {
    /// The fewest instances. What sleeps has none; all else has one at least.
    pub(crate) fn least(&self, asleep: bool) -> (u32, Reason) {
        let (floor, reason) = self.bounds.floor;
        if asleep { (0, reason) } else { (floor.max(1).min(self.bounds.ceiling.0), reason) }
    }

    /// What each signal wants, with what panic makes of it, and the forecast.
    pub(crate) fn proposals(&self) -> Vec<Proposal> {
        let mut proposals: Vec<_> = self
            .opinions
            .iter()
            .map(|opinion| {
                let short = if self.panicking { opinion.surge() } else { 0 };
                Proposal { wants: opinion.proposal.wants.max(short), ..opinion.proposal.clone() }
            })
            .collect();
        if self.foretold > 0 {
            let stable = Some(f64::from(self.foretold));
            let signal = Signal::Forecast;
            proposals.push(Proposal { signal, stable, panic: None, target: 1.0, wants: self.foretold });
        }
        proposals
    }

    /// What a decision comes down to: what bent it last, where that pushed it the way it went; else the signal, which did.
    /// Where it stays: what keeps it.
    pub(crate) fn reason(&self, decision: &Decision) -> Reason {
        let Decision { from, to, .. } = *decision;
        let last = decision.limits.last();
        let signal = decision.greatest().map(|(_, proposal)| Reason::Signal(proposal.signal));
        if from == 0 && to > 0 && self.asked {
            Reason::FromZero
        } else if from == to {
            let otherwise = if self.unsure { Reason::NoMetrics } else { Reason::Steady };
            last.map_or(otherwise, |last| last.reason)
        } else {
            let pushed = last.filter(|last| (last.to > last.from) == (to > from));
            let pushed = pushed.map(|last| last.reason);
            let signal = if to == 0 { Some(Reason::Zero) } else { signal };
            pushed.or(signal).or(last.map(|last| last.reason)).unwrap_or(Reason::Steady)
        }
    }
}

/// What the load wants. The guard of latency speaks of the count that is there, and is nothing to be learnt.
pub(crate) fn load(opinions: &[Opinion]) -> u32 {
    let load = opinions.iter().filter(|opinion| opinion.proposal.signal != Signal::Latency);
    load.map(|opinion| opinion.proposal.wants).max().unwrap_or(0)
}
