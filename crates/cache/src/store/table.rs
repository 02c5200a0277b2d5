//! The table: what stands under which key, in parts that are locked each for itself.
//!
//! Each part is a cache of its own (CLOCK-Pro, close to S3-FIFO): what comes while it is full has to be asked for twice before it
//! pushes out what is asked for often. Parts are few and large, since a part cannot hold more than it has room for.

use super::ByKey;
use super::item::{Departures, InBytes, Item, Left, Place, UNIT};
use crate::{Counts, Entry, Key, Reason, Vary};
use quick_cache::OptionsBuilder;
use quick_cache::sync::{Cache, EntryAction};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Parts where an eighth of all is what the largest response takes.
const PARTS: u64 = 8;
/// A part has no less, so that a small memory holds more than crumbs.
const SMALLEST_PART: u64 = 1 << 20;
/// A part is no larger where there can be more of them: what is larger than that belongs on a disk.
const LARGEST_PART: u64 = 256 << 20;
const MOST_PARTS: u64 = 256;
/// How much of a part those may take that were asked for more than once. Also what a single response may take.
const HOT_PERCENT: u64 = 97;
/// What a response weighs, roughly. By it the table reckons how many it should remember that it has pushed out, half as many as it
/// holds: too few, and what comes back is not recognised. One costs 60 bytes.
const TYPICAL: u64 = 2 << 10;

/// A part of the table.
pub(super) type Part = Cache<Place, Item, InBytes, ByKey, Departures>;

/// The table.
#[derive(Debug)]
pub(super) struct Table {
    parts: Box<[Part]>,
    largest: u64,
    /// How many of what stands in it are no responses.
    varying: Arc<AtomicU64>,
    evictions: AtomicU64,
    insertions: AtomicU64,
}

impl Table {
    /// With room for so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let most = if bytes > PARTS * LARGEST_PART { MOST_PARTS } else { PARTS };
        let size = if bytes > PARTS * LARGEST_PART { LARGEST_PART } else { SMALLEST_PART };
        let count = (bytes / size).clamp(1, most);
        let count = 1 << count.ilog2();
        let parts: Box<[Part]> = (0..count).map(|_| part(bytes / count)).collect();
        // The cache itself refuses more than this without a word, give or take its rounding and ours.
        let largest = bytes / count / 100 * HOT_PERCENT / UNIT * UNIT;
        Self {
            parts,
            largest,
            varying: Arc::default(),
            evictions: AtomicU64::new(0),
            insertions: AtomicU64::new(0),
        }
    }

    /// What the largest response may weigh.
    pub(super) fn largest(&self) -> u64 {
        self.largest
    }

    /// How many parts.
    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// One of them.
    pub(super) fn part(&self, index: usize) -> &Part {
        &self.parts[index]
    }

    /// The response, in its variant. `Err`: the key under which it would stand, and why there is none.
    pub(super) fn find(
        &self,
        key: Key,
        variant: impl FnOnce(&Vary) -> Key,
    ) -> Result<Arc<Entry>, (Key, Reason)> {
        let varies = match self.of(key).get(&Place::from(key)) {
            Some(Item::Entry(_, entry)) => return Ok(entry),
            None => return Err((key, Reason::Miss)),
            Some(Item::Varies(_, varies)) => varies,
        };
        let place = variant(&varies.vary);
        match self.of(place).get(&Place::from(place)) {
            // Another worker may just have put one there that was told apart by other fields.
            Some(Item::Entry(_, entry)) if entry.vary.as_ref() == Some(&varies.vary) => Ok(entry),
            _ => Err((place, Reason::VaryMiss)),
        }
    }

    /// The key under which the response stands, or would.
    pub(super) fn place(&self, key: Key, variant: impl FnOnce(&Vary) -> Key) -> Key {
        match self.of(key).peek(&Place::from(key)) {
            Some(Item::Varies(_, varies)) => variant(&varies.vary),
            Some(Item::Entry(..)) | None => key,
        }
    }

    /// Is there a response, or word of variants?
    pub(super) fn has(&self, key: Key) -> bool {
        self.of(key).contains_key(&Place::from(key))
    }

    /// Keeps a response, where it fits.
    pub(super) fn put(&self, key: Key, variant: impl FnOnce(&Vary) -> Key, entry: Arc<Entry>) -> bool {
        let place = match &entry.vary {
            None => key,
            Some(vary) if !self.vary_by(key, vary) => return false,
            Some(vary) => variant(vary),
        };
        let is_kept = self.keep(place, Item::entry(entry));
        self.insertions.fetch_add(u64::from(is_kept), Relaxed);
        is_kept
    }

    /// Puts a response in the place of that one. Does nothing where that one is not there, and takes it out where the new one is too
    /// large.
    pub(super) fn replace(&self, key: Key, old: &Arc<Entry>, new: Arc<Entry>) {
        let (part, place) = (self.of(key), Place::from(key));
        let item = Item::entry(new);
        if item.weight() > self.largest {
            self.remove_that(key, old);
            return;
        }
        // Without the look before, a key that is not there would be entered for a moment.
        if !part.peek(&place).is_some_and(|there| there.is(old)) {
            return;
        }
        let mut other = item.clone();
        part.entry(&place, Some(Duration::ZERO), |_, there| {
            if there.is(old) {
                // What was there is dropped when the lock is gone.
                std::mem::swap(there, &mut other);
            }
            EntryAction::Retain(())
        });
        // That makes no room where the new one is larger; to put it once more does.
        if part.weight() > part.capacity() && part.peek(&place).is_some_and(|there| there.is_same(&item)) {
            self.keep(key, item);
        }
    }

    /// Takes a response out; not the word that there are variants.
    pub(super) fn remove(&self, place: Key) {
        self.of(place).remove_if(&Place::from(place), Item::is_entry);
    }

    /// Takes that very response out, where it is still there.
    pub(super) fn remove_that(&self, place: Key, that: &Arc<Entry>) -> bool {
        self.of(place).remove_if(&Place::from(place), |there| there.is(that)).is_some()
    }

    pub(super) fn counts(&self) -> Counts {
        let items: u64 = self.parts.iter().map(|part| part.len() as u64).sum();
        Counts {
            objects: items.saturating_sub(self.varying.load(Relaxed)),
            bytes: self.parts.iter().map(Part::weight).sum(),
            capacity: self.parts.iter().map(Part::capacity).sum(),
            evictions: self.evictions.load(Relaxed),
            insertions: self.insertions.load(Relaxed),
            flights: 0,
        }
    }

    /// From now on the responses of that key are told apart so. One that has no variants, or others, cannot be found any more.
    /// No where there is not even room for that.
    fn vary_by(&self, key: Key, vary: &Vary) -> bool {
        match self.of(key).peek(&Place::from(key)) {
            Some(Item::Varies(_, varies)) if varies.vary == *vary => true,
            _ => self.keep(key, Item::varies(vary, &self.varying)),
        }
    }

    /// Puts it in. No where it does not fit; then there is nothing under that key.
    fn keep(&self, key: Key, item: Item) -> bool {
        let (part, place) = (self.of(key), Place::from(key));
        if item.weight() > self.largest {
            part.remove(&place);
            return false;
        }
        let mut left = Left::default();
        let sample = item.clone();
        // What takes another's place takes over how often that was asked for: that it comes anew is no sign that it is wanted.
        if let Err((place, item)) = part.replace_with_lifecycle(place, item, true, &mut left) {
            part.insert_with_lifecycle(place, item, &mut left);
        }
        let is_kept = !left.0.iter().any(|(_, gone)| gone.is_same(&sample));
        let evicted = left.0.iter().filter(|(from, gone)| *from != place && gone.is_entry()).count();
        self.evictions.fetch_add(evicted as u64, Relaxed);
        is_kept
    }

    fn of(&self, key: Key) -> &Part {
        &self.parts[(key.0 >> 64) as usize & (self.parts.len() - 1)]
    }
}

fn part(bytes: u64) -> Part {
    let options = OptionsBuilder::new()
        .shards(1)
        .estimated_items_capacity(usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX))
        .weight_capacity(bytes)
        .hot_allocation(HOT_PERCENT as f64 / 100.0)
        .build()
        .expect("both capacities are given");
    Cache::with_options(options, InBytes, ByKey::default(), Departures)
}
