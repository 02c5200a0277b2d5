//! What came out: a row for each stretch of time, a summary, and each change with its reason; for each side.

use crate::autoscaler::Autoscaler;
use crate::hpa::Hpa;
use crate::parameters::Parameters;
use crate::recorded::Deviation;
use crate::row::Row;
use crate::run::{Manner, run};
use crate::trace::Trace;
use base::Moment;
use std::time::Duration;

/// The whole run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Requests that came.
    pub requests: f64,
    /// Those that were answered.
    pub answered: f64,
    /// Those for which there was no room to wait.
    pub refused: f64,
    /// Those that waited too long.
    pub expired: f64,
    /// Those still there at the end.
    pub unfinished: f64,
    /// Median of what they took, in seconds.
    pub p50: Option<f64>,
    /// The 95th percentile, in seconds.
    pub p95: Option<f64>,
    /// Most requests that waited at a time.
    pub longest_queue: f64,
    /// Time of instances that were starting, ready or draining, in hours.
    pub instance_hours: f64,
    /// Most instances that were wanted.
    pub most_instances: u32,
    /// How often the count changed.
    pub changes: u64,
    /// When a rise followed a fall, or a fall a rise, in seconds.
    pub turns: Vec<f64>,
    /// Steps of the model.
    pub steps: u64,
}

impl Summary {
    /// Requests that were lost.
    pub fn lost(&self) -> f64 {
        self.refused + self.expired
    }

    /// Most changes of direction within any window of that length. One each window is a scaler that follows its load; more
    /// is one that flaps.
    pub fn most_turns_within(&self, window: Duration) -> usize {
        let window = window.as_secs_f64();
        let within = |from: f64| self.turns.iter().filter(|at| **at >= from && **at < from + window).count();
        self.turns.iter().map(|at| within(*at)).max().unwrap_or(0)
    }
}

/// The count changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When, in seconds.
    pub seconds: f64,
    /// From so many.
    pub from: u32,
    /// To so many.
    pub to: u32,
    /// Why, in a word.
    pub reason: String,
    /// Why, in a sentence.
    pub text: String,
}

/// One scaler on the trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Who scaled.
    pub name: &'static str,
    /// What it went by.
    pub settings: String,
    /// Over time; at most 480.
    pub rows: Vec<Row>,
    /// In all.
    pub summary: Summary,
    /// The first thousand changes.
    pub changes: Vec<Change>,
}

/// Both sides, on the same trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The trace's name.
    pub trace: String,
    /// Its length, in seconds.
    pub seconds: f64,
    /// Its highest rate, per second.
    pub peak: f64,
    /// The service and how it is scaled.
    pub parameters: Parameters,
    /// Tidegate's scaler.
    pub tidegate: Side,
    /// The plain HPA.
    pub hpa: Side,
    /// How far the model is from the run that the trace was recorded from.
    pub recorded: Option<Deviation>,
}

/// Runs a trace with Tidegate's scaler and beside it with a plain HPA. `name` is what the trace is called; `scaler` makes
/// the one for so many instances at the beginning.
pub fn compare<A: Autoscaler>(
    trace: &Trace,
    parameters: &Parameters,
    name: &str,
    scaler: impl FnOnce(u32) -> A,
) -> Report {
    let recorded = trace.recorded().first().map(|first| whole(first.instances));
    let bounded = |count: u32| count.clamp(parameters.scale.min, parameters.scale.max);
    let least = u32::from(parameters.scale.zero_after.is_none());
    let initial = bounded(recorded.unwrap_or(parameters.scale.min.max(least)));
    let tidegate = run(trace, parameters, Manner::tidegate(parameters, initial), &mut scaler(initial));
    let tidegate = Side { name: "Tidegate", settings: parameters.describe(), ..tidegate };
    let hpa = beside(trace, parameters, bounded(initial.max(1)));
    Report {
        trace: name.to_owned(),
        seconds: trace.seconds(),
        peak: trace.peak(),
        parameters: parameters.clone(),
        recorded: Deviation::between(trace.recorded(), &tidegate.rows),
        tidegate,
        hpa,
    }
}

fn beside(trace: &Trace, parameters: &Parameters, initial: u32) -> Side {
    let mut hpa = Hpa::new(&parameters.scale, Moment::ORIGIN).beginning_with(initial);
    let side = run(trace, parameters, Manner::plain(parameters, initial), &mut hpa);
    let settings = format!(
        "{}; no queue but {} requests in each instance's backlog, 503 above it",
        hpa.describe(),
        parameters.backlog
    );
    Side { name: "plain HPA", settings, ..side }
}

/// The nearest whole count.
#[expect(clippy::cast_sign_loss, reason = "the cast saturates, and counts of a trace are not negative")]
fn whole(count: f64) -> u32 {
    count.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_direction_are_counted_in_the_worst_window() {
        let summary = Summary { turns: vec![0.0, 100.0, 350.0, 399.0, 500.0], ..Summary::default() };
        assert_eq!(summary.most_turns_within(Duration::from_secs(300)), 3);
        assert_eq!(summary.most_turns_within(Duration::from_secs(50)), 2);
        assert_eq!(Summary::default().most_turns_within(Duration::from_secs(50)), 0);
    }
}
