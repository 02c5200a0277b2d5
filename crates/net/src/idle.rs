//! Connections to one upstream that wait for their next exchange. One for each worker and endpoint, so no lock.
//!
//! The one that was used last is used next: it is the least likely to have been closed, and the others can age.

use crate::h1::Connection;
use base::turn;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Waiting connections of one endpoint.
#[derive(Debug)]
pub struct Idle {
    waiting: RefCell<Vec<(Box<Connection>, Instant)>>,
    most: Cell<usize>,
    timeout: Cell<Duration>,
}

impl Idle {
    /// Keeps at most `most` connections, each for at most `timeout`.
    pub fn new(most: usize, timeout: Duration) -> Rc<Self> {
        Rc::new(Self { waiting: RefCell::default(), most: Cell::new(most), timeout: Cell::new(timeout) })
    }

    /// New bounds, after a reload.
    pub fn set(&self, most: usize, timeout: Duration) {
        self.most.set(most);
        self.timeout.set(timeout);
        self.waiting.borrow_mut().truncate(most);
    }

    /// A waiting connection that is still good, if there is one.
    pub fn take(&self) -> Option<Box<Connection>> {
        loop {
            let (mut conn, _) = self.waiting.borrow_mut().pop()?;
            if conn.is_usable() {
                return Some(conn);
            }
        }
    }

    pub(crate) fn put(&self, conn: Box<Connection>) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() < self.most.get() {
            waiting.push((conn, turn::now()));
        }
    }

    /// Closes those that have waited too long or were closed by the other side. Called every second or so.
    pub fn sweep(&self, now: Instant) {
        let timeout = self.timeout.get();
        self.waiting
            .borrow_mut()
            .retain_mut(|(conn, since)| now.saturating_duration_since(*since) < timeout && conn.is_usable());
    }

    /// Closes all.
    pub fn clear(&self) {
        self.waiting.borrow_mut().clear();
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// Does none wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
