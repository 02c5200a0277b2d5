//! The cache as the road sees it, and what routes want of it.
//!
//! Plain data, made when a config is loaded. What is kept outlives reloads.

use crate::client_address::Network;
use cache::{Purge, Settings, Store};
use disk::Disk;
use observe::CacheMeters;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What one route wants of the cache.
#[derive(Debug)]
pub struct Caching {
    /// For callers that are known, and everybody where callers share responses.
    pub settings: Settings,
    /// The same without `per_consumer`, for callers that nobody knows: they share responses, so the origin has to say that it
    /// may be so.
    pub shared: Settings,
    /// Its meters.
    pub meters: Arc<CacheMeters>,
}

impl Caching {
    /// With these settings.
    pub fn new(settings: Settings, meters: Arc<CacheMeters>) -> Self {
        let shared = Settings { per_consumer: false, ..settings.clone() };
        Self { settings, shared, meters }
    }
}

/// The cache.
#[derive(Debug)]
pub struct Caches {
    /// The memory.
    pub store: Arc<Store>,
    /// The disk, where there is one.
    pub disk: Option<Arc<Disk>>,
    /// Is it known what was purged while this node was away? Until then nothing is taken from the disk.
    pub disk_is_current: Arc<AtomicBool>,
    /// What it calls itself in `Cache-Status`.
    pub name: Box<str>,
    /// How long a request waits for the fetch of another before it goes itself.
    pub patience: Duration,
    /// Who may purge with the method `PURGE`.
    pub purge_from: Vec<Network>,
    /// Where purges go.
    pub purging: Arc<dyn Purging>,
}

/// Makes purges known: here at once, beside the disk and to other nodes a moment later.
pub trait Purging: Debug + Send + Sync {
    /// Purges. Does not block.
    fn purge(&self, purge: Purge);
}
