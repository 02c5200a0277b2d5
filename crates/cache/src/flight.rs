//! One fetch a key: the first who misses leads, the others wait for what comes of it.

use crate::{Entry, Key, Reason};
use std::sync::Arc;

/// Who fetches?
#[derive(Debug)]
pub enum Join {
    /// You do.
    Lead(Lead),
    /// Somebody does already.
    Wait(Arc<Flight>),
}

/// What comes of a fetch for those who wait.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A response. Whether it is the variant that fits is for the one who waited to see.
    Entry(Arc<Entry>),
    /// Nothing that can be shared: each fetches for itself, all at once, and why.
    Own(Reason),
}

/// A fetch that is under way.
#[derive(Debug)]
pub struct Flight {}

/// The ticket of the one who fetches. Dropped without a word, it lets all others fetch for themselves ([`Reason::Failed`]).
#[derive(Debug)]
pub struct Lead {}

impl Flight {
    /// Waits for what comes of it. Woken once, without polling in between. Drop safe.
    pub async fn outcome(&self) -> Outcome {
        todo!()
    }
}

impl Lead {
    /// The key that it is for.
    pub fn key(&self) -> Key {
        todo!()
    }

    /// There is a response, its body perhaps still on its way. From now on the key has no flight.
    pub fn landed(self, entry: &Arc<Entry>) {
        todo!()
    }

    /// There is nothing to share.
    pub fn released(self, why: Reason) {
        todo!()
    }
}
