//! What is known of instances and decisions, where the admin API finds it.

use admin::{DecisionView, ServiceInstances};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Decisions that are kept of each service. Those that change nothing, one after the other, count as one.
const KEPT: usize = 200;

/// Views of all services that have instances. Locked for a moment, never across a wait.
#[derive(Debug, Default)]
pub(crate) struct Board {
    entries: Mutex<BTreeMap<Box<str>, Entry>>,
    begun: AtomicBool,
}

#[derive(Debug, Default)]
struct Entry {
    view: ServiceInstances,
    decisions: VecDeque<DecisionView>,
    /// It has had as many ready instances as it needs to begin with.
    was_ready: bool,
}

impl Board {
    /// Is there such a service?
    pub(crate) fn knows(&self, service: &str) -> bool {
        self.entries().contains_key(service)
    }

    /// All services, in the order of their names.
    pub(crate) fn views(&self) -> Vec<ServiceInstances> {
        let one =
            |entry: &Entry| ServiceInstances { last: entry.decisions.back().cloned(), ..entry.view.clone() };
        self.entries().values().map(one).collect()
    }

    /// A service's last decisions, the newest first.
    pub(crate) fn decisions(&self, service: &str) -> Option<Vec<DecisionView>> {
        self.entries().get(service).map(|entry| entry.decisions.iter().rev().cloned().collect())
    }

    /// Has each service that is to have instances had one?
    pub(crate) fn all_were_ready(&self) -> bool {
        self.begun.load(Ordering::Acquire) && self.entries().values().all(|entry| entry.was_ready)
    }

    /// All services of the config are on it.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// How a service is now.
    pub(super) fn show(&self, view: ServiceInstances) {
        let mut entries = self.entries();
        let entry = entries.entry(view.service.as_str().into()).or_default();
        entry.was_ready |= view.ready > 0 || view.wanted == 0;
        entry.view = view;
    }

    /// A decision. One that says the same as the last one only counts.
    pub(super) fn keep(&self, service: &str, decision: DecisionView) {
        let mut entries = self.entries();
        let decisions = &mut entries.entry(service.into()).or_default().decisions;
        let same = |last: &DecisionView| {
            last.from == last.to
                && (decision.from, decision.to, decision.reason) == (last.from, last.to, last.reason)
        };
        match decisions.back_mut() {
            Some(last) if same(last) => *last = DecisionView { repeated: last.repeated + 1, ..decision },
            _ => {
                decisions.push_back(decision);
                if decisions.len() > KEPT {
                    decisions.pop_front();
                }
            }
        }
    }

    /// Services that have no instances any more.
    pub(super) fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.entries().retain(|name, _| is_there(name));
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
