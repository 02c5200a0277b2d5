//! What stands where in the table, and what it weighs. Small: a place in the table takes 48 bytes.

use crate::{Entry, Key, Vary};
use quick_cache::{Lifecycle, Weighter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Weights are kept in these, in bytes, rounded up: 32 bits reach to 64 GiB then.
pub(super) const UNIT: u64 = 16;

/// A [`Key`] in two halves: as one number it would be aligned to 16 bytes, and a place take as many more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place([u64; 2]);

impl From<Key> for Place {
    fn from(key: Key) -> Self {
        Self([(key.0 >> 64) as u64, key.0 as u64])
    }
}

/// Keys are hashes: the other half says in which part of the table it is.
impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[1]);
    }
}

/// What stands in a place. Each has its weight, as it was when it was put in: what is counted must not change.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A response.
    Entry(u32, Arc<Entry>),
    /// Nothing by itself: the responses stand under the keys of their variants.
    Varies(u32, Arc<Varies>),
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
        Self::Entry(units(entry.weight()), entry)
    }

    /// `count` is raised while it lives.
    pub(super) fn varies(vary: &Vary, count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        let names: usize = vary.0.iter().map(|name| size_of_val(name) + name.len()).sum();
        let varies = Varies { vary: vary.clone(), count: count.clone() };
        Self::Varies(units(192 + names as u64), Arc::new(varies))
    }

    /// In bytes.
    pub(super) fn weight(&self) -> u64 {
        let (Self::Entry(units, _) | Self::Varies(units, _)) = self;
        u64::from(*units) * UNIT
    }

    /// Is it that response?
    pub(super) fn is(&self, that: &Arc<Entry>) -> bool {
        matches!(self, Self::Entry(_, entry) if Arc::ptr_eq(entry, that))
    }

    pub(super) fn is_entry(&self) -> bool {
        matches!(self, Self::Entry(..))
    }

    /// Are both the very same?
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Entry(_, a), Self::Entry(_, b)) => Arc::ptr_eq(a, b),
            (Self::Varies(_, a), Self::Varies(_, b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// More than can be said is too large for any table.
fn units(weight: u64) -> u32 {
    u32::try_from(weight.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

impl Drop for Varies {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Weighs in bytes.
#[derive(Clone, Debug)]
pub(super) struct InBytes;

impl Weighter<Place, Item> for InBytes {
    fn weight(&self, _place: &Place, item: &Item) -> u64 {
        item.weight()
    }
}

/// Hands what leaves the table to the one who made it leave, so that it is counted, and dropped without the lock.
#[derive(Clone, Debug)]
pub(super) struct Departures;

/// What left the table in one step: what had to make room, what was replaced, and what was not let in.
#[derive(Debug, Default)]
pub(super) struct Left(pub(super) Vec<(Place, Item)>);

impl Lifecycle<Place, Item> for Departures {
    type RequestState = Left;

    fn on_evict(&self, left: &mut Left, place: Place, item: Item) {
        left.0.push((place, item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_small() {
        assert_eq!((size_of::<Place>(), size_of::<Item>(), align_of::<Place>()), (16, 16, 8));
    }

    #[test]
    fn what_weighs_more_than_can_be_said_weighs_the_most() {
        assert_eq!((units(0), units(1), units(16), units(17)), (0, 1, 1, 2));
        assert_eq!(units(u64::MAX), u32::MAX);
    }
}
