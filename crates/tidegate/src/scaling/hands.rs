//! Who does what was decided: a fleet of our own, a cluster, or somebody else who is told.

use super::cluster::Replicas;
use super::host::Gate;
use super::told::Told;
use crate::assemble::instances::{Driver, Plan};
use crate::node::Node;
use balance::State;
use instances::{Fleet, FleetCount, FleetView, Handed};
use std::rc::Rc;
use std::sync::Arc;
use upstream::Service;

/// What instances are launched and ended with.
#[derive(Clone)]
pub(super) enum Hands {
    /// Tidegate's own.
    Fleet(Rc<Fleet>),
    /// A cluster's, whose pods are the service's endpoints.
    Cluster(Rc<Replicas>),
    /// Somebody else's, whose instances are the service's endpoints.
    Others(Rc<Told>),
}

impl Hands {
    pub(super) fn new(name: &str, plan: &Plan, node: &Arc<Node>, handed: Vec<Handed>) -> Self {
        match &plan.driver {
            Driver::Fleet(settings) => {
                let host = Rc::new(Gate(Arc::downgrade(node)));
                let fleet = Fleet::new((**settings).clone(), host, node.clock());
                if !handed.is_empty() {
                    fleet.adopt(handed);
                }
                Self::Fleet(fleet)
            }
            Driver::Kubernetes(cluster) => Self::Cluster(Replicas::new(name, cluster, node)),
            other => Self::Others(Told::new(name, other)),
        }
    }

    /// Another version of the config. False: it takes other hands.
    pub(super) fn follow(&self, plan: &Plan) -> bool {
        match (self, &plan.driver) {
            (Self::Fleet(fleet), Driver::Fleet(settings)) => {
                fleet.configure((**settings).clone());
                true
            }
            _ => false,
        }
    }

    /// So many are wanted.
    pub(super) fn want(&self, count: u32, reason: &str) {
        match self {
            Self::Fleet(fleet) => fleet.want(count),
            Self::Cluster(replicas) => replicas.want(count),
            Self::Others(told) => told.want(count, reason),
        }
    }

    /// How many are there. Of others it is known which endpoints can be used, and no more.
    pub(super) fn count(&self, service: &Service) -> FleetCount {
        match self {
            Self::Fleet(fleet) => fleet.count(),
            Self::Cluster(replicas) => replicas.count(),
            Self::Others(_) => FleetCount { ready: usable(service), ..FleetCount::default() },
        }
    }

    /// Who is there, for people.
    pub(super) fn view(&self, service: &Service) -> FleetView {
        match self {
            Self::Fleet(fleet) => fleet.view(),
            Self::Cluster(replicas) => replicas.view(),
            Self::Others(told) => {
                FleetView { ready: usable(service), rollout: told.trouble(), ..FleetView::default() }
            }
        }
    }

    pub(super) fn fleet(&self) -> Option<&Rc<Fleet>> {
        match self {
            Self::Fleet(fleet) => Some(fleet),
            Self::Cluster(_) | Self::Others(_) => None,
        }
    }

    /// Is it known how many there were before anything was decided? Only of a cluster that has to be found out.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Self::Cluster(_))
    }

    /// How many a cluster had, once that is known, or how many containers have outlived an earlier process, where those are
    /// more than were wanted; said once.
    pub(super) fn take_found(&self) -> Option<u32> {
        match self {
            Self::Fleet(fleet) => fleet.take_found(),
            Self::Cluster(replicas) => replicas.take_found(),
            Self::Others(_) => None,
        }
    }

    /// Ends what Tidegate has launched.
    pub(super) async fn stop(&self) {
        if let Self::Fleet(fleet) = self {
            fleet.stop().await;
        }
    }
}

/// How many endpoints of a service can be used.
fn usable(service: &Service) -> u32 {
    let is_up = |m: &&upstream::Member| m.endpoint.health.state() == State::Up;
    u32::try_from(service.members.iter().filter(is_up).count()).unwrap_or(u32::MAX)
}
