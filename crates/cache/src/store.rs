//! The memory: responses by their keys, shared by all workers, bounded in bytes.

use crate::{Entry, Join, Key, Keys, Purges, Reason};
use message::RequestHead;
use std::sync::Arc;

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
pub struct Store {}

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
        todo!()
    }

    /// What makes its keys.
    pub fn keys(&self) -> &Keys {
        todo!()
    }

    /// What was purged.
    pub fn purges(&self) -> &Purges {
        todo!()
    }

    /// The response for that request, in its variant; `Err(Miss | VaryMiss)`, or `Err(Uncacheable)` where the last one could not
    /// be kept and that is remembered. Hit path: one look-up (two with `Vary`), no lock that another worker's hit waits for, one
    /// count of references. `now` in milliseconds since 1970.
    pub fn find(&self, key: Key, head: &RequestHead, now: u64) -> Result<Arc<Entry>, Reason> {
        todo!()
    }

    /// The key under which a response for that request stands, or would stand: that of its variant.
    pub fn place(&self, key: Key, head: &RequestHead) -> Key {
        todo!()
    }

    /// Keeps a response; one that is larger than what fits, or was purged meanwhile, is not kept. `head`: the request's.
    pub fn put(&self, key: Key, head: &RequestHead, entry: Arc<Entry>) -> bool {
        todo!()
    }

    /// Puts a response in the place of that very one, where it is still there.
    pub fn replace(&self, key: Key, head: &RequestHead, old: &Arc<Entry>, new: Arc<Entry>) {
        todo!()
    }

    /// Takes the response for that request out.
    pub fn remove(&self, key: Key, head: &RequestHead) {
        todo!()
    }

    /// Remembers until `until` (milliseconds since 1970) that the answer could not be kept.
    pub fn mark_uncacheable(&self, key: Key, until: u64) {
        todo!()
    }

    /// Who fetches? `key`: that of [`Store::place`].
    pub fn join(self: &Arc<Self>, key: Key) -> Join {
        todo!()
    }

    /// Takes out what was purged or is stale beyond all use. A little at a time: called over and over from a thread that no
    /// request waits for. `now` in milliseconds since 1970.
    pub fn sweep(&self, now: u64) {
        todo!()
    }

    /// What it has done, and what it has.
    pub fn counts(&self) -> Counts {
        todo!()
    }
}
