//! A gate that a test holds shut while an origin waits in front of it.

use crate::wait::PATIENCE;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Shut at first. Clones stand for the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    is_open: bool,
    waiting: usize,
    most: usize,
}

impl Gate {
    /// A gate that is shut.
    pub fn shut() -> Self {
        Self::default()
    }

    /// Waits until it is open; false where nobody opens it in time.
    pub fn pass(&self) -> bool {
        self.pass_when(usize::MAX)
    }

    /// Waits until it is open, or so many wait here at once: then it opens for good.
    pub fn pass_when(&self, together: usize) -> bool {
        let (state, changed) = &*self.0;
        let mut here = state.lock().unwrap_or_else(PoisonError::into_inner);
        here.waiting += 1;
        here.most = here.most.max(here.waiting);
        if here.waiting >= together {
            here.is_open = true;
            changed.notify_all();
        }
        let waited = changed.wait_timeout_while(here, PATIENCE, |here| !here.is_open);
        let mut here = waited.unwrap_or_else(PoisonError::into_inner).0;
        here.waiting -= 1;
        here.is_open
    }

    /// Opens it for good.
    pub fn open(&self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).is_open = true;
        self.0.1.notify_all();
    }

    /// How many wait there now.
    pub fn waiting(&self) -> usize {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).waiting
    }

    /// The most that ever waited there at once.
    pub fn most(&self) -> usize {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).most
    }
}
