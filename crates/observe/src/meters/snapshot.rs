//! All numbers at one moment, summed over cores, as plain data: for the scrape, the live line, the status, the page.
//!
//! Counters only grow while a series lives, so the difference of two snapshots is what happened between them.
//! The moment is not exact: workers go on counting while the sums are made.

use super::{CacheTotals, CallerTotals, InstanceTotals, LimitTotals, Meters, Outcome};
use base::meters::Buckets;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What all meters said.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Since the meters were made.
    pub uptime: Duration,
    /// Sorted by route, then service.
    pub routes: Vec<RouteTotals>,
    /// Sorted by name. A service appears here when it has meters of its own or a route with meters.
    pub services: Vec<ServiceTotals>,
    /// Sorted by service, then endpoint.
    pub endpoints: Vec<EndpointTotals>,
    /// Sorted by service; only those with instances that Tidegate launches.
    pub instances: Vec<InstanceTotals>,
    /// Sorted by address.
    pub listeners: Vec<ListenerTotals>,
    /// Sorted by route, then policy.
    pub limits: Vec<LimitTotals>,
    /// Sorted by route; only those that cache.
    pub caches: Vec<CacheTotals>,
    /// Sorted by way, then plan.
    pub callers: Vec<CallerTotals>,
    /// How many requests Tidegate itself ended, by reason.
    pub stops: Vec<(&'static str, u64)>,
    /// Loads of the config.
    pub reloads: ReloadTotals,
    /// Upgrades: those by which this process came to its place, and those that failed to replace it.
    pub upgrades: UpgradeTotals,
    /// Access-log lines that were lost.
    pub access_log_dropped: u64,
}

impl Snapshot {
    /// Requests of all routes.
    pub fn requests(&self) -> u64 {
        self.routes.iter().map(|r| r.requests).sum()
    }

    /// Requests of all routes that ended with 5xx.
    pub fn errors(&self) -> u64 {
        self.routes.iter().map(|r| r.errors).sum()
    }

    /// Requests under way in all services.
    pub fn inflight(&self) -> i64 {
        self.services.iter().map(|s| s.inflight).sum()
    }

    /// Client connections open on all listeners.
    pub fn connections(&self) -> i64 {
        self.listeners.iter().map(|l| l.open).sum()
    }

    /// Durations of the requests of all routes.
    pub fn took(&self) -> Buckets {
        let mut sum = Buckets::default();
        self.routes.iter().for_each(|r| sum.merge(&r.took));
        sum
    }
}

/// A route's totals.
#[derive(Clone, Debug)]
pub struct RouteTotals {
    /// Its name.
    pub route: Arc<str>,
    /// Its service's name.
    pub service: Arc<str>,
    /// Requests that ended.
    pub requests: u64,
    /// Those of them that ended with 5xx.
    pub errors: u64,
    /// Requests by method and status.
    pub outcomes: Vec<Outcome>,
    /// Bytes of request bodies.
    pub bytes_in: u64,
    /// Bytes of response bodies.
    pub bytes_out: u64,
    /// From the first byte of the request to the last of the response.
    pub took: Buckets,
}

/// A service's totals: those of its routes, and its own.
#[derive(Clone, Debug)]
pub struct ServiceTotals {
    /// Its name.
    pub service: Arc<str>,
    /// Requests that ended.
    pub requests: u64,
    /// Those of them that ended with 5xx.
    pub errors: u64,
    /// Attempts that were made again.
    pub retries: u64,
    /// Attempts that were not made again, since the budget was spent.
    pub retries_refused: u64,
    /// Second attempts beside one that took long.
    pub hedges: u64,
    /// Attempts under way.
    pub inflight: i64,
    /// Requests that wait until an endpoint has room.
    pub waiting: u32,
    /// How many requests the service takes at once, where that is learnt.
    pub limit: Option<u32>,
    /// From the first byte of the request to the last of the response.
    pub took: Buckets,
}

/// An endpoint's totals.
#[derive(Clone, Debug)]
pub struct EndpointTotals {
    /// Its service's name.
    pub service: Arc<str>,
    /// Its name: the address, mostly.
    pub endpoint: Arc<str>,
    /// Does it take traffic?
    pub up: bool,
    /// Changes of its state, by reason.
    pub changes: Vec<(&'static str, u64)>,
    /// Attempts that failed: without an answer, or with one that speaks of a fault of the server.
    pub failures: u64,
    /// Connections made.
    pub connects: u64,
    /// Connections that could not be made.
    pub connect_failures: u64,
    /// Attempts over a connection that was open already.
    pub reused: u64,
    /// How long attempts took.
    pub took: Buckets,
}

/// A listener's totals.
#[derive(Clone, Debug)]
pub struct ListenerTotals {
    /// The address.
    pub address: Arc<str>,
    /// Connections open now.
    pub open: i64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections refused, by reason.
    pub refused: Vec<(&'static str, u64)>,
}

/// Loads of the config, the first one included.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReloadTotals {
    /// Loads that took effect.
    pub succeeded: u64,
    /// Loads that were refused.
    pub failed: u64,
    /// When the last one took effect.
    pub last_success: Option<SystemTime>,
}

/// Upgrades, as the process that serves knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpgradeTotals {
    /// 1 where this process took the place of another.
    pub succeeded: u64,
    /// Processes that could not take the place of this one.
    pub failed: u64,
}

pub(super) fn take(meters: &Meters) -> Snapshot {
    let routes = routes(meters);
    let services = services(meters, &routes);
    let stops = meters.stops.lock().unwrap_or_else(PoisonError::into_inner);
    let stops = stops.iter().map(|(reason, counter)| (*reason, counter.total())).collect();
    Snapshot {
        uptime: meters.started.elapsed(),
        routes,
        services,
        endpoints: endpoints(meters),
        instances: instances(meters),
        listeners: listeners(meters),
        limits: meters.limits.list().into_iter().map(|((r, p), m)| LimitTotals::of(r, p, &m)).collect(),
        caches: meters.caches.list().into_iter().map(|((route, _), m)| CacheTotals::of(route, &m)).collect(),
        callers: callers(meters),
        stops,
        reloads: reloads(meters),
        upgrades: UpgradeTotals {
            succeeded: meters.upgrades.succeeded.get(),
            failed: meters.upgrades.failed.get(),
        },
        access_log_dropped: meters.access_log_dropped.get(),
    }
}

fn callers(meters: &Meters) -> Vec<CallerTotals> {
    let total = |((way, plan), count): (super::Labels, Arc<super::CoreCounter>)| CallerTotals {
        way,
        plan,
        requests: count.total(),
    };
    meters.callers.list().into_iter().map(total).collect()
}

fn routes(meters: &Meters) -> Vec<RouteTotals> {
    let total = |((route, service), meters): (super::Labels, Arc<super::RouteMeters>)| {
        let sums = meters.sums();
        RouteTotals {
            route,
            service,
            requests: sums.outcomes.iter().map(|o| o.count).sum(),
            errors: sums.outcomes.iter().filter(|o| o.is_error()).map(|o| o.count).sum(),
            outcomes: sums.outcomes,
            bytes_in: sums.bytes_in,
            bytes_out: sums.bytes_out,
            took: sums.took,
        }
    };
    meters.routes.list().into_iter().map(total).collect()
}

fn services(meters: &Meters, routes: &[RouteTotals]) -> Vec<ServiceTotals> {
    let mut services: BTreeMap<Arc<str>, ServiceTotals> = BTreeMap::new();
    for ((service, _), own) in meters.services.list() {
        let mut totals = empty(&service);
        totals.retries = own.retries();
        totals.retries_refused = own.retries_refused();
        totals.hedges = own.hedges();
        totals.inflight = own.inflight();
        totals.waiting = own.waiting();
        totals.limit = own.limit();
        services.insert(service, totals);
    }
    // A route that needs no service belongs to none.
    for route in routes.iter().filter(|r| !r.service.is_empty()) {
        let service = &route.service;
        let totals = services.entry(Arc::clone(service)).or_insert_with(|| empty(service));
        totals.requests += route.requests;
        totals.errors += route.errors;
        totals.took.merge(&route.took);
    }
    services.into_values().collect()
}

fn empty(service: &Arc<str>) -> ServiceTotals {
    ServiceTotals {
        service: Arc::clone(service),
        requests: 0,
        errors: 0,
        retries: 0,
        retries_refused: 0,
        hedges: 0,
        inflight: 0,
        waiting: 0,
        limit: None,
        took: Buckets::default(),
    }
}

fn endpoints(meters: &Meters) -> Vec<EndpointTotals> {
    let total = |((service, endpoint), meters): (super::Labels, Arc<super::EndpointMeters>)| {
        let sums = meters.sums();
        EndpointTotals {
            service,
            endpoint,
            up: meters.is_up(),
            changes: meters.changes(),
            failures: sums.failures,
            connects: sums.connects,
            connect_failures: sums.connect_failures,
            reused: sums.reused,
            took: sums.took,
        }
    };
    meters.endpoints.list().into_iter().map(total).collect()
}

fn instances(meters: &Meters) -> Vec<InstanceTotals> {
    meters.instances.list().into_iter().map(|((service, _), meters)| meters.totals(service)).collect()
}

fn listeners(meters: &Meters) -> Vec<ListenerTotals> {
    let total = |((address, _), meters): (super::Labels, Arc<super::ListenerMeters>)| ListenerTotals {
        address,
        open: meters.open(),
        accepted: meters.accepted_total(),
        refused: meters.refused_totals(),
    };
    meters.listeners.list().into_iter().map(total).collect()
}

fn reloads(meters: &Meters) -> ReloadTotals {
    let at = meters.reloads.last_success_ms.load(Ordering::Relaxed);
    ReloadTotals {
        succeeded: meters.reloads.succeeded.get(),
        failed: meters.reloads.failed.get(),
        last_success: (at > 0).then(|| UNIX_EPOCH + Duration::from_millis(at)),
    }
}
