//! All services that have instances.

use super::HandedInstances;
use super::board::Board;
use super::keda::Keda;
use super::one::Scaled;
use crate::node::Node;
use gateway::Site;
use instances::{Fleet, Handed};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use tokio::sync::Notify;
use tokio::task::spawn_local;

/// What the thread looks after.
pub(super) struct Crew {
    node: Weak<Node>,
    board: Arc<Board>,
    rung: Rc<Notify>,
    services: BTreeMap<Box<str>, Scaled>,
    keda: Option<Keda>,
    /// The site that the services were last looked up in.
    site: Option<Arc<Site>>,
    /// Another process is to take over.
    frozen: bool,
    /// It has, or everything has been ended.
    done: bool,
}

impl Crew {
    pub(super) fn new(node: Weak<Node>, board: Arc<Board>, rung: Rc<Notify>) -> Self {
        let services = BTreeMap::new();
        Self { node, board, rung, services, keda: None, site: None, frozen: false, done: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Begins, with the instances of an earlier process. Those of services that have none in the config any more end
    /// as soon as that process lets go of them.
    pub(super) fn adopt(&mut self, mut handed: HandedInstances) {
        self.update(|name| handed.remove(name).unwrap_or_default());
        self.board.begin();
    }

    /// Another config is in force.
    pub(super) fn follow(&mut self) {
        self.update(|_| Vec::new());
    }

    fn update(&mut self, mut handed: impl FnMut(&str) -> Vec<Handed>) {
        let Some(node) = self.node.upgrade().filter(|_| !self.done) else { return };
        let plans = node.instance_plans();
        let gone: Vec<_> =
            self.services.keys().filter(|name| !plans.iter().any(|(n, _)| n == *name)).cloned().collect();
        for name in gone {
            self.end(&name);
        }
        for (name, plan) in plans {
            if self.services.get_mut(&name).is_some_and(|scaled| scaled.follow(plan.clone())) {
                continue;
            }
            self.end(&name);
            let scaled = Scaled::new(&name, plan, handed(&name), &node, &self.board, &self.rung);
            self.services.insert(name, scaled);
        }
        self.answer_keda(node.keda());
        self.board.retain(|name| self.services.contains_key(name));
        self.site = None;
        self.look();
    }

    /// Listens where KEDA asks.
    fn answer_keda(&mut self, listen: Option<config::Address>) {
        if listen.as_ref() == self.keda.as_ref().map(Keda::address) {
            return;
        }
        self.keda = listen.map(|listen| Keda::start(listen, &self.board));
    }

    /// Ends the instances of a service, which others serve from now on. Nobody waits for that.
    fn end(&mut self, name: &str) {
        if let Some(scaled) = self.services.remove(name) {
            let hands = scaled.hands().clone();
            if let Some(fleet) = hands.fleet() {
                fleet.retire();
            }
            spawn_local(async move { hands.stop().await });
        }
    }

    /// Measures all, decides where that is due.
    pub(super) fn look(&mut self) {
        let Some(node) = self.node.upgrade() else { return };
        let site = node.site();
        drop(node);
        if self.site.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &site)) {
            for service in &site.services {
                if let Some(scaled) = self.services.get_mut(&service.settings.name) {
                    scaled.see(service);
                }
            }
            self.site = Some(site);
        }
        for scaled in self.services.values_mut() {
            scaled.look(self.frozen);
        }
    }

    pub(super) fn restart(&self, service: &str) {
        if let Some(fleet) = self.services.get(service).and_then(|scaled| scaled.hands().fleet()) {
            fleet.restart();
        }
    }

    pub(super) fn freeze(&mut self, on: bool) {
        self.frozen = on;
        self.fleets().for_each(|(_, fleet)| fleet.freeze(on));
    }

    fn fleets(&self) -> impl Iterator<Item = (&str, &Rc<Fleet>)> {
        self.services.iter().filter_map(|(name, scaled)| Some((&**name, scaled.hands().fleet()?)))
    }

    pub(super) fn hand_over(&mut self) -> HandedInstances {
        self.freeze(true);
        self.fleets().map(|(name, fleet)| (name.to_owned(), fleet.hand_over())).collect()
    }

    pub(super) fn let_go(&mut self) {
        self.done = true;
        self.fleets().for_each(|(_, fleet)| fleet.let_go());
        self.services.clear();
        self.keda = None;
        self.site = None;
    }

    /// Ends all instances, side by side.
    pub(super) async fn stop(&mut self) {
        self.done = true;
        self.keda = None;
        let services = std::mem::take(&mut self.services);
        let ends = services.into_values().map(|scaled| {
            let hands = scaled.hands().clone();
            spawn_local(async move { hands.stop().await })
        });
        for end in ends.collect::<Vec<_>>() {
            let _ = end.await;
        }
    }
}
