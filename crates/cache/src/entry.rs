//! A response that is kept.

use crate::{Flow, Vary};
use bytes::Bytes;
use message::{Fields, StatusCode};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

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
    /// Elsewhere, with that many bytes.
    Outside(u64),
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

impl Entry {
    /// Bytes of memory that it takes, about.
    pub fn weight(&self) -> u64 {
        todo!()
    }

    /// The length of its body, where that is known.
    pub fn length(&self) -> Option<u64> {
        todo!()
    }

    /// The same response with another body: what was growing is whole.
    #[must_use]
    pub fn with(&self, content: Content) -> Self {
        todo!()
    }
}
