//! What happened lately: rates and latencies of the last seconds, and a curve of the last minutes.
//!
//! Counters only grow, so two snapshots are enough for rates. Every [`STEP`] the newest snapshot becomes the older
//! one; a view compares the present with one that is one to two steps old. Bounded: two snapshots and [`POINTS`]
//! points, whatever the number of viewers.

use crate::cache::{self, RouteRow};
use base::meters::Buckets;
use observe::{CacheTotals, Snapshot};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Time between two points of the curve.
pub(crate) const STEP: Duration = Duration::from_secs(5);

/// Points of the curve: five minutes.
pub(crate) const POINTS: usize = 60;

/// What one thing did lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    /// Requests per second.
    pub(crate) per_second: f64,
    /// The share of 5xx, from 0 to 1; `None` without requests.
    pub(crate) error_ratio: Option<f64>,
    /// Seconds under which half of the requests stayed.
    pub(crate) p50: Option<f64>,
    /// Seconds under which 99 of 100 requests stayed.
    pub(crate) p99: Option<f64>,
}

/// The present, with the rates of each thing at the index that the thing has in the snapshot.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) now: Snapshot,
    pub(crate) total: Rate,
    pub(crate) routes: Vec<Rate>,
    pub(crate) services: Vec<Rate>,
    pub(crate) endpoints: Vec<Rate>,
    /// Older points first.
    pub(crate) curve: Vec<Rate>,
    /// What the caches of routes had done a few seconds ago.
    caches: Vec<CacheTotals>,
}

impl Live {
    /// What the cache did for each route.
    pub(crate) fn caches(&self) -> Vec<RouteRow<'_>> {
        cache::rows(&self.now.caches, &self.caches)
    }
}

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Marks>);

#[derive(Debug, Default)]
struct Marks {
    older: Snapshot,
    newer: Snapshot,
    curve: VecDeque<Rate>,
}

impl Memory {
    /// Remembers a snapshot. To be called every [`STEP`].
    pub(crate) fn mark(&self, now: Snapshot) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let point = total(&now, &marks.newer);
        if marks.curve.len() == POINTS {
            marks.curve.pop_front();
        }
        marks.curve.push_back(point);
        marks.older = std::mem::replace(&mut marks.newer, now);
    }

    /// The present against what is remembered; against the start of the process while nothing is.
    pub(crate) fn view(&self, now: Snapshot) -> Live {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let then = &marks.older;
        let seconds = seconds(&now, then);
        Live {
            total: total(&now, then),
            routes: rates(&now.routes, &then.routes, seconds, |r| {
                ((&*r.route, &*r.service), Totals { requests: r.requests, errors: r.errors, took: &r.took })
            }),
            services: rates(&now.services, &then.services, seconds, |s| {
                (&*s.service, Totals { requests: s.requests, errors: s.errors, took: &s.took })
            }),
            endpoints: rates(&now.endpoints, &then.endpoints, seconds, |e| {
                // An endpoint counts attempts, not how they ended.
                ((&*e.service, &*e.endpoint), Totals { requests: e.took.total(), errors: 0, took: &e.took })
            }),
            curve: marks.curve.iter().copied().collect(),
            caches: then.caches.clone(),
            now,
        }
    }
}

/// What one thing had counted at one moment.
#[derive(Clone, Copy)]
struct Totals<'a> {
    requests: u64,
    errors: u64,
    took: &'a Buckets,
}

/// The rate of each thing of now, found again in then by its key.
fn rates<'a, T, K: Eq + Hash>(
    now: &'a [T],
    then: &'a [T],
    seconds: f64,
    of: impl Fn(&'a T) -> (K, Totals<'a>),
) -> Vec<Rate> {
    let old: HashMap<K, Totals<'a>> = then.iter().map(&of).collect();
    let each = now.iter().map(|thing| {
        let (key, totals) = of(thing);
        rate(totals, old.get(&key).copied(), seconds)
    });
    each.collect()
}

fn total(now: &Snapshot, then: &Snapshot) -> Rate {
    let (took, took_then) = (now.took(), then.took());
    let totals = Totals { requests: now.requests(), errors: now.errors(), took: &took };
    let before = Totals { requests: then.requests(), errors: then.errors(), took: &took_then };
    rate(totals, Some(before), seconds(now, then))
}

/// Seconds between two snapshots; never so few that a rate becomes nonsense.
fn seconds(now: &Snapshot, then: &Snapshot) -> f64 {
    now.uptime.saturating_sub(then.uptime).as_secs_f64().max(0.001)
}

/// What happened in between. A series that began anew since then counts from its beginning.
fn rate(now: Totals<'_>, then: Option<Totals<'_>>, seconds: f64) -> Rate {
    let nothing = Buckets::default();
    let then = then.filter(|t| t.requests <= now.requests);
    let then = then.unwrap_or(Totals { requests: 0, errors: 0, took: &nothing });
    let requests = now.requests - then.requests;
    let took = now.took.since(then.took);
    Rate {
        per_second: requests as f64 / seconds,
        error_ratio: (requests > 0).then(|| now.errors.saturating_sub(then.errors) as f64 / requests as f64),
        p50: took.quantile(0.5),
        p99: took.quantile(0.99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::Method;
    use observe::Meters;
    use std::sync::Arc;

    /// A snapshot as it would be `seconds` after the start.
    fn at(meters: &Arc<Meters>, seconds: u64) -> Snapshot {
        Snapshot { uptime: Duration::from_secs(seconds), ..meters.snapshot() }
    }

    #[test]
    fn rates_are_those_of_the_last_seconds_and_not_of_all_time() {
        let (meters, memory) = (Meters::new(1), Memory::default());
        let route = meters.route("r", "s");
        let record = |times: u64, status, millis| {
            for _ in 0..times {
                route.record(0, &Method::GET, status, Duration::from_millis(millis), 0, 0);
            }
        };
        record(1000, 500, 900);
        memory.mark(at(&meters, 5));
        memory.mark(at(&meters, 10));
        record(15, 200, 2);
        record(5, 503, 2);
        let live = memory.view(at(&meters, 15));
        // Against the mark at five seconds: twenty requests in ten.
        assert_eq!(live.routes[0], live.services[0]);
        assert_eq!(live.routes[0], live.total);
        assert!((live.total.per_second - 2.0).abs() < 1e-9);
        assert!((live.total.error_ratio.unwrap() - 0.25).abs() < 1e-9);
        assert!(live.total.p99.unwrap() <= 0.0025, "{:?}", live.total.p99);
        assert!((live.curve[0].per_second - 200.0).abs() < 1e-9);
    }

    #[test]
    fn at_the_start_rates_count_from_the_start() {
        let (meters, memory) = (Meters::new(1), Memory::default());
        let route = meters.route("r", "s");
        route.record(0, &Method::GET, 200, Duration::from_millis(1), 0, 0);
        assert!((memory.view(at(&meters, 2)).total.per_second - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_series_that_began_anew_gives_no_nonsense() {
        let (meters, memory) = (Meters::new(1), Memory::default());
        let old = meters.route("r", "s");
        (0..9).for_each(|_| old.record(0, &Method::GET, 200, Duration::from_millis(1), 0, 0));
        memory.mark(at(&meters, 5));
        memory.mark(at(&meters, 10));
        drop(old);
        meters.retire_unheld();
        meters.route("r", "s").record(0, &Method::GET, 200, Duration::from_millis(1), 0, 0);
        assert!((memory.view(at(&meters, 15)).routes[0].per_second - 0.1).abs() < 1e-9);
    }

    #[test]
    fn the_curve_is_bounded() {
        let (meters, memory) = (Meters::new(1), Memory::default());
        (0..200).for_each(|i| memory.mark(at(&meters, i * 5)));
        assert_eq!(memory.view(at(&meters, 1000)).curve.len(), POINTS);
    }
}
