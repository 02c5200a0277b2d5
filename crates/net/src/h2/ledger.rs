//! How many streams of a connection are open, and since when none is.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

/// What a connection's guardian knows of its streams.
#[derive(Debug)]
pub(crate) struct Ledger {
    open: Cell<usize>,
    idle_since: Cell<Instant>,
}

/// One stream, from its request to the last byte of its response.
#[derive(Debug)]
pub(crate) struct Open(Rc<Ledger>);

impl Ledger {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { open: Cell::new(0), idle_since: Cell::new(Instant::now()) })
    }

    pub(crate) fn open(self: &Rc<Self>) -> Open {
        self.open.set(self.open.get() + 1);
        Open(Rc::clone(self))
    }

    /// Since when no stream is open, if that is so.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        (self.open.get() == 0).then(|| self.idle_since.get())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let left = self.0.open.get() - 1;
        self.0.open.set(left);
        if left == 0 {
            self.0.idle_since.set(Instant::now());
        }
    }
}
