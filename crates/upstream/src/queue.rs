//! Requests that wait until an endpoint has room: bounded in number and time, first come first served within a class.
//!
//! All workers share one queue for a service. It is touched only while every endpoint is full: a permit that ends looks
//! at one number, and takes the lock only where somebody waits.
//!
//! *Invariant*: nobody waits while there is room and nothing else will end. Whoever queues looks for room once more
//! after it has been counted, so a permit that ended in between is not missed; and whoever was called calls the next
//! where it went away, or found more room than it needs (a limit rose, an endpoint came back). Nobody overtakes: one that
//! was called counts as waiting until it has found room, and goes back to where it stood if it did not.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// How important a request is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// The first to be shed.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// The last to be shed, the first to be served.
    High,
}

impl Class {
    /// As the config writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// How many may wait, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// Requests; 0: nobody waits.
    pub size: usize,
    /// Each.
    pub timeout: Duration,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { size: 512, timeout: Duration::from_secs(1) }
    }
}

/// Why a request did not get a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// As many as may wait are waiting, all of them at least as important.
    QueueFull,
    /// Its time was over.
    QueueTimeout,
}

/// The queue of one service.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: AtomicU32,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    /// One for each class.
    waiting: [VecDeque<Arc<Waiter>>; 3],
    /// Those that were called and have neither found room nor gone nor come back.
    called: usize,
    /// How many have come so far.
    came: u64,
}

#[derive(Debug)]
struct Waiter {
    /// Its place in the order of coming.
    number: u64,
    state: Mutex<(Call, Option<Waker>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Waiting,
    /// There may be room now.
    Woken,
    /// A more important request has taken its place in the queue.
    Displaced,
}

/// A place in the queue. Dropping it gives the place up.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    queue: &'a Queue,
    waiter: Arc<Waiter>,
    class: Class,
    /// It was called before: who is at the head of the line then may look without being called again.
    was_called: Cell<bool>,
    served: bool,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self { waiting: AtomicU32::new(0), lines: Mutex::default() }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes a place at the end of the line, which holds `size`. Where all places are taken, the youngest of the least important class goes
    /// if that is less important than this one.
    pub(crate) fn enter(&self, class: Class, size: usize) -> Result<Place<'_>, Shed> {
        let mut lines = self.lines();
        if lines.len() >= size {
            let least = lines.waiting[..class as usize].iter_mut().find(|line| !line.is_empty());
            let displaced = least.and_then(VecDeque::pop_back).ok_or(Shed::QueueFull)?;
            displaced.call(Call::Displaced);
        }
        lines.came += 1;
        let waiter = Arc::new(Waiter { number: lines.came, state: Mutex::new((Call::Waiting, None)) });
        lines.waiting[class as usize].push_back(Arc::clone(&waiter));
        self.recount(&lines);
        Ok(Place { queue: self, waiter, class, was_called: Cell::new(false), served: false })
    }

    /// There may be room for the first in line: an attempt has ended, or an endpoint has come or gone.
    pub(crate) fn wake(&self) {
        // The count and the counts of the endpoints are written by different cores: this fence and the one in `recount`
        // make sure that one of both sides sees the other.
        std::sync::atomic::fence(Ordering::SeqCst);
        if self.waiting() > 0 {
            self.call_next(&mut self.lines());
        }
    }

    fn call_next(&self, lines: &mut Lines) {
        if let Some(first) = lines.waiting.iter_mut().rev().find_map(VecDeque::pop_front) {
            lines.called += 1;
            first.call(Call::Woken);
        }
        self.recount(lines);
    }

    fn recount(&self, lines: &Lines) {
        let all = lines.len() + lines.called;
        self.waiting.store(u32::try_from(all).unwrap_or(u32::MAX), Ordering::Relaxed);
        std::sync::atomic::fence(Ordering::SeqCst);
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// How many wait to be called.
    fn len(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    fn first(&self) -> Option<&Arc<Waiter>> {
        self.waiting.iter().rev().find_map(VecDeque::front)
    }
}

impl Waiter {
    fn state(&self) -> MutexGuard<'_, (Call, Option<Waker>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, call: Call) {
        let mut state = self.state();
        state.0 = call;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }
}

impl Place<'_> {
    /// Waits to be called. Bounded by whoever waits.
    pub(crate) async fn called(&self) -> Result<(), Shed> {
        poll_fn(|cx| {
            let mut state = self.waiter.state();
            match state.0 {
                Call::Woken => Poll::Ready(Ok(())),
                Call::Displaced => Poll::Ready(Err(Shed::QueueFull)),
                Call::Waiting => {
                    state.1 = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// There was no room after all: back to where it stood, since nobody who came later was before it.
    pub(crate) fn again(&self) {
        let mut lines = self.queue.lines();
        let mut state = self.waiter.state();
        if state.0 == Call::Woken {
            state.0 = Call::Waiting;
            self.was_called.set(true);
            let line = &mut lines.waiting[self.class as usize];
            let before = line.partition_point(|other| other.number < self.waiter.number);
            line.insert(before, Arc::clone(&self.waiter));
            lines.called -= 1;
            self.queue.recount(&lines);
        }
    }

    /// May it look for room without being called? Where nobody is before it; for one that has just come, also nobody
    /// that was called.
    pub(crate) fn may_look(&self) -> bool {
        let lines = self.queue.lines();
        let first = lines.first().is_some_and(|first| Arc::ptr_eq(first, &self.waiter));
        first && (self.was_called.get() || lines.called == 0)
    }

    /// It has found room, and saw whether there is `more`.
    pub(crate) fn served(mut self, more: bool) {
        self.served = true;
        let queue = self.queue;
        drop(self);
        if more {
            queue.wake();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lines = self.queue.lines();
        let was_first = lines.first().is_some_and(|first| Arc::ptr_eq(first, &self.waiter));
        let state = self.waiter.state().0;
        match state {
            Call::Woken => lines.called -= 1,
            Call::Waiting => lines.waiting[self.class as usize].retain(|w| !Arc::ptr_eq(w, &self.waiter)),
            Call::Displaced => {}
        }
        // The call was for somebody who needs it; and whoever waited behind this one has not looked for itself yet.
        if !self.served && (state == Call::Woken || was_first) {
            self.queue.call_next(&mut lines);
        } else {
            self.queue.recount(&lines);
        }
    }
}
