//! Those who wait for one thing, each with a seat of its own.
//!
//! *Promise*: whoever waits has one waker here, however often it is polled; whoever leaves takes it along; wakers are
//! handed out, never woken, cloned into the void or dropped here, since what they do then could need the lock that is held now.
//! *Not here*: the lock itself.
//! *Cost*: to wait, one clone of a waker, none where it is still the same; to take them, a look at each seat.

use std::task::Waker;

/// Those who wait.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// A seat each, empty where its owner does not wait just now, or where nobody owns it.
    seats: Vec<Option<Waker>>,
    /// Seats that nobody owns.
    vacant: Vec<usize>,
}

/// A seat that is owned until [`Waiters::leave`].
#[derive(Debug, Default)]
pub(crate) struct Seat(Option<usize>);

impl Waiters {
    /// Waits in that seat, or takes one. Returns the waker that it had before: to be dropped without the lock.
    #[must_use = "to be dropped without the lock"]
    pub(crate) fn wait(&mut self, seat: &mut Seat, waker: &Waker) -> Option<Waker> {
        let at = *seat.0.get_or_insert_with(|| {
            self.vacant.pop().unwrap_or_else(|| {
                self.seats.push(None);
                self.seats.len() - 1
            })
        });
        match &self.seats[at] {
            Some(same) if same.will_wake(waker) => None,
            _ => self.seats[at].replace(waker.clone()),
        }
    }

    /// Gives the seat back. Returns its waker: to be dropped without the lock.
    #[must_use = "to be dropped without the lock"]
    pub(crate) fn leave(&mut self, seat: &mut Seat) -> Option<Waker> {
        let at = seat.0.take()?;
        self.vacant.push(at);
        self.seats[at].take()
    }

    /// All who wait: to be woken without the lock. They keep their seats.
    #[must_use = "to be woken"]
    pub(crate) fn take(&mut self) -> Vec<Waker> {
        self.seats.iter_mut().filter_map(Option::take).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::Wake;

    struct Nobody;

    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn one_who_is_polled_often_has_one_waker_and_takes_it_along() {
        let (mut waiters, mut a, mut b) = (Waiters::default(), Seat::default(), Seat::default());
        let waker = Waker::from(Arc::new(Nobody));
        for _ in 0..10 {
            assert!(waiters.wait(&mut a, &waker).is_none(), "the same waker stays");
        }
        assert!(waiters.wait(&mut a, &Waker::from(Arc::new(Nobody))).is_some(), "another takes its place");
        assert!(waiters.wait(&mut b, Waker::noop()).is_none());
        assert_eq!(waiters.take().len(), 2);
        assert_eq!(waiters.take().len(), 0, "each is woken once");
        assert!(waiters.wait(&mut a, Waker::noop()).is_none());
        assert!(waiters.leave(&mut a).is_some());
        assert!(waiters.leave(&mut a).is_none(), "a seat is left once");
        assert_eq!(waiters.take().len(), 0);
    }

    #[test]
    fn a_seat_that_was_left_is_given_to_the_next() {
        let mut waiters = Waiters::default();
        for _ in 0..100 {
            let mut seat = Seat::default();
            assert!(waiters.wait(&mut seat, Waker::noop()).is_none());
            assert!(waiters.leave(&mut seat).is_some());
        }
        assert_eq!(waiters.seats.len(), 1);
    }
}
