//! A response that is kept.
//!
//! *Promise*: it never changes but for the number of the last purge that it was held against, so it is shared without a lock.
//! *Not here*: whether it may be used (`judge`), and where it is kept (`store`).

use crate::{Flow, Vary};
use bytes::Bytes;
use message::{Fields, StatusCode};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A response that is kept. It never changes; a newer one takes its place.
#[derive(Debug)]
pub struct Entry {
    /// Its status.
    pub status: StatusCode,
    /// Its fields: without those of one connection, without `Age`, and without those that `no-cache="..."` or
    /// `private="..."` takes out.
    pub fields: Fields,
    /// Its body.
    pub content: Content,
    /// How long it may be used.
    pub freshness: Freshness,
    /// The fields of the request by which it was chosen.
    pub vary: Option<Vary>,
    /// Its tags, sorted, none twice.
    pub tags: Box<[Box<str>]>,
    /// What purges go by: see [`crate::Asking::url`].
    pub url: Box<str>,
    /// The last purge of which is known that it does not concern this one: see [`crate::Purges`].
    pub purge: AtomicU64,
}

/// Where the body is.
#[derive(Clone, Debug)]
pub enum Content {
    /// Here.
    Whole(Bytes),
    /// On its way.
    Growing(Arc<Flow>),
    /// In a file, which stays readable though it is taken out of its folder.
    File {
        /// The file, open.
        file: Arc<File>,
        /// Where in it the body begins.
        offset: u64,
        /// The body's bytes.
        length: u64,
    },
}

/// How long a response may be used. Seconds are capped at 2^31.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// When it came, in milliseconds since 1970.
    pub received: u64,
    /// How old it was then, in seconds (RFC 9111 section 4.2.3: corrected initial age).
    pub age: u32,
    /// How old it may become, in seconds.
    pub lifetime: u32,
    /// How long after that it may be served while a new one is fetched.
    pub stale_while_revalidate: u32,
    /// How long after that it may be served where the origin fails.
    pub stale_if_error: u32,
    /// It is never used without a word of the origin (`no-cache`).
    pub no_cache: bool,
    /// It is never used stale (`must-revalidate`, `proxy-revalidate`, `s-maxage`).
    pub must_revalidate: bool,
    /// The lifetime was guessed (RFC 9111 section 4.2.2).
    pub is_heuristic: bool,
}

impl Freshness {
    /// How old it is now, in seconds (RFC 9111 section 4.2.3). A clock that was set back makes nothing younger than it came.
    pub fn age_at(&self, now: u64) -> u32 {
        let resident = u32::try_from(now.saturating_sub(self.received) / 1000).unwrap_or(u32::MAX);
        self.age.saturating_add(resident).min(1 << 31)
    }

    /// How long it stays fresh, in seconds; negative: how long it has been stale.
    pub fn left_at(&self, now: u64) -> i64 {
        i64::from(self.lifetime) - i64::from(self.age_at(now))
    }
}

/// Bytes that the store and the allocator take for an entry beside its own: a place in the table with the room into which it grows
/// (about 85 bytes), and the counts of references. Measured: see `tests/memory.rs`.
const BOOKKEEPING: u64 = 128;
/// Bytes that the allocator adds to a block, rounding included.
const BLOCK: u64 = 16;
/// Bytes of a line's place in the index of [`Fields`], beside the four that [`Fields::bytes`] counts for it.
const LINE: u64 = 12;

impl Entry {
    /// Bytes of memory that it takes, about. A body that is on its way or elsewhere counts nothing: it belongs to the one who
    /// fetches, or to the disk.
    pub fn weight(&self) -> u64 {
        let fields = self.fields.bytes() as u64 + LINE * self.fields.len() as u64 + 2 * BLOCK;
        let body = match &self.content {
            Content::Whole(bytes) => block(bytes.len()),
            Content::Growing(_) | Content::File { .. } => 0,
        };
        let vary = self.vary.as_ref().map_or(0, |vary| texts(&vary.0));
        let own = size_of::<Self>() as u64;
        BOOKKEEPING + own + fields + body + vary + texts(&self.tags) + block(self.url.len())
    }

    /// The length of its body, where that is known.
    pub fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Whole(bytes) => Some(bytes.len() as u64),
            Content::Growing(flow) => flow.length(),
            Content::File { length, .. } => Some(*length),
        }
    }

    /// The same response with another body: what was growing is whole. Its fields take just the memory that they need, so that
    /// what is kept long is small.
    #[must_use]
    pub fn with(&self, content: Content) -> Self {
        Self {
            status: self.status,
            fields: packed(&self.fields),
            content,
            freshness: self.freshness,
            vary: self.vary.clone(),
            tags: self.tags.clone(),
            url: self.url.clone(),
            purge: AtomicU64::new(self.purge.load(Ordering::Acquire)),
        }
    }
}

/// The same fields, without what was taken out of their block and without room for more.
fn packed(fields: &Fields) -> Fields {
    let mut lines = Fields::with_capacity(fields.len(), fields.bytes());
    for (_, name, value) in fields.iter() {
        lines.push_checked(name, value);
    }
    // A clone has no room beyond what is in it.
    lines.clone()
}

fn texts(texts: &[Box<str>]) -> u64 {
    let list = block(size_of_val(texts));
    list + texts.iter().map(|text| block(text.len())).sum::<u64>()
}

/// What a block of so many bytes takes; nothing where there is none.
fn block(bytes: usize) -> u64 {
    if bytes == 0 { 0 } else { bytes as u64 + BLOCK }
}

#[cfg(test)]
pub(crate) mod tests;
