//! What fleets ask of the gateway.

use crate::node::Node;
use instances::{Happening, Host, InFlight, Member};
use std::sync::Weak;

/// The gateway as fleets see it.
pub(super) struct Gate(pub(super) Weak<Node>);

impl Host for Gate {
    fn endpoints(&self, service: &str, members: &[Member]) {
        if let Some(node) = self.0.upgrade() {
            node.set_instances(service, members);
        }
    }

    fn in_flight(&self, service: &str, name: &str) -> InFlight {
        let Some(node) = self.0.upgrade() else { return InFlight::default() };
        let site = node.site();
        let service = site.services.iter().find(|s| *s.settings.name == *service);
        let members = service.map(|s| s.members.as_slice()).unwrap_or_default();
        members.iter().find(|m| *m.endpoint.label == *name).map_or_else(InFlight::default, |member| {
            let load = &member.endpoint.load;
            InFlight { requests: load.pending(), streams: load.answering() }
        })
    }

    fn tell(&self, service: &str, happening: &Happening) {
        if let Some(node) = self.0.upgrade() {
            node.instance_happened(service, happening);
        }
    }
}
