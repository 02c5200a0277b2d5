//! How many streams of a connection are open, and since when none is.

use base::turn;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

/// What a connection's guardian knows of its streams.
#[derive(Debug)]
pub(crate) struct Ledger {
    open: Cell<usize>,
    /// Streams that were opened, and those of them that the client gave up before their answer, since the last look.
    opened: Cell<u32>,
    given_up: Cell<u32>,
    idle_since: Cell<Instant>,
}

/// One stream, from its request to the last byte of its response.
#[derive(Debug)]
pub(crate) struct Open(Rc<Ledger>);

impl Ledger {
    pub(crate) fn new() -> Rc<Self> {
        let (opened, given_up) = (Cell::default(), Cell::default());
        Rc::new(Self { open: Cell::new(0), opened, given_up, idle_since: Cell::new(Instant::now()) })
    }

    pub(crate) fn open(self: &Rc<Self>) -> Open {
        self.open.set(self.open.get() + 1);
        self.opened.set(self.opened.get().saturating_add(1));
        Open(Rc::clone(self))
    }

    /// Looks, and begins anew: has the client given up more than `most` streams since the last look, and most of all that
    /// it opened?
    pub(crate) fn only_gives_up(&self, most: u32) -> bool {
        let (opened, given_up) = (self.opened.take(), self.given_up.take());
        given_up > most && given_up > opened / 2
    }

    /// Since when no stream is open, if that is so.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        (self.open.get() == 0).then(|| self.idle_since.get())
    }
}

impl Open {
    /// The client wants no answer any more.
    pub(crate) fn give_up(&self) {
        self.0.given_up.set(self.0.given_up.get().saturating_add(1));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let left = self.0.open.get() - 1;
        self.0.open.set(left);
        if left == 0 {
            self.0.idle_since.set(turn::now());
        }
    }
}
