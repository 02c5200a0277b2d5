//! A count on its way from what the signals want to what is decided, with a note for each bend.
//!
//! *Not here*: which bound stands where (`scaler.rs`).

use crate::{Limit, Reason};

/// The count so far.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    count: u32,
    limits: Vec<Limit>,
}

impl Course {
    /// What the signals want.
    pub(crate) fn new(count: u32) -> Self {
        Self { count, limits: Vec::new() }
    }

    /// The count so far.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// No more than so many.
    pub(crate) fn at_most(&mut self, count: u32, reason: Reason) {
        self.exactly(self.count.min(count), reason);
    }

    /// No fewer than so many.
    pub(crate) fn at_least(&mut self, count: u32, reason: Reason) {
        self.exactly(self.count.max(count), reason);
    }

    /// So many, whatever it was.
    pub(crate) fn exactly(&mut self, count: u32, reason: Reason) {
        if count != self.count {
            self.limits.push(Limit { reason, from: self.count, to: count });
            self.count = count;
        }
    }

    /// The bends, in their order.
    pub(crate) fn into_limits(self) -> Vec<Limit> {
        self.limits
    }
}
