//! A fleet as people see it, and, much cheaper, as the scaler counts it.

use std::time::{Duration, SystemTime};

/// All instances of a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FleetView {
    /// How many are wanted.
    pub wanted: u32,
    /// How many take requests.
    pub ready: u32,
    /// How many were launched and take none yet.
    pub starting: u32,
    /// How many finish what they have, or are ending.
    pub draining: u32,
    /// Instances end as fast as they are started: what was last seen.
    pub crash_loop: Option<String>,
    /// A replacement of all is under way, or has failed: how it stands.
    pub rollout: Option<String>,
    /// How long an instance takes to become ready, as learnt.
    pub start_time: Option<Duration>,
    /// Each of them, by number.
    pub instances: Vec<InstanceView>,
}

/// What the scaler needs of a fleet ten times a second: no text, and nothing allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FleetCount {
    /// How many take requests.
    pub ready: u32,
    /// How many were launched and take none yet.
    pub starting: u32,
    /// How many finish what they have, or are ending.
    pub draining: u32,
    /// Instances end as fast as they are started.
    pub crash_loop: bool,
    /// How long an instance takes to become ready, as learnt.
    pub start_time: Option<Duration>,
    /// CPU of the ready instances on average, as a share of what each may use.
    pub cpu: Option<f64>,
    /// Memory of the ready instances on average, as a share of what each may use. `None` where there is no bound.
    pub memory: Option<f64>,
}

/// One instance.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceView {
    /// `shop-1`.
    pub name: Box<str>,
    /// In which state.
    pub state: InstanceState,
    /// Where it listens: `127.0.0.1:8001`, `unix:/run/..`.
    pub place: String,
    /// Its first process.
    pub pid: Option<u32>,
    /// What it was launched from; a restart is numbered behind a dot.
    pub revision: String,
    /// Since when there is this process.
    pub since: SystemTime,
    /// How long after its launch it was ready.
    pub ready_after: Option<Duration>,
    /// Cores that it used lately.
    pub cpu: Option<f64>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// How many instances of this name have ended without being told to.
    pub restarts: u32,
    /// The last lines of the one before it that ended so.
    pub last_words: Option<String>,
}

/// The life of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstanceState {
    /// Launched, and not ready.
    Starting,
    /// It takes requests.
    Ready,
    /// It finishes what it has.
    Draining,
    /// It was told to end.
    Stopping,
}

impl InstanceState {
    /// A label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
        }
    }
}
