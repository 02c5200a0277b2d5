//! Whether an endpoint may be picked, as all workers know it.
//!
//! One [`Health`] belongs to each endpoint and outlives reloads. Workers read its state and tell it what they see;
//! what follows from that is decided in one place, the service's [`Circle`](crate::Circle), so that workers that
//! see the same thing at the same time change it once.
//!
//! *Invariant*: a state is written with the circle's lock held, never by a worker on its own.
//! *Not here*: who is picked; how many may be ejected.
//! *Cost*: reading the state is one relaxed load, as is asking whether it starts slowly and recording a good
//! answer.

use crate::history::History;
use crate::outlier::{OutlierSettings, Seen, Streaks, Suspicion};
use base::Moment;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What an endpoint that starts slowly gets at first: enough to warm up by, too little to fall over.
const LEAST_RAMP: f32 = 0.1;

/// Whether an endpoint may be picked, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// It may be picked.
    Up,
    /// Its active check has not answered yet: picked only where nothing of the same priority is up.
    Unknown,
    /// It can be reached, but its active check says that it is unwell: not picked, but in a panic.
    Failing,
    /// It stood out among the others and is out for a time: not picked, but in a panic.
    Ejected,
    /// Its ejection is over. One request at a time may try it ([`Circle::take_trial`](crate::Circle::take_trial));
    /// not picked otherwise, but in a panic.
    Trial,
    /// Connections to it fail. That is certain, so it is never picked; a probe brings it back.
    Dead,
    /// The operator wants no new requests there. Never picked.
    Draining,
}

impl State {
    /// All states, in the order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::Up, Self::Unknown, Self::Failing, Self::Ejected, Self::Trial, Self::Dead, Self::Draining];

    /// As logs, metrics and the admin API write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Unknown => "unknown",
            Self::Failing => "failing",
            Self::Ejected => "ejected",
            Self::Trial => "trial",
            Self::Dead => "dead",
            Self::Draining => "draining",
        }
    }
}

/// How an active check, or a probe that only connects, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// As expected. For a probe: it connected.
    Passed,
    /// It answered otherwise, or not in time.
    Failed,
    /// It could not be connected to.
    Unreachable,
}

/// How many checks in a row change the state. Zero counts as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckSettings {
    /// So many that do not pass take the endpoint out.
    pub fall: u32,
    /// So many that pass bring it back from failing.
    pub rise: u32,
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self { fall: 3, rise: 2 }
    }
}

/// The health of one endpoint. It belongs to one [`Circle`](crate::Circle).
#[derive(Debug)]
pub struct Health {
    /// A [`State`] as its number.
    state: AtomicU8,
    /// Nanoseconds of the moment from which it starts slowly; zero where it does not.
    ramps_from: AtomicU64,
    streaks: Streaks,
    history: Mutex<History>,
}

impl Health {
    /// That of an endpoint that is there at process start. It does not start slowly: nobody would take the rest.
    pub fn new(state: State, now: Moment) -> Self {
        let mut history = History::of(state, now);
        history.from_start = matches!(state, State::Up | State::Unknown);
        Self::with(history, 0)
    }

    /// That of an endpoint that joins while others work. It starts slowly from when it is first up.
    pub fn joining(state: State, now: Moment) -> Self {
        let ramps_from = if state == State::Up { mark(now) } else { 0 };
        Self::with(History::of(state, now), ramps_from)
    }

    fn with(history: History, ramps_from: u64) -> Self {
        Self {
            state: AtomicU8::new(history.state() as u8),
            ramps_from: AtomicU64::new(ramps_from),
            streaks: Streaks::default(),
            history: Mutex::new(history),
        }
    }

    /// Its state.
    pub fn state(&self) -> State {
        State::ALL[usize::from(self.state.load(Ordering::Relaxed))]
    }

    /// Whether [`Health::ramp`] may be below 1. Nearly always false.
    pub fn is_ramping(&self) -> bool {
        self.ramps_from.load(Ordering::Relaxed) != 0
    }

    /// The share of its weight that it takes now, above 0 and at most 1. It grows evenly from a tenth to the whole
    /// over `window` from when it came up.
    pub fn ramp(&self, now: Moment, window: Duration) -> f32 {
        let from = self.ramps_from.load(Ordering::Relaxed);
        if from == 0 {
            return 1.0;
        }
        let passed = now.since(Moment::from_nanos(from));
        if passed >= window {
            // Over for good, unless it came up anew since we looked: then the word differs and stays.
            let _ = self.ramps_from.compare_exchange(from, 0, Ordering::Relaxed, Ordering::Relaxed);
            return 1.0;
        }
        LEAST_RAMP + (1.0 - LEAST_RAMP) * passed.div_duration_f32(window)
    }

    /// Takes note of one answer. What is suspected goes to [`Circle::suspect`](crate::Circle::suspect).
    pub fn record(&self, seen: Seen, limits: &OutlierSettings) -> Option<Suspicion> {
        self.streaks.record(seen, limits)
    }

    /// What is remembered of it, to read. The circle's lock is held.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is remembered and lets all workers see the state that follows; gives the states before and
    /// after where they differ. The circle's lock is held.
    pub(crate) fn change(&self, now: Moment, edit: impl FnOnce(&mut History)) -> Option<(State, State)> {
        let mut history = self.history();
        let from = history.state();
        edit(&mut history);
        let to = history.state();
        if from == to {
            return None;
        }
        let mut ramps_from = 0;
        if to == State::Up {
            history.up_from = now;
            ramps_from = if history.from_start { 0 } else { mark(now) };
        } else {
            history.from_start = false;
        }
        if matches!(to, State::Up | State::Trial) {
            // Rows of failures from before say nothing about what it does from now on.
            self.streaks.clear();
        }
        self.ramps_from.store(ramps_from, Ordering::Relaxed);
        self.state.store(to as u8, Ordering::Release);
        Some((from, to))
    }
}

/// A moment as a word that is never zero.
fn mark(now: Moment) -> u64 {
    now.nanos().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::ORIGIN + Duration::from_secs(seconds)
    }

    const WINDOW: Duration = Duration::from_secs(10);

    fn near(a: f32, b: f32) -> bool {
        (a - b).abs() < 1e-4
    }

    #[test]
    fn a_state_is_told_as_it_was_given() {
        for state in State::ALL {
            // An ejection that nobody began has no end, so it is tried at once.
            let want = if state == State::Ejected { State::Trial } else { state };
            assert_eq!(Health::new(state, at(0)).state(), want);
            assert_eq!(Health::joining(state, at(0)).state(), want);
            assert_eq!(State::ALL[state as usize], state);
        }
    }

    #[test]
    fn an_endpoint_that_joins_grows_from_a_tenth_to_the_whole() {
        let health = Health::joining(State::Up, at(1));
        assert!(health.is_ramping());
        for (seconds, want) in [(0, 0.1), (1, 0.1), (6, 0.55), (10, 0.91), (11, 1.0), (4, 1.0)] {
            assert!(near(health.ramp(at(seconds), WINDOW), want), "after {seconds} s");
        }
        assert!(!health.is_ramping(), "once it is over nobody asks again");
    }

    #[test]
    fn without_a_window_nothing_starts_slowly() {
        let health = Health::joining(State::Up, at(7));
        assert!(near(health.ramp(at(7), Duration::ZERO), 1.0));
        assert!(!health.is_ramping());
    }

    #[test]
    fn a_process_that_starts_does_not_start_its_endpoints_slowly() {
        let health = Health::new(State::Unknown, at(0));
        let passed = |h: &mut History| h.check(Checked::Passed, &CheckSettings::default());
        assert_eq!(health.change(at(1), passed), Some((State::Unknown, State::Up)));
        assert!(!health.is_ramping() && near(health.ramp(at(1), WINDOW), 1.0));
        assert_eq!(health.change(at(2), History::die), Some((State::Up, State::Dead)));
        assert_eq!(health.change(at(3), passed), Some((State::Dead, State::Up)));
        assert!(health.is_ramping() && near(health.ramp(at(3), WINDOW), 0.1), "it was away");
    }

    #[test]
    fn one_that_joins_unchecked_starts_slowly_once_it_is_up() {
        let health = Health::joining(State::Unknown, at(0));
        assert!(!health.is_ramping());
        health.change(at(100), |h| h.check(Checked::Passed, &CheckSettings::default()));
        assert!(near(health.ramp(at(105), WINDOW), 0.55));
        health.change(at(105), |h| h.drain(true));
        assert!(!health.is_ramping(), "it takes nothing, so it does not grow");
    }

    #[test]
    fn a_change_that_cannot_be_seen_is_none() {
        let health = Health::new(State::Up, at(0));
        assert_eq!(health.change(at(0), |h| h.drain(true)), Some((State::Up, State::Draining)));
        assert_eq!(health.change(at(1), History::die), None);
        assert_eq!(health.change(at(2), |h| h.drain(false)), Some((State::Draining, State::Dead)));
    }
}
