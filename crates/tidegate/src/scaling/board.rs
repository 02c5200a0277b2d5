//! What is known of instances and decisions, where the admin API finds it.

use admin::{DecisionView, ServiceInstances};
use engines::keda::Demand;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Decisions that are kept of each service. Those that change nothing, one after the other, count as one.
const KEPT: usize = 200;
/// What somebody else can scale by, too: two numbers that two questions about it cannot mix up.
const TOLD: [&str; 2] = ["concurrency", "rps"];

/// Views of all services that have instances. Locked for a moment, never across a wait.
#[derive(Debug, Default)]
pub(crate) struct Board {
    entries: Mutex<BTreeMap<Box<str>, Entry>>,
    /// All services of the first config are on it.
    begun: AtomicBool,
    /// Clients may be sent here, and that stays so.
    open: AtomicBool,
}

#[derive(Debug, Default)]
struct Entry {
    view: ServiceInstances,
    decisions: VecDeque<DecisionView>,
    /// It has had an instance that was ready, needs none, or has shown that it cannot have one now.
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

    /// How much a service is asked for, by the first of its targets that is counted here. `None`: it has none of them, or
    /// nothing was decided yet.
    pub(crate) fn demand(&self, service: &str) -> Option<Demand> {
        let entries = self.entries();
        let entry = entries.get(service)?;
        let last = entry.decisions.back()?;
        let told = |signal: &str| last.proposals.iter().find(|proposal| proposal.signal == signal);
        let proposal = TOLD.iter().find_map(|signal| told(signal))?;
        // In a panic the short average counts, where it is greater.
        let panic = proposal.panic.filter(|_| last.panicking).unwrap_or_default();
        let view = &entry.view;
        Some(Demand {
            current: proposal.stable.unwrap_or_default().max(panic),
            target: proposal.target,
            active: view.wanted > 0 || view.held > 0,
        })
    }

    /// Has each service that is to have instances had one? Asked before clients are sent here. One whose first start has
    /// failed does not keep them from the others, and neither does one that a later config adds.
    pub(crate) fn all_were_ready(&self) -> bool {
        if self.open.load(Ordering::Acquire) {
            return true;
        }
        let all = self.begun.load(Ordering::Acquire) && self.entries().values().all(|entry| entry.was_ready);
        self.open.fetch_or(all, Ordering::AcqRel) || all
    }

    /// All services of the config are on it.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// How a service is now.
    pub(super) fn show(&self, view: ServiceInstances) {
        let mut entries = self.entries();
        let entry = entries.entry(view.service.as_str().into()).or_default();
        let has_failed = view.crash_loop.is_some() || view.instances.iter().any(|one| one.restarts > 0);
        entry.was_ready |= view.ready > 0 || view.wanted == 0 || has_failed;
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

#[cfg(test)]
mod tests {
    use super::*;
    use admin::ProposalView;
    use std::time::SystemTime;

    fn shop(wanted: u32, ready: u32) -> ServiceInstances {
        ServiceInstances { service: "shop".into(), wanted, ready, ..ServiceInstances::default() }
    }

    /// A board whose service was first shown like this.
    fn begun(view: ServiceInstances) -> Board {
        let board = Board::default();
        board.show(view);
        assert!(!board.all_were_ready(), "not all services are on it yet");
        board.begin();
        board
    }

    fn board(signals: &[&'static str], panicking: bool, wanted: u32) -> Board {
        let proposal = |signal: &&'static str| ProposalView {
            signal,
            stable: Some(12.0),
            panic: Some(40.0),
            target: 5.0,
            wants: 3,
        };
        let board = Board::default();
        board.show(ServiceInstances { service: "shop".into(), wanted, ..ServiceInstances::default() });
        board.keep(
            "shop",
            DecisionView {
                at: SystemTime::UNIX_EPOCH,
                ready: 1,
                starting: 0,
                from: wanted,
                to: wanted,
                direction: "stay",
                reason: "steady",
                text: String::new(),
                proposals: signals.iter().map(proposal).collect(),
                limits: Vec::new(),
                panicking,
                repeated: 1,
            },
        );
        board
    }

    #[test]
    fn clients_wait_for_the_first_instance_of_each_service_and_never_again() {
        let board = begun(shop(2, 0));
        assert!(!board.all_were_ready());
        board.show(shop(2, 1));
        assert!(board.all_were_ready());
        board.show(ServiceInstances { service: "new".into(), ..shop(1, 0) });
        assert!(board.all_were_ready(), "another config has added a service");
    }

    #[test]
    fn clients_do_not_wait_for_a_service_that_sleeps_or_does_not_come_up() {
        assert!(begun(shop(0, 0)).all_were_ready());
        let looping = ServiceInstances { crash_loop: Some("exit status 1".into()), ..shop(1, 0) };
        assert!(begun(looping).all_were_ready());
    }

    #[test]
    fn what_is_told_of_a_service_is_what_was_decided_from() {
        let demand = board(&["cpu", "concurrency"], false, 3).demand("shop").unwrap();
        assert_eq!(demand, Demand { current: 12.0, target: 5.0, active: true });
        let panicking = board(&["rps"], true, 0).demand("shop").unwrap();
        assert_eq!(panicking, Demand { current: 40.0, target: 5.0, active: false });
    }

    #[test]
    fn nothing_is_told_of_services_without_such_a_target() {
        assert_eq!(board(&["cpu"], false, 3).demand("shop"), None);
        assert_eq!(board(&["rps"], false, 3).demand("other"), None);
        assert_eq!(Board::default().demand("shop"), None);
    }
}
