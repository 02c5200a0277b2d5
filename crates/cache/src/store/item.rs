//! What stands under a key, and what it weighs.

use crate::{Entry, Key, Vary};
use quick_cache::{Lifecycle, Weighter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What stands under a key.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) kept: Kept,
    /// Bytes, as they were when it was put in: what is counted must not change.
    weight: u64,
}

/// Either of the two.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    /// A response.
    Entry(Arc<Entry>),
    /// Nothing by itself: the responses stand under the keys of their variants.
    Varies(Arc<Varies>),
}

/// By which fields of the request the variants are told apart.
#[derive(Debug)]
pub(super) struct Varies {
    pub(super) vary: Vary,
    /// How many of these there are: they are no responses.
    count: Arc<AtomicU64>,
}

impl Item {
    pub(super) fn entry(entry: Arc<Entry>) -> Self {
        Self { weight: entry.weight(), kept: Kept::Entry(entry) }
    }

    /// `count` is raised while it lives.
    pub(super) fn varies(vary: &Vary, count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        let names: usize = vary.0.iter().map(|name| size_of_val(name) + name.len()).sum();
        let varies = Varies { vary: vary.clone(), count: count.clone() };
        Self { kept: Kept::Varies(Arc::new(varies)), weight: 192 + names as u64 }
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// Is it that response?
    pub(super) fn is(&self, that: &Arc<Entry>) -> bool {
        matches!(&self.kept, Kept::Entry(entry) if Arc::ptr_eq(entry, that))
    }

    pub(super) fn is_entry(&self) -> bool {
        matches!(self.kept, Kept::Entry(_))
    }

    /// Are both the very same?
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.kept, &other.kept) {
            (Kept::Entry(a), Kept::Entry(b)) => Arc::ptr_eq(a, b),
            (Kept::Varies(a), Kept::Varies(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl Drop for Varies {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Weighs in bytes.
#[derive(Clone, Debug)]
pub(super) struct InBytes;

impl Weighter<Key, Item> for InBytes {
    fn weight(&self, _key: &Key, item: &Item) -> u64 {
        item.weight
    }
}

/// Hands what leaves the table to the one who made it leave, so that it is counted, and dropped without the lock.
#[derive(Clone, Debug)]
pub(super) struct Departures;

/// What left the table in one step: what had to make room, what was replaced, and what was not let in.
#[derive(Debug, Default)]
pub(super) struct Left(pub(super) Vec<(Key, Item)>);

impl Lifecycle<Key, Item> for Departures {
    type RequestState = Left;

    fn on_evict(&self, left: &mut Left, key: Key, item: Item) {
        left.0.push((key, item));
    }
}
