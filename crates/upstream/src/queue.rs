//! Requests that wait until an endpoint has room: bounded in number and time, first come first served within a class.
//!
//! All workers share one queue for a service. It is touched only while every endpoint is full: a permit that ends looks
//! at one number, and takes the lock only where somebody waits.
//!
//! *Invariant*: nobody waits while there is room and nothing else will end. Whoever queues looks for room once more
//! after it has been counted, so a permit that ended in between is not missed; whoever is woken and goes without taking
//! a place wakes the next.

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
    settings: QueueSettings,
    waiting: AtomicU32,
    lines: Mutex<Lines>,
}

/// One line for each class.
type Lines = [VecDeque<Arc<Waiter>>; 3];

#[derive(Debug)]
struct Waiter {
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
    served: bool,
}

impl Queue {
    pub(crate) fn new(settings: QueueSettings) -> Self {
        Self { settings, waiting: AtomicU32::new(0), lines: Mutex::default() }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How long each may wait.
    pub(crate) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Takes a place at the end of the line. Where all places are taken, the youngest of the least important class goes
    /// if that is less important than this one.
    pub(crate) fn enter(&self, class: Class) -> Result<Place<'_>, Shed> {
        let mut lines = self.lines();
        if lines.iter().map(VecDeque::len).sum::<usize>() >= self.settings.size {
            let least = lines[..class as usize].iter_mut().find(|line| !line.is_empty());
            let displaced = least.and_then(VecDeque::pop_back).ok_or(Shed::QueueFull)?;
            displaced.call(Call::Displaced);
        }
        let waiter = Arc::new(Waiter { state: Mutex::new((Call::Waiting, None)) });
        lines[class as usize].push_back(Arc::clone(&waiter));
        self.recount(&lines);
        Ok(Place { queue: self, waiter, class, served: false })
    }

    /// An attempt has ended: there may be room for the first in line.
    pub(crate) fn wake(&self) {
        // The count and the counts of the endpoints are written by different cores: this fence and the one in `recount`
        // make sure that one of both sides sees the other.
        std::sync::atomic::fence(Ordering::SeqCst);
        if self.waiting() == 0 {
            return;
        }
        let mut lines = self.lines();
        if let Some(first) = lines.iter_mut().rev().find_map(VecDeque::pop_front) {
            first.call(Call::Woken);
        }
        self.recount(&lines);
    }

    fn recount(&self, lines: &Lines) {
        let all = lines.iter().map(VecDeque::len).sum::<usize>();
        self.waiting.store(u32::try_from(all).unwrap_or(u32::MAX), Ordering::Relaxed);
        std::sync::atomic::fence(Ordering::SeqCst);
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    fn call(&self, call: Call) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
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
            let mut state = self.waiter.state.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// There was no room after all: to the head of the line, since nobody who came later was before it.
    pub(crate) fn again(&self) {
        let mut lines = self.queue.lines();
        let mut state = self.waiter.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 == Call::Woken {
            state.0 = Call::Waiting;
            lines[self.class as usize].push_front(Arc::clone(&self.waiter));
            self.queue.recount(&lines);
        }
    }

    /// Is nobody before it? Only then it may look for room without being called.
    pub(crate) fn is_first(&self) -> bool {
        let lines = self.queue.lines();
        lines.iter().rev().find_map(VecDeque::front).is_none_or(|first| Arc::ptr_eq(first, &self.waiter))
    }

    /// It has found room.
    pub(crate) fn served(mut self) {
        self.served = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lines = self.queue.lines();
        lines[self.class as usize].retain(|w| !Arc::ptr_eq(w, &self.waiter));
        self.queue.recount(&lines);
        drop(lines);
        let woken = self.waiter.state.lock().unwrap_or_else(PoisonError::into_inner).0 == Call::Woken;
        if woken && !self.served {
            // The call was for somebody who needs it.
            self.queue.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn queue(size: usize) -> Queue {
        Queue::new(QueueSettings { size, timeout: Duration::from_secs(1) })
    }

    fn called(place: &Place<'_>) -> Option<Result<(), Shed>> {
        place.called().now_or_never()
    }

    #[test]
    fn the_first_in_line_is_called_first_and_the_important_before_all() {
        let queue = queue(8);
        let a = queue.enter(Class::Normal).unwrap();
        let b = queue.enter(Class::Normal).unwrap();
        let c = queue.enter(Class::High).unwrap();
        assert_eq!(queue.waiting(), 3);
        assert!(c.is_first() && !a.is_first() && !b.is_first());
        for (expected, rest) in [(&c, [&a, &b]), (&a, [&b, &b])] {
            queue.wake();
            assert_eq!(called(expected), Some(Ok(())));
            assert!(rest.iter().all(|p| called(p).is_none()));
        }
        queue.wake();
        assert_eq!(called(&b), Some(Ok(())));
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn a_full_queue_refuses_the_equal_and_lets_the_less_important_go() {
        let queue = queue(2);
        let low = queue.enter(Class::Low).unwrap();
        let normal = queue.enter(Class::Normal).unwrap();
        assert_eq!(queue.enter(Class::Low).err(), Some(Shed::QueueFull));
        let high = queue.enter(Class::High).unwrap();
        assert_eq!(called(&low), Some(Err(Shed::QueueFull)));
        assert_eq!((called(&normal), called(&high)), (None, None));
        assert_eq!(queue.waiting(), 2);
        assert_eq!(self::queue(0).enter(Class::High).err(), Some(Shed::QueueFull));
    }

    #[test]
    fn a_call_that_is_not_needed_goes_to_the_next() {
        let queue = queue(4);
        let a = queue.enter(Class::Normal).unwrap();
        let b = queue.enter(Class::Normal).unwrap();
        queue.wake();
        drop(a);
        assert_eq!(called(&b), Some(Ok(())));
        let c = queue.enter(Class::Normal).unwrap();
        b.served();
        assert_eq!(called(&c), None, "the place was taken");
    }

    #[test]
    fn whoever_was_called_in_vain_stays_first() {
        let queue = queue(4);
        let a = queue.enter(Class::Normal).unwrap();
        let b = queue.enter(Class::Normal).unwrap();
        queue.wake();
        a.again();
        assert_eq!((called(&a), called(&b)), (None, None));
        queue.wake();
        assert_eq!((called(&a), called(&b)), (Some(Ok(())), None));
    }

    #[test]
    fn a_place_that_is_given_up_is_free() {
        let queue = queue(1);
        drop(queue.enter(Class::Normal).unwrap());
        assert_eq!(queue.waiting(), 0);
        assert!(queue.enter(Class::Normal).is_ok());
    }

    #[test]
    fn nobody_is_forgotten_when_many_threads_come_and_go() {
        let queue = queue(1000);
        let (room, served) = (AtomicU32::new(2), AtomicU32::new(0));
        let take = || room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        if !take() {
                            let place = queue.enter(Class::Normal).unwrap();
                            loop {
                                place.again();
                                if place.is_first() && take() {
                                    break place.served();
                                }
                                let late = wait_for(&place);
                                assert!(late.is_ok(), "waited in vain");
                            }
                        }
                        served.fetch_add(1, Ordering::SeqCst);
                        room.fetch_add(1, Ordering::SeqCst);
                        queue.wake();
                    }
                });
            }
        });
        assert_eq!(served.load(Ordering::SeqCst), 2000);
        assert_eq!(queue.waiting(), 0);
    }

    /// Waits up to ten seconds to be called.
    fn wait_for(place: &Place<'_>) -> Result<Result<(), Shed>, tokio::time::error::Elapsed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(tokio::time::timeout(Duration::from_secs(10), place.called()))
    }
}
