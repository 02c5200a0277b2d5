//! What the operator has made worthless: a ledger that each response is held against when it is used, so that a purge of a million
//! responses takes effect at once, in memory, on disk and in what is on its way.
//!
//! Each purge has a number. A response knows the last purge of which is known that it does not concern it, from the moment when its
//! fetch began; whatever came later is looked up, once.
//!
//! *Promise*: a purge is in force when [`Purges::add`] returns, for all that was fetched or whose fetch was begun before; memory is
//! bounded, and what no longer fits is forgotten to the safe side: what is older than the forgotten is gone, or stale.
//! *Not here*: taking the purged out of memory ([`crate::Store::sweep`]), and telling other nodes.
//! *Cost*: two loads where nothing was purged since the response was last asked for. After a purge, once a response and purge: a read
//! lock and a look-up for its URL and for each of its tags, of those kinds that were purged since.

mod ledger;

use crate::Entry;
use ledger::Ledger;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// No log that was written here comes near it, so a number from there on is damage.
const HIGHEST: u64 = 1 << 62;

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

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            Self::Url(url) => write!(f, "url {url}"),
            Self::Prefix(start) => write!(f, "prefix {start}"),
            Self::Tag(tag) => write!(f, "tag {tag}"),
        }
    }
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
#[derive(Debug, Default)]
pub struct Purges {
    latest: Alone,
    ledger: RwLock<Ledger>,
}

/// The number that every hit reads stands on a line of the processor's cache that nobody writes to but a purge.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Alone(AtomicU64);

impl Purges {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number that a response gets whose fetch begins now.
    pub fn latest(&self) -> u64 {
        self.latest.0.load(Ordering::Acquire)
    }

    /// Takes a purge up; its number. In force for whatever began before.
    pub fn add(&self, purge: &Purge) -> u64 {
        let mut ledger = self.ledger.write().unwrap_or_else(PoisonError::into_inner);
        let number = self.latest() + 1;
        let superfluous = ledger.add(number, purge);
        // Whoever sees the number finds the purge in the ledger, which is locked until then.
        self.latest.0.store(number, Ordering::Release);
        drop(ledger);
        drop(superfluous);
        number
    }

    /// How does that response stand? Two loads where nothing was purged since it was last asked.
    pub fn standing(&self, entry: &Entry) -> Standing {
        // In this order: another worker may raise both numbers in between, and the response's never before the ledger's.
        let known = entry.purge.load(Ordering::Acquire);
        let latest = self.latest();
        if known == latest {
            return Standing::Good;
        }
        self.look_up(entry, known, latest)
    }

    /// All that is known, for a log beside what lies on disk: number and purge, ascending; and the floor, below which every
    /// response is gone.
    pub fn all(&self) -> (u64, Vec<(u64, Purge)>) {
        self.ledger.read().unwrap_or_else(PoisonError::into_inner).all()
    }

    /// As they were logged. A log that no ledger could have written makes everything older than it worthless.
    pub fn restore(floor: u64, purges: impl IntoIterator<Item = (u64, Purge)>) -> Self {
        let mut purges: Vec<_> = purges.into_iter().collect();
        purges.sort_unstable_by_key(|(number, _)| *number);
        let count = purges.len();
        purges.dedup_by_key(|(number, _)| *number);
        let is_twice = purges.len() < count;
        purges.retain(|(number, _)| *number < HIGHEST);
        let is_damaged = is_twice || purges.len() < count || floor >= HIGHEST;

        let mut ledger = Ledger::from(if floor < HIGHEST { floor } else { 0 });
        for (number, purge) in &purges {
            ledger.add(*number, purge);
        }
        let mut latest = purges.last().map_or(0, |(number, _)| *number).max(ledger.floor());
        if is_damaged {
            latest += 1;
            ledger.add(latest, &Purge { what: What::All, is_soft: false });
        }
        Self { latest: Alone(AtomicU64::new(latest)), ledger: RwLock::new(ledger) }
    }

    #[cold]
    fn look_up(&self, entry: &Entry, known: u64, latest: u64) -> Standing {
        if known > latest {
            // It comes from another ledger, one that was lost, and nobody knows what was purged in it.
            return Standing::Gone;
        }
        let standing = self.ledger.read().unwrap_or_else(PoisonError::into_inner).standing(entry, known);
        if standing == Standing::Good {
            // The ledger had all purges up to `latest`; another worker may know more by now.
            entry.purge.fetch_max(latest, Ordering::AcqRel);
        }
        standing
    }
}

#[cfg(test)]
mod tests;
