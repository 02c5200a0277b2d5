//! Traffic over time: how many requests come in each second, how long they take, and what happens meanwhile.
//!
//! The rate is known at points and changes evenly from one to the next; two points of the same second make a jump. The mean
//! service time does the same. Time counts from the first point; the last one ends the trace. A recorded trace also says how
//! many instances there were. *Invariant*: times ascend, numbers are finite and not negative, all is bounded.

mod parse;

use crate::parameters::Overrides;
pub use parse::TraceError;

/// Something that happens in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// From now on instances end as soon as they start.
    CrashLoop,
    /// Now they start again.
    CrashLoopOver,
    /// From now on nothing is measured.
    MetricsLost,
    /// Now it is again.
    MetricsBack,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CrashLoop, Self::CrashLoopOver, Self::MetricsLost, Self::MetricsBack];

    /// As it stands in a trace.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CrashLoop => "crash_loop",
            Self::CrashLoopOver => "crash_loop_over",
            Self::MetricsLost => "metrics_lost",
            Self::MetricsBack => "metrics_back",
        }
    }
}

/// The traffic at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Since the first point.
    pub seconds: f64,
    /// Requests per second.
    pub rps: f64,
    /// Mean service time in seconds, where the trace says it.
    pub service: Option<f64>,
}

/// What a real run saw; it holds until the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recorded {
    /// Since the first point.
    pub seconds: f64,
    /// Instances that took requests.
    pub instances: f64,
    /// The 95th percentile, in seconds.
    pub p95: Option<f64>,
    /// Requests that failed since the point before.
    pub failed: Option<f64>,
}

/// Traffic over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    points: Vec<Point>,
    events: Vec<(f64, Event)>,
    recorded: Vec<Recorded>,
    settings: Overrides,
}

impl Trace {
    /// Bytes that a trace may have.
    pub const MOST_BYTES: usize = parse::MOST_BYTES;

    /// Reads a CSV text; docs/guide/simulate.md has the format.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        parse::parse(text)
    }

    /// How long it is, in seconds; above 0.
    pub fn seconds(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.seconds)
    }

    /// The points, in order.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// What happens, and when, in order.
    pub fn events(&self) -> &[(f64, Event)] {
        &self.events
    }

    /// What a real run saw, in order; empty where the trace was not recorded.
    pub fn recorded(&self) -> &[Recorded] {
        &self.recorded
    }

    /// What the trace says of the service and its scaling.
    pub fn settings(&self) -> &Overrides {
        &self.settings
    }

    /// The highest rate, in requests per second.
    pub fn peak(&self) -> f64 {
        self.points.iter().map(|point| point.rps).fold(0.0, f64::max)
    }

    /// Reads it from the beginning.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { trace: self, at: 0, event: 0 }
    }
}

/// Goes along a trace; each look costs as many steps as points were passed since the last one.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    trace: &'a Trace,
    at: usize,
    event: usize,
}

impl Reader<'_> {
    /// The rate and the service time at that moment, not before the one of the last look. No rate beyond the end.
    pub(crate) fn look(&mut self, seconds: f64) -> (f64, Option<f64>) {
        let points = &self.trace.points;
        while points.get(self.at + 1).is_some_and(|next| next.seconds <= seconds) {
            self.at += 1;
        }
        let here = points[self.at];
        let Some(next) = points.get(self.at + 1) else { return (0.0, here.service) };
        let share = (seconds - here.seconds) / (next.seconds - here.seconds);
        let between = |from: f64, to: f64| from + (to - from) * share;
        let service = here.service.zip(next.service).map(|(from, to)| between(from, to));
        (between(here.rps, next.rps), service)
    }

    /// The next thing that has happened by then.
    pub(crate) fn event(&mut self, seconds: f64) -> Option<Event> {
        let (at, event) = *self.trace.events.get(self.event)?;
        (at <= seconds).then(|| {
            self.event += 1;
            event
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_changes_evenly_between_points_and_jumps_where_two_share_a_second() {
        let trace = Trace::parse("seconds,rps\n0,0\n10,100\n10,500\n20,500\n").unwrap();
        let mut reader = trace.reader();
        for (seconds, rps) in
            [(0.0, 0.0), (2.5, 25.0), (9.0, 90.0), (10.0, 500.0), (15.0, 500.0), (20.0, 0.0)]
        {
            assert!((reader.look(seconds).0 - rps).abs() < 1e-9, "at {seconds}");
        }
        assert!((trace.seconds() - 20.0).abs() < 1e-9 && (trace.peak() - 500.0).abs() < 1e-9);
    }

    #[test]
    fn the_service_time_stays_where_a_cell_is_empty() {
        let trace = Trace::parse("seconds,rps,service_ms\n0,1,\n10,1,20\n20,1,\n30,1,40\n40,1,40\n").unwrap();
        let mut reader = trace.reader();
        assert_eq!(reader.look(5.0).1, None);
        assert!((reader.look(15.0).1.unwrap() - 0.020).abs() < 1e-9);
        assert!((reader.look(25.0).1.unwrap() - 0.030).abs() < 1e-9);
    }

    #[test]
    fn events_come_in_their_order_and_once() {
        let text = "seconds,rps,events\n0,1,\n5,1,crash_loop metrics_lost\n9,1,crash_loop_over\n10,1\n";
        let trace = Trace::parse(text).unwrap();
        let mut reader = trace.reader();
        assert_eq!(reader.event(4.9), None);
        assert_eq!(reader.event(5.0), Some(Event::CrashLoop));
        assert_eq!(reader.event(5.0), Some(Event::MetricsLost));
        assert_eq!(reader.event(5.0), None);
        assert_eq!(reader.event(100.0), Some(Event::CrashLoopOver));
    }
}
