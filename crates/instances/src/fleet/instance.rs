//! One instance, as its fleet remembers it.

use super::Now;
use crate::driver::Handle;
use crate::passing::Phase;
use crate::settings::FleetSettings;
use crate::view::InstanceState;
use std::rc::Rc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// What instances are launched from. Two are the same where they are the same `Rc`.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) revision: String,
    /// Grows with each restart.
    pub(super) generation: u32,
    pub(super) settings: Rc<FleetSettings>,
}

impl Spec {
    pub(super) fn new(settings: &Rc<FleetSettings>, generation: u32) -> Rc<Self> {
        Rc::new(Self { revision: settings.revision(), generation, settings: Rc::clone(settings) })
    }

    /// For people.
    pub(super) fn label(&self) -> String {
        match self.generation {
            0 => self.revision.clone(),
            n => format!("{}.{n}", self.revision),
        }
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not ready; a failure from then on.
    Starting { until: Instant },
    /// It gets requests.
    Ready,
    /// It gets no more since then, and is ended at the latest then.
    Draining { since: Instant, until: Instant },
    /// It was told to end, or has.
    Stopping { kill_at: Instant, killed: bool, ended: bool },
}

pub(super) struct Instance {
    /// Never used again.
    pub(super) id: u64,
    /// Used again, the lowest first.
    pub(super) number: u32,
    pub(super) name: Box<str>,
    pub(super) spec: Rc<Spec>,
    pub(super) handle: Box<dyn Handle>,
    pub(super) state: State,
    pub(super) began: Instant,
    pub(super) since: SystemTime,
    pub(super) ready_after: Option<Duration>,
    /// To be replaced, whatever it was launched from.
    pub(super) replaced: bool,
    /// Came from another process, which may still have requests with it.
    pub(super) adopted: Option<Instant>,
    /// It has outlived the process that launched it.
    pub(super) found: bool,
}

impl Instance {
    pub(super) fn is_starting(&self) -> bool {
        matches!(self.state, State::Starting { .. })
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self.state, State::Draining { .. })
    }

    /// Its program has ended, whatever else of it has not.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, State::Stopping { ended: true, .. })
    }

    /// How long it has been ready.
    pub(super) fn served(&self, now: &Now) -> Option<Duration> {
        let ready_after = self.ready_after?;
        Some(now.at.saturating_duration_since(self.began).saturating_sub(ready_after))
    }

    pub(super) fn lived(&self, now: &Now) -> Duration {
        now.at.saturating_duration_since(self.began)
    }

    /// SIGTERM.
    pub(super) fn terminate(&mut self, now: &Now, stop_timeout: Duration) {
        self.handle.terminate();
        self.state = State::Stopping { kill_at: now.at + stop_timeout, killed: false, ended: false };
    }

    pub(super) fn shown(&self) -> InstanceState {
        match self.state {
            State::Starting { .. } => InstanceState::Starting,
            State::Ready => InstanceState::Ready,
            State::Draining { .. } => InstanceState::Draining,
            State::Stopping { .. } => InstanceState::Stopping,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.state {
            State::Starting { .. } => Phase::Starting,
            State::Ready => Phase::Ready,
            State::Draining { .. } => Phase::Draining,
            State::Stopping { .. } => Phase::Stopping,
        }
    }
}
