//! The meters of a service whose instances Tidegate launches: starts, decisions, and requests that waited for one.
//!
//! They are made for such services only, so that the others pay nothing and have no series. *Not here*: how many
//! instances there are, which is a state and read where it is when somebody scrapes. *Cost on the hot path*: none, but
//! for a request that was held: two relaxed additions, behind a wait.

use base::meters::{Buckets, Histogram, PerCore};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a start came to where all went well.
const READY: &str = "ready";

/// What is counted for a service with instances.
#[derive(Debug)]
pub struct InstanceMeters {
    /// By direction and reason. A few a minute, so a lock will do.
    decisions: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    /// By result.
    starts: Mutex<BTreeMap<&'static str, u64>>,
    start: Histogram,
    held: PerCore<Histogram>,
}

/// What the instances of a service came to.
#[derive(Clone, Debug)]
pub struct InstanceTotals {
    /// The service's name.
    pub service: Arc<str>,
    /// Decisions by direction and reason.
    pub decisions: Vec<(&'static str, &'static str, u64)>,
    /// Starts by result.
    pub starts: Vec<(&'static str, u64)>,
    /// From launch to ready.
    pub start: Buckets,
    /// How long requests were held until an instance was ready.
    pub held: Buckets,
}

impl InstanceMeters {
    pub(super) fn new(cores: usize) -> Self {
        Self {
            decisions: Mutex::default(),
            // There from the beginning, so that the first start is an increase already.
            starts: Mutex::new(BTreeMap::from([(READY, 0)])),
            start: Histogram::default(),
            held: PerCore::new(cores),
        }
    }

    /// A decision was made: its direction (`up`, `down`, `stay`) and its reason, as labels.
    pub fn decided(&self, direction: &'static str, reason: &'static str) {
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        *decisions.entry((direction, reason)).or_default() += 1;
    }

    /// An instance became ready, `took` after its launch.
    pub fn became_ready(&self, took: Duration) {
        self.start.record(took);
        self.start_ended(READY);
    }

    /// An instance did not become ready, for that reason: a word as a label, such as `exited` or `timeout`.
    pub fn start_failed(&self, why: &'static str) {
        self.start_ended(why);
    }

    /// A request was held for `took` until an instance was ready, or until it was given up.
    pub fn held(&self, core: usize, took: Duration) {
        self.held.of(core).record(took);
    }

    fn start_ended(&self, result: &'static str) {
        *self.starts.lock().unwrap_or_else(PoisonError::into_inner).entry(result).or_default() += 1;
    }

    /// All of it at this moment.
    pub(super) fn totals(&self, service: Arc<str>) -> InstanceTotals {
        let (mut start, mut held) = (Buckets::default(), Buckets::default());
        start.gather(&self.start);
        self.held.each().for_each(|cell| held.gather(cell));
        let decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        let starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        InstanceTotals {
            service,
            decisions: decisions.iter().map(|((direction, reason), n)| (*direction, *reason, *n)).collect(),
            starts: starts.iter().map(|(result, n)| (*result, *n)).collect(),
            start,
            held,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Meters;
    use std::time::Duration;

    #[test]
    fn a_service_without_instances_has_no_such_series() {
        let meters = Meters::new(2);
        let _service = meters.service("search");
        let mut text = String::new();
        meters.render(&mut text);
        assert!(meters.snapshot().instances.is_empty());
        for family in ["tidegate_scale_", "tidegate_instance_", "tidegate_held_"] {
            assert!(!text.contains(family), "{family}: {text}");
        }
    }

    #[test]
    fn what_was_counted_on_any_core_is_written_by_name() {
        let meters = Meters::new(2);
        let shop = meters.instances("shop");
        shop.decided("up", "concurrency");
        shop.decided("up", "concurrency");
        shop.decided("stay", "steady");
        shop.became_ready(Duration::from_millis(700));
        shop.start_failed("timeout");
        shop.held(0, Duration::from_millis(600));
        shop.held(1, Duration::from_secs(2));
        let mut text = String::new();
        meters.render(&mut text);
        for line in [
            "tidegate_scale_decisions_total{service=\"shop\",direction=\"up\",reason=\"concurrency\"} 2\n",
            "tidegate_scale_decisions_total{service=\"shop\",direction=\"stay\",reason=\"steady\"} 1\n",
            "tidegate_instance_starts_total{service=\"shop\",result=\"ready\"} 1\n",
            "tidegate_instance_starts_total{service=\"shop\",result=\"timeout\"} 1\n",
            "tidegate_instance_start_seconds_bucket{service=\"shop\",le=\"0.5\"} 0\n",
            "tidegate_instance_start_seconds_bucket{service=\"shop\",le=\"1\"} 1\n",
            "tidegate_instance_start_seconds_count{service=\"shop\"} 1\n",
            "tidegate_held_seconds_count{service=\"shop\"} 2\n",
            "tidegate_held_seconds_sum{service=\"shop\"} 2.6\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn the_series_of_a_service_go_when_it_has_no_instances_any_more() {
        let meters = Meters::new(1);
        let shop = meters.instances("shop");
        shop.became_ready(Duration::from_millis(1));
        drop(shop);
        meters.retire_unheld();
        assert!(meters.snapshot().instances.is_empty());
    }
}
