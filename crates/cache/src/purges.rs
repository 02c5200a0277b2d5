//! What the operator has made worthless: a ledger that each response is held against when it is used, so that a purge of a million
//! responses takes effect at once, in memory, on disk and in what is on its way.
//!
//! Each purge has a number. A response knows the last purge of which is known that it does not concern it, from the moment when its
//! fetch began; whatever came later is looked up, once.

use crate::Entry;

/// What is purged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Everything.
    All,
    /// One URL, all its variants: `host/path?query` as [`crate::Asking::url`] writes it.
    Url(Box<str>),
    /// All URLs that begin so. Whole segments are the caller's business.
    Prefix(Box<str>),
    /// All responses with that tag.
    Tag(Box<str>),
}

/// A purge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Purge {
    /// What.
    pub what: What,
    /// It becomes stale, and may be served where stale responses may; else it is gone.
    pub is_soft: bool,
}

/// How a response stands with the purges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// None concerns it.
    Good,
    /// It was purged softly: it is stale.
    Soft,
    /// It was purged.
    Gone,
}

/// All purges that still matter.
#[derive(Debug)]
pub struct Purges {}

impl Purges {
    /// None yet.
    pub fn new() -> Self {
        todo!()
    }

    /// The number that a response gets whose fetch begins now.
    pub fn latest(&self) -> u64 {
        todo!()
    }

    /// Takes a purge up; its number. In force for whatever began before.
    pub fn add(&self, purge: &Purge) -> u64 {
        todo!()
    }

    /// How does that response stand? One atomic load where nothing was purged since it was last asked.
    pub fn standing(&self, entry: &Entry) -> Standing {
        todo!()
    }

    /// All that is known, for a log beside what lies on disk: number and purge, ascending; and the floor, below which every
    /// response is gone.
    pub fn all(&self) -> (u64, Vec<(u64, Purge)>) {
        todo!()
    }

    /// As they were logged.
    pub fn restore(floor: u64, purges: impl IntoIterator<Item = (u64, Purge)>) -> Self {
        todo!()
    }
}
