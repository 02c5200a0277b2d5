//! What the cache did for each route: the meters' totals, and what follows from them.

use observe::CacheTotals;
use serde::{Serialize, Serializer};
use std::collections::HashMap;

/// One route that caches, since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct RouteRow<'a> {
    pub(crate) route: &'a str,
    /// Served fresh.
    pub(crate) hits: u64,
    /// Served stale.
    pub(crate) stale: u64,
    /// Served after the service had said that it still holds.
    pub(crate) revalidated: u64,
    /// Served with the fetch of another request.
    pub(crate) collapsed: u64,
    /// Answered by the service, and kept.
    pub(crate) stored: u64,
    /// Answered by the service, and not kept.
    pub(crate) unstored: u64,
    /// Not looked for.
    pub(crate) bypassed: u64,
    /// The share that needed no request of its own to the service, of the requests that were looked for: from 0 to 1, none
    /// where there were none.
    pub(crate) hit_ratio: Option<f64>,
    /// The same of the last seconds.
    pub(crate) recent: Recent,
    /// Bytes of bodies that came from the cache.
    pub(crate) bytes: u64,
    /// Why requests went to the service, or answers were not kept. Only what there was, the most frequent first.
    #[serde(serialize_with = "as_object")]
    pub(crate) reasons: Vec<(&'static str, u64)>,
}

/// What a route's cache did in the last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Recent {
    pub(crate) hit_ratio: Option<f64>,
}

impl RouteRow<'_> {
    /// Requests that needed none of their own to the service.
    fn spared(&self) -> u64 {
        self.hits + self.stale + self.collapsed
    }

    /// Requests that were looked for.
    fn asked(&self) -> u64 {
        self.spared() + self.revalidated + self.stored + self.unstored
    }

    /// All requests.
    pub(crate) fn requests(&self) -> u64 {
        self.asked() + self.bypassed
    }
}

/// The rows of routes that cache, in their order. `then`: what there was a few seconds ago.
pub(crate) fn rows<'a>(now: &'a [CacheTotals], then: &'a [CacheTotals]) -> Vec<RouteRow<'a>> {
    let old: HashMap<&str, RouteRow<'_>> = then.iter().map(|totals| (&*totals.route, row(totals))).collect();
    let mut rows: Vec<_> = now.iter().map(row).collect();
    for row in &mut rows {
        let old = old.get(row.route);
        // One that began anew since then counts from its beginning.
        let (spared, asked) = old.map_or((0, 0), |old| (old.spared(), old.asked()));
        let (spared, asked) =
            if spared <= row.spared() && asked <= row.asked() { (spared, asked) } else { (0, 0) };
        row.recent.hit_ratio = ratio(row.spared() - spared, row.asked() - asked);
    }
    rows
}

fn row(totals: &CacheTotals) -> RouteRow<'_> {
    let count = |result: &str| totals.results.iter().find(|(name, _)| *name == result).map_or(0, |(_, n)| *n);
    let mut reasons: Vec<_> = totals.reasons.iter().copied().filter(|(_, count)| *count > 0).collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut row = RouteRow {
        route: &totals.route,
        hits: count("hit"),
        stale: count("stale"),
        revalidated: count("revalidated"),
        collapsed: count("collapsed"),
        stored: count("stored"),
        unstored: count("unstored"),
        bypassed: count("bypassed"),
        bytes: totals.bytes,
        reasons,
        ..RouteRow::default()
    };
    row.hit_ratio = ratio(row.spared(), row.asked());
    row
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// `{ "miss": 3 }`.
fn as_object<S: Serializer>(reasons: &[(&'static str, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(reasons.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use observe::Meters;

    #[test]
    fn each_count_stands_under_its_name_and_the_ratio_leaves_out_what_was_not_looked_for() {
        let meters = Meters::new(1);
        let of = meters.cache("r", &["miss", "no_store", "private"]);
        for (counter, count) in [
            (&of.hits, 50),
            (&of.stale, 20),
            (&of.revalidated, 7),
            (&of.collapsed, 10),
            (&of.stored, 8),
            (&of.unstored, 5),
            (&of.bypassed, 900),
            (&of.bytes, 77),
            (&of.reasons[0].1, 8),
            (&of.reasons[2].1, 9),
        ] {
            counter.add(0, count);
        }
        let totals = meters.snapshot().caches;
        let rows = rows(&totals, &[]);
        let wanted = RouteRow {
            route: "r",
            hits: 50,
            stale: 20,
            revalidated: 7,
            collapsed: 10,
            stored: 8,
            unstored: 5,
            bypassed: 900,
            hit_ratio: Some(0.8),
            recent: Recent { hit_ratio: Some(0.8) },
            bytes: 77,
            reasons: vec![("private", 9), ("miss", 8)],
        };
        assert_eq!((rows[0].requests(), &rows[..]), (1000, &[wanted][..]));
    }

    #[test]
    fn the_recent_ratio_is_that_of_what_came_since() {
        let meters = Meters::new(1);
        let of = meters.cache("r", &[]);
        of.stored.add(0, 90);
        let then = meters.snapshot().caches;
        assert_eq!(rows(&then, &then)[0].recent.hit_ratio, None);
        of.hits.add(0, 9);
        of.stored.add(0, 1);
        let now = meters.snapshot().caches;
        let row = &rows(&now, &then)[0];
        assert_eq!((row.recent.hit_ratio, row.hit_ratio), (Some(0.9), Some(0.09)));
        // Then the series began anew.
        assert_eq!(rows(&then, &now)[0].recent.hit_ratio, Some(0.0));
    }
}
