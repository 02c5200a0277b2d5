//! A request that the cache could not serve by itself, on its way to the origin and back.

use cache::{Asked, Entry, Key, Lead, Reason};
use message::RequestHead;
use std::sync::Arc;

/// What is known of it when it leaves for the origin.
#[derive(Debug)]
pub(crate) struct Missing {
    /// The key of what it asks for, whatever the variant.
    pub(crate) key: Key,
    /// Why it goes.
    pub(crate) why: Reason,
    /// What it asks of the cache.
    pub(crate) asked: Asked,
    /// The request as it was when the cache was asked: later stages write into the one that leaves.
    pub(crate) head: RequestHead,
    /// What is there, and may not be used as it is.
    pub(crate) stale: Option<Arc<Entry>>,
    /// Others wait for what comes of it.
    pub(crate) lead: Option<Lead>,
    /// It has waited for another, in vain.
    pub(crate) collapsed: bool,
    /// The last purge when it left.
    pub(crate) purge: u64,
    /// When it left, in milliseconds since 1970.
    pub(crate) requested: u64,
    /// Its answer may be kept.
    pub(crate) keeps: bool,
    /// The consumer, where each has responses of its own.
    pub(crate) consumer: Option<Arc<str>>,
}
