//! What operators do to the endpoints of a running node: add, take away, drain.
//!
//! All of it is remembered in [`Members`], and the states of endpoints are made to follow from there
//! ([`follow_drains`]) before a version of the services comes into force. So no request meets an endpoint that is to be
//! drained in a version that does not know yet. *Not here*: what a drain means to a request (the room `balance`), and
//! what the admin API calls these things.

use super::{Node, shown};
use crate::membership::Members;
use crate::newcomer;
use admin::{Edit, Refusal};
use balance::State;
use base::Moment;
use observe::{Event, EventKind};
use serde_json::{Value, json};
use std::sync::Arc;
use upstream::Service;

/// Endpoints that operators may add to one service. More belong in a file.
const ADDED_MOST: usize = 1000;

impl Node {
    /// Does what an operator asks for.
    pub(super) fn edited(&self, service: &str, edit: Edit<'_>) -> Result<Value, Refusal> {
        self.service(service).ok_or(Refusal::NoService)?;
        match edit {
            Edit::Add(text) => self.add(service, newcomer::read(text)?),
            Edit::Remove(url) => self.remove(service, &newcomer::label(url)),
            Edit::Drain(url) => self.drain_endpoint(service, &newcomer::label(url), true),
            Edit::Undrain(url) => self.drain_endpoint(service, &newcomer::label(url), false),
        }
    }

    fn add(&self, service: &str, endpoint: config::Endpoint) -> Result<Value, Refusal> {
        let label = endpoint.url.to_string();
        if self.members().added(service).filter(|url| *url != label).count() >= ADDED_MOST {
            let why =
                format!("{ADDED_MOST} endpoints were added to `{service}` already: list them in a file.");
            return Err(Refusal::Bad(why, json!([])));
        }
        let weight = endpoint.weight;
        self.renew(|members, _| members.add(service, endpoint)).map_err(|report| bad(&report))?;
        observe::log::info(format_args!("service {service}: {label} was added, with the weight {weight}"));
        self.tell(Event::new(EventKind::Added).of(service).at(&label).because(&format!("weight {weight}")));
        self.view(service, &label)
    }

    fn remove(&self, service: &str, label: &str) -> Result<Value, Refusal> {
        // Requests that began with the services as they are now must not pick it any more either.
        let mut last = self.drain_endpoint(service, label, true)?;
        let removed = self.renew(|members, file| {
            let listed = file.services.iter().find(|(name, _)| name.as_str() == service);
            members.remove(service, label, listed.map(|(_, typed)| typed));
        });
        if let Err(report) = removed {
            self.drain_endpoint(service, label, false)?;
            return Err(bad(&report));
        }
        observe::log::info(format_args!("service {service}: {label} was taken away"));
        let under_way = format!("{} requests under way", last["pending"]);
        self.tell(Event::new(EventKind::Removed).of(service).at(label).because(&under_way));
        count_endpoints(&mut last, self.service(service).as_deref());
        Ok(last)
    }

    fn drain_endpoint(&self, service: &str, label: &str, on: bool) -> Result<Value, Refusal> {
        let found = self.view(service, label);
        if found.is_ok() {
            // While this is held no other version of the services is made.
            let version = self.version();
            let mut members = self.members();
            members.set_drained(service, label, on);
            follow_drains(&self.shared.site().services, &members, self.clock.now());
            drop((members, version));
        }
        found.and_then(|_| self.view(service, label))
    }

    /// The service of that name.
    fn service(&self, name: &str) -> Option<Arc<Service>> {
        self.shared.site().services.iter().find(|s| &*s.settings.name == name).cloned()
    }

    /// An endpoint as it is shown, and how many its service has.
    fn view(&self, service: &str, label: &str) -> Result<Value, Refusal> {
        let service = self.service(service).ok_or(Refusal::NoService)?;
        let view = shown::service(&service, &self.members());
        let Some(endpoint) = view.endpoints.iter().find(|endpoint| endpoint.url == label) else {
            return Err(Refusal::NoEndpoint(view.endpoints.into_iter().map(|e| e.url).collect()));
        };
        let mut value = json!(endpoint);
        value["service"] = json!(view.name);
        count_endpoints(&mut value, Some(&service));
        Ok(value)
    }
}

fn count_endpoints(value: &mut Value, service: Option<&Service>) {
    let members = service.map(|service| service.members.as_slice()).unwrap_or_default();
    let up = members.iter().filter(|m| m.endpoint.health.state() == State::Up).count();
    value["endpoints_up"] = json!(up);
    value["endpoints_total"] = json!(members.len());
}

/// Drains those endpoints that operators want drained, and no others.
pub(super) fn follow_drains(services: &[Arc<Service>], members: &Members, now: Moment) {
    for service in services {
        for (place, member) in service.members.iter().enumerate() {
            let wanted = members.is_drained(&service.settings.name, &member.endpoint.label);
            if (member.endpoint.health.state() == State::Draining) != wanted
                && let Some(change) = service.standing.circle.drain(&service.members, place, wanted, now)
            {
                service.note(&change);
            }
        }
    }
}

/// The services cannot be built with that change, for example for want of a readable TLS file.
fn bad(report: &config::Report) -> Refusal {
    let first = report.problems().first().map_or_else(String::new, |problem| problem.message.clone());
    Refusal::Bad(first, report.to_json())
}
