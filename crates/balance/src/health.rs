//! Whether one endpoint may be picked, as far as picking must know it: a state and a slow start.

use base::Moment;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

/// The share of its weight with which an endpoint begins.
const FIRST_SHARE: f32 = 0.1;

/// What is known of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// May be picked.
    Up,
    /// Its active check has not answered yet: picked only where nothing of the same priority is up.
    Unknown,
    /// Its active check says that it is unwell: picked in a panic only.
    Failing,
    /// Outlier detection took it out for a time: picked in a panic only.
    Ejected,
    /// Its ejection is over and one request may try it: otherwise picked in a panic only.
    Trial,
    /// Connections to it fail: never picked.
    Dead,
    /// The operator wants no new requests there: never picked.
    Draining,
}

impl State {
    const ALL: [Self; 7] =
        [Self::Up, Self::Unknown, Self::Failing, Self::Ejected, Self::Trial, Self::Dead, Self::Draining];
}

/// The health of one endpoint.
#[derive(Debug)]
pub struct Health {
    state: AtomicU8,
    ramping: AtomicBool,
    since: Moment,
}

impl Health {
    /// Of an endpoint that was there at process start: no slow start.
    pub fn new(state: State, now: Moment) -> Self {
        Self { state: AtomicU8::new(state as u8), ramping: AtomicBool::new(false), since: now }
    }

    /// Of an endpoint that joins now: slow start.
    pub fn joining(state: State, now: Moment) -> Self {
        Self { state: AtomicU8::new(state as u8), ramping: AtomicBool::new(true), since: now }
    }

    /// Its state.
    pub fn state(&self) -> State {
        State::ALL[usize::from(self.state.load(Ordering::Relaxed))]
    }

    /// The share of its weight that it may take now: grows from 0.1 to 1 in `window`.
    pub fn ramp(&self, now: Moment, window: Duration) -> f32 {
        if !self.is_ramping() || window.is_zero() {
            return 1.0;
        }
        let passed = now.since(self.since).div_duration_f32(window);
        (FIRST_SHARE + (1.0 - FIRST_SHARE) * passed).min(1.0)
    }

    /// Might it be in its slow start?
    pub fn is_ramping(&self) -> bool {
        self.ramping.load(Ordering::Relaxed)
    }
}
