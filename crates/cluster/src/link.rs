//! The connection of the moment, and the circuit breaker around it.
//!
//! Whoever is the first to see that the connection is of no use takes it away, so everybody else is told at once that the
//! store is down and waits for nothing. Only the keeper brings another one, after it has shown that it works.
//! An error that the server sends does not break the connection; the keeper then looks whether the server still works.
//! *Cost on the hot path*: one atomic load more than the question itself.

use crate::line::Line;
use crate::state::{Counters, State, add};
use crate::trouble::Trouble;
use arc_swap::ArcSwapOption;
use observe::log;
use redis::{Cmd, Value};
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// See the module.
pub(crate) struct Link {
    line: ArcSwapOption<Line>,
    state: watch::Sender<State>,
    /// Rung when the server has sent an error.
    pub(crate) doubt: Notify,
    pub(crate) counters: Counters,
    places: Box<str>,
}

impl Link {
    /// Down: nothing was tried yet.
    pub(crate) fn new(places: &str) -> Self {
        Self {
            line: ArcSwapOption::empty(),
            state: watch::Sender::new(State::down("not connected yet")),
            doubt: Notify::new(),
            counters: Counters::default(),
            places: places.into(),
        }
    }

    /// Asks over the connection of the moment.
    pub(crate) async fn ask(&self, command: &Cmd) -> Result<Value, Trouble> {
        let line = self.line.load_full().ok_or(Trouble::Away)?;
        let answer = line.ask(command).await;
        match &answer {
            Err(trouble) if trouble.breaks() => self.broken(&line, trouble),
            Err(Trouble::Refused(_) | Trouble::Nonsense) => self.doubt.notify_one(),
            _ => {}
        }
        answer
    }

    /// Whether there is a connection, and then whether it leads to several servers.
    pub(crate) fn is_spread(&self) -> Option<bool> {
        self.line.load().as_ref().map(|line| line.is_spread())
    }

    /// The state, now and as it changes.
    pub(crate) fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// The keeper has a connection that works.
    pub(crate) fn set_up(&self, line: Arc<Line>) {
        log::info(format_args!("cluster: connected to {}", self.places));
        // State and connection change as one, or a failure in between would be a state that never ends.
        self.state.send_modify(|state| {
            self.line.store(Some(line));
            *state = State::up();
        });
    }

    /// That connection is of no use. What is said of one that is gone already changes nothing.
    pub(crate) fn broken(&self, line: &Arc<Line>, trouble: &Trouble) {
        let was_ours = self.state.send_if_modified(|state| {
            let before = self.line.compare_and_swap(line, None);
            let was_ours = before.as_ref().is_some_and(|before| Arc::ptr_eq(before, line));
            if was_ours {
                *state = State::down(&trouble.to_string());
            }
            was_ours
        });
        if was_ours {
            add(&self.counters.downs, 1);
            self.warn(trouble);
        }
    }

    /// No connection could be made. Said once for each reason.
    pub(crate) fn unreachable(&self, trouble: &Trouble) {
        let why = trouble.to_string();
        let is_new = self.state.send_if_modified(|state| {
            let is_new = *state.why != *why;
            state.why = why.into();
            is_new
        });
        if is_new {
            self.warn(trouble);
        }
    }

    fn warn(&self, trouble: &Trouble) {
        log::warning(format_args!("cluster: {} cannot be used: {trouble}", self.places));
    }
}
