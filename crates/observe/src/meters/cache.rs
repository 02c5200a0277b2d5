//! What is counted of the cache, for each route.

use super::kinds::CoreCounter;
use std::sync::Arc;

/// What the cache did with the requests of one route.
#[derive(Debug)]
pub struct CacheMeters {
    /// Served fresh, from memory or disk.
    pub hits: CoreCounter,
    /// Served stale: while a new one was fetched, since the origin failed, or because the client takes it so.
    pub stale: CoreCounter,
    /// The origin was asked, and what was kept is still good.
    pub revalidated: CoreCounter,
    /// Served with the fetch of another request.
    pub collapsed: CoreCounter,
    /// The origin's answer was passed on, and kept.
    pub stored: CoreCounter,
    /// The origin's answer was passed on, and could not be kept.
    pub unstored: CoreCounter,
    /// The cache was not asked.
    pub bypassed: CoreCounter,
    /// Bytes of bodies that came from the cache.
    pub bytes: CoreCounter,
    /// Why requests went to the origin, or their answers were not kept: in the order of the reasons' numbers.
    pub reasons: Box<[(&'static str, CoreCounter)]>,
}

impl CacheMeters {
    pub(super) fn new(cores: usize, reasons: &[&'static str]) -> Self {
        let counter = || CoreCounter::new(cores);
        Self {
            hits: counter(),
            stale: counter(),
            revalidated: counter(),
            collapsed: counter(),
            stored: counter(),
            unstored: counter(),
            bypassed: counter(),
            bytes: counter(),
            reasons: reasons.iter().map(|reason| (*reason, counter())).collect(),
        }
    }
}

/// A route's totals.
#[derive(Clone, Debug)]
pub struct CacheTotals {
    /// The route's name.
    pub route: Arc<str>,
    /// Requests by what became of them.
    pub results: [(&'static str, u64); 7],
    /// Bytes of bodies that came from the cache.
    pub bytes: u64,
    /// How often each reason was the one.
    pub reasons: Vec<(&'static str, u64)>,
}

impl CacheTotals {
    pub(super) fn of(route: Arc<str>, meters: &CacheMeters) -> Self {
        let results = [
            ("hit", meters.hits.total()),
            ("stale", meters.stale.total()),
            ("revalidated", meters.revalidated.total()),
            ("collapsed", meters.collapsed.total()),
            ("stored", meters.stored.total()),
            ("unstored", meters.unstored.total()),
            ("bypassed", meters.bypassed.total()),
        ];
        let reasons = meters.reasons.iter().map(|(reason, count)| (*reason, count.total())).collect();
        Self { route, results, bytes: meters.bytes.total(), reasons }
    }
}
