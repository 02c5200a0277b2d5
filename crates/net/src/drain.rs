//! Tells waiting connections that the worker takes no more work.
//!
//! A connection registers once, not for every wait: its seat holds the waker of its last wait.
//!
//! A connection that waits for its next request may be closed at once where nobody will listen here any more. Where
//! another process goes on in this one's place the client would take that close for a failure, should its next request
//! be on its way: so there it is given time to ask, and the answer tells it to close.

use std::cell::{Cell, RefCell};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

/// One worker's drain: which connections wait, and whether they should go.
#[derive(Debug, Default)]
pub struct Drain {
    /// When connections that wait for a request are closed; `None` while there is no drain.
    closing: Cell<Option<Instant>>,
    seats: RefCell<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Drain {
    /// From now on connections close behind the answer at hand, and those that are idle when `patience` has passed. A
    /// drain that has begun can be made shorter, not longer.
    pub fn begin(&self, patience: Duration) {
        let asked = Instant::now() + patience;
        self.closing.set(Some(self.closing.get().map_or(asked, |known| known.min(asked))));
        let wakers: Vec<Waker> = self.seats.borrow_mut().wakers.iter_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Has it begun?
    pub fn is_draining(&self) -> bool {
        self.closing.get().is_some()
    }

    /// How many connections are seated.
    pub fn seated(&self) -> usize {
        let seats = self.seats.borrow();
        seats.wakers.len() - seats.free.len()
    }

    /// A place for one connection.
    pub fn seat(&self) -> Seat<'_> {
        let mut seats = self.seats.borrow_mut();
        let place = seats.free.pop().unwrap_or_else(|| {
            seats.wakers.push(None);
            seats.wakers.len() - 1
        });
        Seat { drain: self, place }
    }
}

/// One connection's place.
#[derive(Debug)]
pub struct Seat<'a> {
    drain: &'a Drain,
    place: usize,
}

impl Seat<'_> {
    /// Has the drain begun?
    pub fn is_draining(&self) -> bool {
        self.drain.is_draining()
    }

    /// Has the drain begun? If not, the task is woken when it does.
    pub fn poll_draining(&self, cx: &Context<'_>) -> bool {
        if self.is_draining() {
            return true;
        }
        self.wake_when_it_changes(cx);
        false
    }

    /// When is this connection to be closed, should it stay idle? The task is woken when the answer changes.
    pub fn poll_closing(&self, cx: &Context<'_>) -> Option<Instant> {
        self.wake_when_it_changes(cx);
        self.drain.closing.get()
    }

    fn wake_when_it_changes(&self, cx: &Context<'_>) {
        let seat = &mut self.drain.seats.borrow_mut().wakers[self.place];
        if !seat.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *seat = Some(cx.waker().clone());
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut seats = self.drain.seats.borrow_mut();
        seats.wakers[self.place] = None;
        seats.free.push(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::task::Poll;

    #[tokio::test(flavor = "current_thread")]
    async fn a_waiting_connection_is_woken_when_the_drain_begins() {
        let drain = Rc::new(Drain::default());
        let local = tokio::task::LocalSet::new();
        let theirs = Rc::clone(&drain);
        local
            .run_until(async move {
                let waiting = tokio::task::spawn_local(async move {
                    let seat = theirs.seat();
                    poll_fn(|cx| if seat.poll_draining(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
                });
                tokio::task::yield_now().await;
                assert_eq!(drain.seated(), 1);
                drain.begin(Duration::ZERO);
                waiting.await.unwrap();
                assert_eq!(drain.seated(), 0);
            })
            .await;
    }

    #[test]
    fn a_drain_is_made_shorter_and_never_longer() {
        let drain = Drain::default();
        drain.begin(Duration::from_secs(60));
        let first = drain.closing.get().unwrap();
        drain.begin(Duration::from_secs(600));
        assert_eq!(drain.closing.get(), Some(first));
        drain.begin(Duration::ZERO);
        assert!(drain.closing.get().unwrap() < first);
    }
}
