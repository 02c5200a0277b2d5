//! The registry of meters: what is counted, by which configured names. Made once a process, it outlives reloads.
//!
//! Whoever loads a config asks for the meters of each route, service and endpoint in it and keeps them; the same
//! names give the same meters, so counters go on over a reload. A series lives as long as somebody holds its meters
//! ([`Meters::retire_unheld`]), which bounds them by what is configured; labels are never taken from a request.
//!
//! *Not here*: the cells (`base::meters`) and any look-up on the hot path.

mod cache;
mod exposition;
mod guard;
mod instances;
mod kinds;
mod outcomes;
mod process;
mod snapshot;

pub use cache::{CacheMeters, CacheTotals};
pub use guard::{CallerTotals, LimitMeters, LimitTotals};
pub use instances::{InstanceMeters, InstanceTotals};
pub use kinds::{CoreCounter, EndpointMeters, ListenerMeters, RouteMeters, ServiceMeters};
pub use outcomes::Outcome;
pub use snapshot::{
    EndpointTotals, ListenerTotals, ReloadTotals, RouteTotals, ServiceTotals, Snapshot, UpgradeTotals,
};

use crate::events::Events;
use base::meters::Counter;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// All meters of the process.
#[derive(Debug)]
pub struct Meters {
    cores: usize,
    started: Instant,
    routes: Family<RouteMeters>,
    services: Family<ServiceMeters>,
    endpoints: Family<EndpointMeters>,
    instances: Family<InstanceMeters>,
    listeners: Family<ListenerMeters>,
    limits: Family<LimitMeters>,
    caches: Family<CacheMeters>,
    callers: Family<CoreCounter>,
    stops: Mutex<BTreeMap<&'static str, Arc<CoreCounter>>>,
    reloads: Reloads,
    upgrades: Upgrades,
    access_log_dropped: Arc<Counter>,
    events: Arc<Events>,
}

#[derive(Debug, Default)]
struct Reloads {
    succeeded: Counter,
    failed: Counter,
    /// Milliseconds since 1970 of the last that succeeded; 0 for never.
    last_success_ms: AtomicU64,
}

#[derive(Debug, Default)]
struct Upgrades {
    succeeded: Counter,
    failed: Counter,
}

impl Meters {
    /// No meters yet, for a process with that many workers.
    pub fn new(cores: usize) -> Arc<Self> {
        Arc::new(Self {
            cores,
            started: Instant::now(),
            routes: Family::default(),
            services: Family::default(),
            endpoints: Family::default(),
            instances: Family::default(),
            listeners: Family::default(),
            limits: Family::default(),
            caches: Family::default(),
            callers: Family::default(),
            stops: Mutex::default(),
            reloads: Reloads::default(),
            upgrades: Upgrades::default(),
            access_log_dropped: Arc::default(),
            events: Arc::default(),
        })
    }

    /// The meters of a route. `route` and `service` are names from the config.
    pub fn route(&self, route: &str, service: &str) -> Arc<RouteMeters> {
        self.routes.obtain(route, service, || RouteMeters::new(self.cores))
    }

    /// The meters of a service.
    pub fn service(&self, service: &str) -> Arc<ServiceMeters> {
        self.services.obtain(service, "", || ServiceMeters::new(self.cores, Arc::clone(&self.events)))
    }

    /// The meters of an endpoint of a service.
    pub fn endpoint(&self, service: &str, endpoint: &str) -> Arc<EndpointMeters> {
        self.endpoints.obtain(service, endpoint, || EndpointMeters::new(self.cores))
    }

    /// The meters of a service's instances; to be asked for only where Tidegate launches some.
    pub fn instances(&self, service: &str) -> Arc<InstanceMeters> {
        self.instances.obtain(service, "", || InstanceMeters::new(self.cores))
    }

    /// The meters of a listener, by its address.
    pub fn listener(&self, address: &str) -> Arc<ListenerMeters> {
        self.listeners.obtain(address, "", || ListenerMeters::new(self.cores))
    }

    /// The meters of a policy of a route; the route is empty for what holds for all of them.
    pub fn limit(&self, route: &str, policy: &str) -> Arc<LimitMeters> {
        self.limits.obtain(route, policy, || LimitMeters::new(self.cores))
    }

    /// The meters of a route that caches. `reasons`: the words for all reasons, in the order of their numbers.
    pub fn cache(&self, route: &str, reasons: &[&'static str]) -> Arc<CacheMeters> {
        self.caches.obtain(route, "", || CacheMeters::new(self.cores, reasons))
    }

    /// The counter of requests whose callers were identified in this way and have this plan.
    pub fn callers(&self, way: &str, plan: &str) -> Arc<CoreCounter> {
        self.callers.obtain(way, plan, || CoreCounter::new(self.cores))
    }

    /// The counter of requests that Tidegate itself ended for `reason`.
    pub fn stops(&self, reason: &'static str) -> Arc<CoreCounter> {
        let mut stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(stops.entry(reason).or_insert_with(|| Arc::new(CoreCounter::new(self.cores))))
    }

    /// The counter of access-log lines that were lost.
    pub fn access_log_dropped(&self) -> Arc<Counter> {
        Arc::clone(&self.access_log_dropped)
    }

    /// What happened lately.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// A config was loaded (`true`) or refused (`false`). The first load counts as well.
    pub fn reloaded(&self, succeeded: bool) {
        if succeeded {
            self.reloads.succeeded.add(1);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.reloads.last_success_ms.store(now.as_millis() as u64, Ordering::Relaxed);
        } else {
            self.reloads.failed.add(1);
        }
    }

    /// This process took the place of another (`true`), or another could not take its place (`false`). The one that is
    /// replaced has nobody left to tell.
    pub fn upgraded(&self, succeeded: bool) {
        if succeeded { self.upgrades.succeeded.add(1) } else { self.upgrades.failed.add(1) }
    }

    /// Forgets the series whose meters nobody holds any more: things that a reload took out of the config and that
    /// no request under way uses. To be called now and then; a scrape is a good moment.
    pub fn retire_unheld(&self) {
        self.routes.retain_held();
        self.services.retain_held();
        self.endpoints.retain_held();
        self.instances.retain_held();
        self.listeners.retain_held();
        self.limits.retain_held();
        self.caches.retain_held();
        self.callers.retain_held();
    }

    /// All numbers at this moment. About 1 us for each route and core.
    pub fn snapshot(&self) -> Snapshot {
        snapshot::take(self)
    }

    /// Writes all numbers in Prometheus' text format 0.0.4, to be served as
    /// `text/plain; version=0.0.4; charset=utf-8`.
    pub fn render(&self, out: &mut String) {
        exposition::write(&self.snapshot(), &process::read(), out);
    }
}

/// Two label values; the second is empty where a family has one label.
type Labels = (Arc<str>, Arc<str>);

/// All meters of one kind by their labels.
#[derive(Debug)]
struct Family<T>(Mutex<BTreeMap<Labels, Arc<T>>>);

impl<T> Default for Family<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Family<T> {
    fn obtain(&self, first: &str, second: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry((first.into(), second.into())).or_insert_with(|| Arc::new(make())))
    }

    fn retain_held(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody can take another clone meanwhile: clones come from holders, or through this lock.
        all.retain(|_, meters| Arc::strong_count(meters) > 1);
    }

    /// What there is, in the order of the labels. Summing goes on without the lock.
    fn list(&self) -> Vec<(Labels, Arc<T>)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(labels, meters)| (labels.clone(), Arc::clone(meters))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::Method;
    use std::time::Duration;

    #[test]
    fn the_same_names_give_the_same_meters_so_counters_outlive_a_reload() {
        let meters = Meters::new(2);
        let before = meters.route("r", "s");
        before.record(0, &Method::GET, 200, Duration::from_millis(1), 0, 10);
        let after = meters.route("r", "s");
        drop(before);
        meters.retire_unheld();
        after.record(1, &Method::GET, 200, Duration::from_millis(1), 0, 10);
        let snapshot = meters.snapshot();
        assert_eq!((snapshot.routes[0].requests, snapshot.routes[0].bytes_out), (2, 20));
    }

    #[test]
    fn series_go_when_nobody_holds_their_meters() {
        let meters = Meters::new(1);
        let kept = meters.endpoint("s", "10.0.0.1:80");
        drop(meters.endpoint("s", "10.0.0.2:80"));
        drop(meters.route("gone", "s"));
        meters.retire_unheld();
        let snapshot = meters.snapshot();
        assert_eq!(snapshot.routes.len(), 0);
        assert_eq!(snapshot.endpoints.len(), 1);
        assert_eq!(&*snapshot.endpoints[0].endpoint, "10.0.0.1:80");
        assert!(kept.is_up());
    }

    #[test]
    fn a_service_sums_its_routes_and_cores() {
        let meters = Meters::new(4);
        let (a, b, service) = (meters.route("a", "s"), meters.route("b", "s"), meters.service("s"));
        a.record(0, &Method::GET, 200, Duration::from_millis(2), 5, 7);
        b.record(3, &Method::POST, 503, Duration::from_millis(4), 5, 7);
        service.began(0);
        service.began(1);
        service.ended(3);
        service.retried(2);
        let snapshot = meters.snapshot();
        let s = &snapshot.services[0];
        assert_eq!((s.requests, s.errors, s.inflight, s.retries, s.took.total()), (2, 1, 1, 1, 2));
        assert_eq!((snapshot.requests(), snapshot.errors(), snapshot.inflight()), (2, 1, 1));
    }

    #[test]
    fn a_listener_knows_its_open_connections() {
        let meters = Meters::new(2);
        let listener = meters.listener("0.0.0.0:80");
        listener.accepted(0);
        listener.accepted(1);
        listener.closed(0);
        listener.refused("full").add(0, 3);
        let totals = &meters.snapshot().listeners[0];
        assert_eq!((totals.open, totals.accepted, totals.refused.as_slice()), (1, 2, &[("full", 3)][..]));
    }
}
