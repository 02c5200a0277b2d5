//! What was decided, and why: enough for a person to check the sum.

use base::Moment;
use std::time::{Duration, SystemTime};

/// One decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When.
    pub at: Moment,
    /// The same, for people; 1970 where no sample has come yet.
    pub wall: SystemTime,
    /// Instances that took requests.
    pub ready: u32,
    /// Instances that were starting.
    pub starting: u32,
    /// What was wanted before.
    pub from: u32,
    /// What is wanted now.
    pub to: u32,
    /// What each signal wants.
    pub proposals: Vec<Proposal>,
    /// What bent the greatest proposal into `to`, in the order in which it was applied.
    pub limits: Vec<Limit>,
    /// What it comes down to.
    pub reason: Reason,
    /// The short average counts too, and counts do not fall.
    pub panicking: bool,
    /// What [`Proposal::stable`] is averaged over.
    pub stable_window: Duration,
    /// What [`Proposal::panic`] is averaged over.
    pub panic_window: Duration,
}

/// Where a count goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// More instances.
    Up,
    /// Fewer.
    Down,
    /// As many.
    Stay,
}

/// What one signal wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Which.
    pub signal: Signal,
    /// Its average over the stable window, in the signal's unit (requests, requests per second, shares, seconds, jobs).
    pub stable: Option<f64>,
    /// Its average over the panic window.
    pub panic: Option<f64>,
    /// What one instance is to carry, in the same unit.
    pub target: f64,
    /// Instances.
    pub wants: u32,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Requests under way and waiting.
    Concurrency,
    /// Requests per second.
    Rps,
    /// CPU.
    Cpu,
    /// Memory.
    Memory,
    /// The 95th percentile.
    Latency,
    /// Jobs that wait.
    Queue,
    /// The same time of earlier days and weeks.
    Forecast,
}

/// What bent a proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Which bound.
    pub reason: Reason,
    /// The count before it.
    pub from: u32,
    /// The count after it.
    pub to: u32,
}

/// Why a count is what it is. `as_str` gives the label of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Within tolerance: nothing changes.
    Steady,
    /// A signal.
    Signal(Signal),
    /// `min`.
    Min,
    /// `max`.
    Max,
    /// A window of the schedule.
    Schedule,
    /// Nobody asks: none is needed.
    Zero,
    /// Somebody asks and there is none.
    FromZero,
    /// Panicking: counts do not fall.
    Panic,
    /// The stabilization window of its direction.
    Stabilization,
    /// The policies of its direction.
    Policy,
    /// Enough are starting already.
    Starting,
    /// Nothing was measured: what was last known holds for a while, then the count stays.
    NoMetrics,
    /// Instances end as soon as they start.
    CrashLoop,
    /// The database behind the service has no room for more instances.
    Database,
}

impl Decision {
    /// Where the count goes.
    pub fn direction(&self) -> Direction {
        match self.to.cmp(&self.from) {
            std::cmp::Ordering::Greater => Direction::Up,
            std::cmp::Ordering::Less => Direction::Down,
            std::cmp::Ordering::Equal => Direction::Stay,
        }
    }
}

impl Direction {
    /// The label of metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Stay => "stay",
        }
    }
}

impl Signal {
    /// The label of metrics; that of the config file where there is a key for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Rps => "rps",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Latency => "latency",
            Self::Queue => "queue",
            Self::Forecast => "forecast",
        }
    }
}

impl Reason {
    /// The label of metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Signal(signal) => signal.as_str(),
            Self::Min => "min",
            Self::Max => "max",
            Self::Schedule => "schedule",
            Self::Zero => "zero",
            Self::FromZero => "from_zero",
            Self::Panic => "panic",
            Self::Stabilization => "stabilization",
            Self::Policy => "policy",
            Self::Starting => "starting",
            Self::NoMetrics => "no_metrics",
            Self::CrashLoop => "crash_loop",
            Self::Database => "database",
        }
    }
}
