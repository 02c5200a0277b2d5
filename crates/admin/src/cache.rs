//! The cache as an operator sees and empties it: `/api/cache`, `/api/purge`, the page.
//!
//! Plain data that the node fills in. Field names are the names in the JSON: part of the interface. What is answered over
//! HTTP stands in `answers.rs`, what the meters say of each route in `routes.rs`.
//!
//! *Promise*: an order to purge that reaches the node is one that says what to purge, and not too much at a time. *Not here*:
//! what a purge does, what texts are URLs. *Cost*: none on the hot path.

mod answers;
mod routes;

pub(crate) use answers::{purge, show};
pub(crate) use routes::{RouteRow, rows};

use serde::{Deserialize, Serialize};
use std::pin::Pin;

/// Things that may be purged with one request.
pub(crate) const PURGED_MOST: usize = 1_000;

/// A purge under way: what was purged, in words, or why nothing was. What is awaited is that it outlasts a restart: it is in
/// force on this node by then. Whoever asked may leave: the purge goes on.
pub type Purging<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, PurgeRefusal>> + Send + 'a>>;

/// What is kept where. All of it counts since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheView {
    /// The memory; none where no route has cached yet.
    pub memory: Option<MemoryView>,
    /// The disk; none where the config names none.
    pub disk: Option<DiskView>,
}

/// What the memory has, and what it did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryView {
    /// Responses.
    pub objects: u64,
    /// Their bytes, bookkeeping included.
    pub bytes: u64,
    /// Bytes that there may be.
    pub capacity: u64,
    /// Responses that had to go for others.
    pub evictions: u64,
    /// Responses that were put in.
    pub insertions: u64,
    /// Fetches that are under way, for one client or for many.
    pub flights: u64,
}

/// What the disk has, and what it did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiskView {
    /// Responses.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that there may be.
    pub capacity: u64,
    /// Responses that had to go for others.
    pub evictions: u64,
    /// Responses that were written.
    pub writes: u64,
    /// Responses that were not written, since the disk was too slow or refused.
    pub refused: u64,
    /// Files that were damaged, and dropped.
    pub damaged: u64,
    /// What former processes have left is known as a whole.
    pub is_loaded: bool,
}

/// What is known of purges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PurgesView {
    /// The number of the latest.
    pub latest: u64,
    /// Those that responses are still held against.
    pub kept: usize,
}

/// What is to be purged. At least one of the first four is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PurgeOrder {
    /// URLs, in all their variants: `https://host/path?query`. Without a scheme: `host/path`.
    pub urls: Vec<String>,
    /// All URLs that begin so: `https://host/path`.
    pub prefixes: Vec<String>,
    /// All responses that have one of these tags.
    pub tags: Vec<String>,
    /// Everything. Then the others are empty.
    pub all: bool,
    /// Stale from now on instead of gone.
    pub soft: bool,
}

impl PurgeOrder {
    /// How many things.
    fn count(&self) -> usize {
        self.urls.len() + self.prefixes.len() + self.tags.len() + usize::from(self.all)
    }
}

/// Why nothing was purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PurgeRefusal {
    /// What was named cannot be: in a sentence what to change.
    Bad(String),
    /// It cannot be done as things stand: why.
    NotNow(String),
}
