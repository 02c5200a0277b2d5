//! What was measured since the last sample.

use base::Moment;
use std::time::{Duration, SystemTime};

/// One look at a service. Several come between two decisions, about ten a second.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Moment,
    /// The same, for schedules and for people. It may jump; nothing but schedules and forecasts follows from it.
    pub wall: SystemTime,
    /// Instances that take requests.
    pub ready: u32,
    /// Instances that were launched and do not take requests yet.
    pub starting: u32,
    /// Requests under way and waiting, on average since the last sample.
    pub concurrency: Option<f64>,
    /// Requests per second since the last sample.
    pub rps: Option<f64>,
    /// The 95th percentile of recent answers.
    pub latency_p95: Option<Duration>,
    /// CPU of the ready instances on average, as a share of what each may use.
    pub cpu: Option<f64>,
    /// Memory of the ready instances on average, as a share of what each may use.
    pub memory: Option<f64>,
    /// Jobs that wait.
    pub backlog: Option<Backlog>,
    /// The database behind the service.
    pub database: Option<Database>,
    /// How long an instance takes to become ready, as learnt.
    pub start_time: Option<Duration>,
    /// Instances end as soon as they start: more of them would not help.
    pub crash_loop: bool,
}

/// Jobs that wait and could run now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backlog {
    /// How many.
    pub ready: u64,
    /// How many come, per second.
    pub arrival: f64,
    /// How long one takes on average.
    pub service_time: Duration,
    /// How many one instance works on at a time.
    pub concurrency: f64,
}

/// How hard-pressed the database behind a service is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Database {
    /// Connections in use, as a share of what is allowed.
    pub connections: f64,
    /// Transactions wait longer than they should for a connection.
    pub waits: bool,
}
