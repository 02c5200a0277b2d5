//! What a run has shown, gathered into rows of equal length and a summary.
//!
//! *Invariant*: bounded, however long the trace: at most [`MOST_ROWS`] rows and [`MOST_CHANGES`] changes.

use crate::autoscaler::Why;
use crate::histogram::Histogram;
use crate::pool::Flow;
use crate::report::{Change, Side, Summary};
use crate::row::Row;
use crate::run::STEP;
use base::Moment;

/// Rows of a run.
pub(crate) const MOST_ROWS: u64 = 480;
/// Changes that are kept with their reasons; those beyond are counted.
pub(crate) const MOST_CHANGES: usize = 1000;
/// Lengths of rows that people like, in seconds.
const LENGTHS: [u64; 15] = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600];

/// One step, as it was seen.
pub(crate) struct Seen<'a> {
    pub(crate) number: u64,
    pub(crate) arrivals: f64,
    /// Mean service time in seconds.
    pub(crate) service: f64,
    pub(crate) flow: Flow,
    pub(crate) waiting: f64,
    pub(crate) wanted: u32,
    pub(crate) ready: u32,
    pub(crate) starting: u32,
    pub(crate) draining: u32,
    /// How long those waited that started.
    pub(crate) waits: &'a Histogram,
}

/// Gathers.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    steps_a_row: u64,
    strata: Vec<f64>,
    row: Row,
    waits: Histogram,
    /// Sum of service times by how much came.
    service: f64,
    took: Histogram,
    rows: Vec<Row>,
    summary: Summary,
    changes: Vec<Change>,
    last: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    None,
    Up,
    Down,
}

impl Recorder {
    /// For a run of so many steps that begins with so many instances.
    pub(crate) fn new(steps: u64, initial: u32, strata: Vec<f64>) -> Self {
        let a_second = 1000 / u64::try_from(STEP.as_millis()).unwrap_or(1000);
        let seconds = steps.div_ceil(a_second);
        let length = LENGTHS.into_iter().find(|length| seconds.div_ceil(*length) <= MOST_ROWS);
        Self {
            steps_a_row: length.unwrap_or(seconds.div_ceil(MOST_ROWS)) * a_second,
            strata,
            row: Row::default(),
            waits: Histogram::default(),
            service: 0.0,
            took: Histogram::default(),
            rows: Vec::new(),
            summary: Summary { most_instances: initial, ..Summary::default() },
            changes: Vec::new(),
            last: Direction::None,
        }
    }

    pub(crate) fn step(&mut self, seen: &Seen<'_>) {
        let length = STEP.as_secs_f64();
        let running = seen.ready + seen.starting + seen.draining;
        let (row, sum, flow) = (&mut self.row, &mut self.summary, &seen.flow);
        sum.requests += seen.arrivals;
        sum.answered += flow.answered;
        sum.refused += flow.refused;
        sum.expired += flow.expired;
        sum.longest_queue = sum.longest_queue.max(seen.waiting);
        sum.instance_hours += f64::from(running) * length / 3600.0;
        sum.most_instances = sum.most_instances.max(seen.wanted);
        row.rps += seen.arrivals;
        row.lost += flow.refused + flow.expired;
        row.queue = row.queue.max(seen.waiting);
        row.serving += f64::from(seen.ready);
        (row.wanted, row.ready, row.starting) = (seen.wanted, seen.ready, seen.starting);
        self.waits.merge(seen.waits);
        self.service += seen.service * seen.waits.total();
        if (seen.number + 1).is_multiple_of(self.steps_a_row) {
            self.end_row(seen.number + 1);
        }
    }

    /// The count has changed.
    pub(crate) fn change(&mut self, at: Moment, from: u32, to: u32, why: Option<Why>) {
        let direction = if to > from { Direction::Up } else { Direction::Down };
        let turns = self.last != Direction::None && self.last != direction;
        self.last = direction;
        self.summary.changes += 1;
        let seconds = at.since(Moment::ORIGIN).as_secs_f64();
        if turns {
            self.summary.turns.push(seconds);
        }
        if self.changes.len() < MOST_CHANGES {
            let why = why.unwrap_or_else(|| Why { reason: "unknown".to_owned(), text: String::new() });
            self.changes.push(Change { seconds, from, to, reason: why.reason, text: why.text });
        }
    }

    fn end_row(&mut self, steps: u64) {
        let mut row = std::mem::take(&mut self.row);
        let before = self.rows.last().map_or(0.0, |row| row.until);
        row.until = steps as f64 * STEP.as_secs_f64();
        let length = row.until - before;
        row.rps /= length;
        row.serving /= length / STEP.as_secs_f64();
        if self.waits.total() > 0.0 {
            let took = self.waits.plus(&self.strata, self.service / self.waits.total());
            row.p95 = took.quantile(0.95);
            self.took.merge(&took);
        }
        self.waits.clear();
        self.service = 0.0;
        self.rows.push(row);
    }

    /// All of it; `present` requests are still there.
    pub(crate) fn finish(mut self, steps: u64, present: f64) -> Side {
        if !steps.is_multiple_of(self.steps_a_row) {
            self.end_row(steps);
        }
        self.summary.unfinished = present;
        self.summary.p50 = self.took.quantile(0.5);
        self.summary.p95 = self.took.quantile(0.95);
        self.summary.steps = steps;
        Side {
            name: "",
            settings: String::new(),
            rows: self.rows,
            summary: self.summary,
            changes: self.changes,
        }
    }
}
