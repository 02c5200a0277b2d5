//! The memory: responses by their keys, shared by all workers, bounded in bytes.
//!
//! *Promise*: what is kept weighs no more than was allowed; a response that is asked for again and again is not pushed out by a crowd of
//! those that are asked for once; one URL has responses of one `Vary` at a time, that of the newest (RFC 9111 section 4.1).
//! *Not here*: whether a response may be used (`judge`, [`Purges::standing`]); who fetches (`flight`).
//! *Cost*: a hit, one look-up under a read lock of a part of the table, two with `Vary`, and one count of references; no allocation.

mod by_key;
mod item;
mod sweep;
mod table;
mod uncacheable;

pub(crate) use by_key::ByKey;

use crate::flight::Flights;
use crate::{Content, Entry, Join, Key, Keys, Purges, Reason, Standing, Vary};
use message::RequestHead;
use std::sync::Arc;
use sweep::Sweeper;
use table::Table;
use uncacheable::Uncacheable;

/// How large.
#[derive(Clone, Copy, Debug)]
pub struct StoreSettings {
    /// Bytes of all responses together, bookkeeping included.
    pub bytes: u64,
    /// The seed of its keys.
    pub seed: [u8; 16],
}

/// The memory.
#[derive(Debug)]
pub struct Store {
    keys: Keys,
    table: Table,
    uncacheable: Uncacheable,
    purges: Purges,
    flights: Arc<Flights>,
    sweeper: Sweeper,
}

/// What it has done, and what it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Responses now.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that there may be.
    pub capacity: u64,
    /// Responses that were taken out for others, since the start.
    pub evictions: u64,
    /// Responses that were put in, since the start.
    pub insertions: u64,
    /// Fetches that are under way.
    pub flights: u64,
}

impl Store {
    /// An empty one.
    pub fn new(settings: &StoreSettings) -> Self {
        Self::with_purges(settings, Purges::new())
    }

    /// An empty one that knows of purges: those that concern what lies on disk.
    pub fn with_purges(settings: &StoreSettings, purges: Purges) -> Self {
        let table = Table::new(settings.bytes);
        Self {
            keys: Keys::new(settings.seed),
            sweeper: Sweeper::new(table.parts()),
            table,
            uncacheable: Uncacheable::new(),
            purges,
            flights: Arc::new(Flights::new()),
        }
    }

    /// What makes its keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What was purged.
    pub fn purges(&self) -> &Purges {
        &self.purges
    }

    /// Bytes of the largest response that fits, its head included: about an eighth of all, or 248 MiB where that is less.
    pub fn largest(&self) -> u64 {
        self.table.largest()
    }

    /// The response for that request, in its variant; `Err(Miss | VaryMiss)`, or `Err(Uncacheable)` where the last one could not
    /// be kept and that is remembered. Hit path: one look-up (two with `Vary`), no lock that another worker's hit waits for, one
    /// count of references. `now` in milliseconds since 1970.
    ///
    /// A response whose body is still on its way is found as long as one can begin to read it. Whether it was purged is not asked here.
    pub fn find(&self, key: Key, head: &RequestHead, now: u64) -> Result<Arc<Entry>, Reason> {
        self.find_by(key, |vary| self.keys.variant(key, vary, head), now)
    }

    /// The key under which a response for that request stands, or would stand: that of its variant.
    pub fn place(&self, key: Key, head: &RequestHead) -> Key {
        self.table.place(key, |vary| self.keys.variant(key, vary, head))
    }

    /// Keeps a response; one that is larger than what fits, or was purged meanwhile, is not kept. `head`: the request's. Whatever
    /// stood in its place is gone then too.
    ///
    /// One whose body is still on its way may be kept too, and weighs as much as its head; the same with its whole body takes its
    /// place at the end.
    pub fn put(&self, key: Key, head: &RequestHead, entry: Arc<Entry>) -> bool {
        self.put_by(key, |vary| self.keys.variant(key, vary, head), entry)
    }

    /// Puts a response in the place of that very one, where it is still there.
    pub fn replace(&self, key: Key, head: &RequestHead, old: &Arc<Entry>, new: Arc<Entry>) {
        self.replace_by(key, |vary| self.keys.variant(key, vary, head), old, new);
    }

    /// Takes the response for that request out.
    pub fn remove(&self, key: Key, head: &RequestHead) {
        self.table.remove(self.place(key, head));
    }

    /// Takes that very response out, where it is still there: it did not come to its end, or lies elsewhere now.
    pub fn withdraw(&self, key: Key, head: &RequestHead, entry: &Arc<Entry>) {
        self.table.remove_that(self.place(key, head), entry);
    }

    /// Is there anything under that key, in whatever variant, or does somebody fetch it?
    pub fn has(&self, key: Key) -> bool {
        self.table.has(key) || self.flights.has(key)
    }

    /// Remembers until `until` (milliseconds since 1970) that the answer could not be kept. A response that stands under that very
    /// key goes: the answer was newer, and who found it would wait for others.
    pub fn mark_uncacheable(&self, key: Key, until: u64) {
        self.table.remove(key);
        self.uncacheable.mark(key, until);
    }

    /// Who fetches? `key`: that of [`Store::place`].
    pub fn join(self: &Arc<Self>, key: Key) -> Join {
        self.flights.join(key)
    }

    /// Takes out what was purged or is stale beyond all use. A little at a time: called over and over from a thread that no
    /// request waits for. `now` in milliseconds since 1970.
    pub fn sweep(&self, now: u64) {
        self.sweeper.sweep(&self.table, &self.purges, now);
    }

    /// What it has done, and what it has.
    pub fn counts(&self) -> Counts {
        Counts { flights: self.flights.len(), ..self.table.counts() }
    }

    fn find_by(&self, key: Key, variant: impl Fn(&Vary) -> Key, now: u64) -> Result<Arc<Entry>, Reason> {
        let (place, why) = match self.table.find(key, variant) {
            Ok(entry) if is_open(&entry) => return Ok(entry),
            Ok(_) => (key, Reason::Miss),
            Err(absent) => absent,
        };
        let is_marked =
            self.uncacheable.is_marked(place, now) || (place != key && self.uncacheable.is_marked(key, now));
        Err(if is_marked { Reason::Uncacheable } else { why })
    }

    fn put_by(&self, key: Key, variant: impl Fn(&Vary) -> Key, entry: Arc<Entry>) -> bool {
        let place = self.table.place(key, &variant);
        if self.purges.standing(&entry) == Standing::Gone || !is_open(&entry) {
            self.table.remove(place);
            return false;
        }
        for key in [key, place] {
            self.uncacheable.forget(key);
        }
        self.table.put(key, variant, entry)
    }

    fn replace_by(&self, key: Key, variant: impl Fn(&Vary) -> Key, old: &Arc<Entry>, new: Arc<Entry>) {
        let place = self.table.place(key, &variant);
        let is_same_place = new.vary == old.vary && is_open(&new);
        if is_same_place && self.purges.standing(&new) != Standing::Gone {
            self.table.replace(place, old, new);
        } else if self.table.remove_that(place, old) {
            // Between the two the key has nothing; who asks just then fetches.
            self.put_by(key, variant, new);
        }
    }
}

/// A body that was cut, or whose beginning is gone, is of no use to those who come now.
fn is_open(entry: &Entry) -> bool {
    match &entry.content {
        Content::Growing(flow) => flow.is_open(),
        Content::Whole(_) | Content::File { .. } => true,
    }
}

#[cfg(test)]
mod tests;
