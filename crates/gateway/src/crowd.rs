//! How many things of one kind run beside the requests, at most.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A bound on what is under way in the process.
#[derive(Debug)]
pub(crate) struct Crowd {
    many: AtomicUsize,
    most: usize,
}

/// One thing that is under way, counted until it is dropped, whatever ends it.
#[derive(Debug)]
pub(crate) struct UnderWay(&'static Crowd);

impl Crowd {
    /// With so many at most.
    pub(crate) const fn new(most: usize) -> Self {
        Self { many: AtomicUsize::new(0), most }
    }

    /// `None` where there are as many as may be.
    pub(crate) fn begin(&'static self) -> Option<UnderWay> {
        let before = self.many.fetch_add(1, Ordering::Relaxed);
        let one = UnderWay(self);
        (before < self.most).then_some(one)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.many.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_under_way_as_may_be_and_a_place_that_is_left_is_free() {
        static TWO: Crowd = Crowd::new(2);
        let (first, second) = (TWO.begin(), TWO.begin());
        assert!(first.is_some() && second.is_some() && TWO.begin().is_none());
        drop(first);
        assert!(TWO.begin().is_some());
    }
}
