//! A decision in one sentence, with the sum.
//!
//! `concurrency 164.0 over 60 s (203.1 over 6 s) at 20.0 each wants 9; max 8 bounds it: 3 -> 8`. Whoever reads it can
//! work it out again with nothing else at hand.
//! *Not here*: the numbers themselves (`decision.rs`), and who shows them.
//! *Cost*: a string, when somebody asks.

use crate::{Decision, Limit, Proposal, Reason, Signal};
use base::units::show_duration;
use std::fmt::{self, Write as _};
use std::time::Duration;

impl Decision {
    /// The decision in one sentence, with the sum.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // A string takes whatever is written.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        match self.greatest() {
            Some((place, proposal)) => {
                self.write_sum(text, proposal)?;
                for (_, other) in self.proposals.iter().enumerate().filter(|(other, _)| *other != place) {
                    write!(text, ", {} ", other.signal.as_str())?;
                    write_wants(text, other)?;
                }
                if self.panicking {
                    text.write_str(" in panic")?;
                }
            }
            None => text.write_str("no signal has a target")?,
        }
        // Where nothing is measured and nothing changes, nothing was bent either.
        let is_fixed = self.proposals.is_empty() && self.from == self.to;
        for limit in self.limits.iter().filter(|_| !is_fixed) {
            text.write_str("; ")?;
            self.write_limit(text, limit)?;
        }
        match self.reason {
            Reason::FromZero => text.write_str("; somebody asks and there is none")?,
            Reason::Zero => text.write_str("; nobody asks, so none is needed")?,
            _ => {}
        }
        if self.from == self.to {
            write!(text, ": stays at {}", self.to)
        } else {
            write!(text, ": {} -> {}", self.from, self.to)
        }
    }

    /// The proposal that wants most, the first of equals, with its place.
    pub(crate) fn greatest(&self) -> Option<(usize, &Proposal)> {
        let proposals = self.proposals.iter().enumerate();
        proposals.reduce(|most, other| if other.1.wants > most.1.wants { other } else { most })
    }

    fn write_sum(&self, text: &mut String, proposal: &Proposal) -> fmt::Result {
        let signal = proposal.signal;
        let target = Amount(signal, proposal.target);
        text.write_str(signal.as_str())?;
        let Some(stable) = proposal.stable.map(|stable| Amount(signal, stable)) else {
            return text.write_str(" is not measured");
        };
        match signal {
            Signal::Concurrency | Signal::Rps => {
                write!(text, " {stable} over {}", Window(self.stable_window))?;
                if let Some(panic) = proposal.panic {
                    write!(text, " ({} over {})", Amount(signal, panic), Window(self.panic_window))?;
                }
                write!(text, " at {target} each ")?;
            }
            Signal::Cpu | Signal::Memory => {
                let (ready, window) = (self.ready.max(1), Window(self.stable_window));
                write!(text, " {stable} of {ready} over {window} at {target} each ")?;
            }
            Signal::Latency => {
                let now = Amount(signal, proposal.panic.unwrap_or(stable.1));
                write!(text, " {now} over {}, {target} at most, ", Window(self.panic_window))?;
            }
            Signal::Queue => write!(text, " {stable} jobs at {target} each ")?,
            Signal::Forecast => text.write_str(" of yesterday and last week ")?,
        }
        write_wants(text, proposal)
    }

    fn write_limit(&self, text: &mut String, limit: &Limit) -> fmt::Result {
        let to = limit.to;
        match limit.reason {
            Reason::Min => write!(text, "min {to} bounds it"),
            Reason::Max => write!(text, "max {to} bounds it"),
            Reason::Schedule => write!(text, "the schedule bounds it to {to}"),
            Reason::Zero => text.write_str("it may have none"),
            Reason::FromZero => write!(text, "{to} is the least to begin with"),
            Reason::Panic => write!(text, "panic keeps {to}"),
            Reason::Stabilization if limit.to > limit.from => {
                write!(text, "stabilization keeps {to}")
            }
            Reason::Stabilization => write!(text, "stabilization allows {to}"),
            Reason::Policy => write!(text, "policies bound it to {to}"),
            Reason::Starting => {
                write!(text, "{} ready and {} starting bound it to {to}", self.ready, self.starting)
            }
            Reason::NoMetrics => write!(text, "not all is measured, so {to} are kept"),
            Reason::CrashLoop => text.write_str("instances end as soon as they start"),
            Reason::Database => text.write_str("the database has no room for more"),
            Reason::Steady | Reason::Signal(_) => write!(text, "{}: {to}", limit.reason.as_str()),
        }
    }
}

fn write_wants(text: &mut String, proposal: &Proposal) -> fmt::Result {
    match proposal.stable {
        Some(_) => write!(text, "wants {}", proposal.wants),
        None => text.write_str("is not measured"),
    }
}

/// A number in its signal's unit.
struct Amount(Signal, f64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Signal::Cpu | Signal::Memory => write!(f, "{:.1} %", self.1 * 100.0),
            Signal::Latency => write!(f, "{:.0} ms", self.1 * 1_000.0),
            _ => write!(f, "{:.1}", self.1),
        }
    }
}

/// A window: `60 s`, and what is no whole number of seconds as the config file writes it.
struct Window(Duration);

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.subsec_nanos() == 0 {
            write!(f, "{} s", self.0.as_secs())
        } else {
            f.write_str(&show_duration(self.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Moment;
    use std::time::SystemTime;

    fn proposal(signal: Signal, stable: f64, panic: Option<f64>, target: f64, wants: u32) -> Proposal {
        Proposal { signal, stable: Some(stable), panic, target, wants }
    }

    fn decision(proposals: Vec<Proposal>, limits: &[(Reason, u32, u32)], from: u32, to: u32) -> Decision {
        Decision {
            at: Moment::ORIGIN,
            wall: SystemTime::UNIX_EPOCH,
            ready: 3,
            starting: 1,
            from,
            to,
            proposals,
            limits: limits.iter().map(|&(reason, from, to)| Limit { reason, from, to }).collect(),
            reason: Reason::Steady,
            panicking: false,
            stable_window: Duration::from_secs(60),
            panic_window: Duration::from_secs(6),
        }
    }

    #[test]
    fn the_sum_and_each_bend_are_told() {
        let nine = proposal(Signal::Concurrency, 164.0, Some(203.1), 20.0, 9);
        assert_eq!(
            decision(vec![nine.clone()], &[(Reason::Max, 9, 8)], 3, 8).text(),
            "concurrency 164.0 over 60 s (203.1 over 6 s) at 20.0 each wants 9; max 8 bounds it: 3 -> 8"
        );
        let two = proposal(Signal::Cpu, 0.425, None, 0.7, 2);
        assert_eq!(
            decision(vec![two.clone(), nine], &[(Reason::Starting, 9, 5)], 4, 5).text(),
            "concurrency 164.0 over 60 s (203.1 over 6 s) at 20.0 each wants 9, cpu wants 2; \
             3 ready and 1 starting bound it to 5: 4 -> 5"
        );
        assert_eq!(
            decision(vec![two], &[(Reason::Stabilization, 2, 3)], 3, 3).text(),
            "cpu 42.5 % of 3 over 60 s at 70.0 % each wants 2; stabilization keeps 3: stays at 3"
        );
    }

    #[test]
    fn each_signal_is_told_in_its_unit() {
        let text = |proposal| decision(vec![proposal], &[], 4, 4).text();
        assert_eq!(
            text(proposal(Signal::Latency, 0.3, Some(0.612), 0.5, 5)),
            "latency 612 ms over 6 s, 500 ms at most, wants 5: stays at 4"
        );
        assert_eq!(
            text(proposal(Signal::Queue, 5_400.0, None, 600.0, 9)),
            "queue 5400.0 jobs at 600.0 each wants 9: stays at 4"
        );
        assert_eq!(
            text(proposal(Signal::Forecast, 6.0, None, 1.0, 6)),
            "forecast of yesterday and last week wants 6: stays at 4"
        );
        assert_eq!(
            text(Proposal { stable: None, ..proposal(Signal::Rps, 0.0, None, 100.0, 4) }),
            "rps is not measured: stays at 4"
        );
        assert_eq!(decision(Vec::new(), &[], 4, 4).text(), "no signal has a target: stays at 4");
    }
}
