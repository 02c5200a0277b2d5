//! Who serves a service beside those that the file names: endpoints that were discovered, and what operators have added
//! and taken away at run time, and which of all they want drained.
//!
//! What operators did lives until the process ends, over reloads: it is for the hour of need. What shall last belongs
//! in the file. A drain ends with its endpoint: what comes back under the same URL is another process, mostly.

use crate::assemble::service::endpoint;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use upstream::{EndpointSettings, Service};

/// Changes to the members of all services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    /// By service: what its name in DNS, or its file, last gave.
    found: HashMap<Box<str>, Vec<EndpointSettings>>,
    /// By service: what operators added.
    added: HashMap<Box<str>, Vec<config::Endpoint>>,
    /// By service: the URLs that operators took away.
    removed: HashMap<Box<str>, HashSet<Box<str>>>,
    /// By service: the URLs that get no new requests.
    drained: HashMap<Box<str>, HashSet<Box<str>>>,
}

impl Members {
    /// The endpoints of a service now.
    pub(crate) fn of(
        &self,
        name: &str,
        typed: &config::Service,
        zone: Option<&config::ZoneName>,
    ) -> Vec<EndpointSettings> {
        let mut all: Vec<EndpointSettings> = match typed.discovery() {
            config::Discovery::Endpoints(fixed) => fixed.iter().map(|e| endpoint(e, typed, zone)).collect(),
            _ => self.found.get(name).cloned().unwrap_or_default(),
        };
        for more in self.added.get(name).into_iter().flatten() {
            let more = endpoint(more, typed, zone);
            // What was added replaces what has the same name.
            match all.iter_mut().find(|e| e.label == more.label) {
                Some(same) => *same = more,
                None => all.push(more),
            }
        }
        if let Some(removed) = self.removed.get(name) {
            all.retain(|e| !removed.contains(&e.label));
        }
        all
    }

    /// What was discovered last.
    pub(crate) fn found(&self, service: &str) -> Option<&[EndpointSettings]> {
        self.found.get(service).map(Vec::as_slice)
    }

    /// What was discovered.
    pub(crate) fn set_found(&mut self, service: &str, endpoints: Vec<EndpointSettings>) {
        self.found.insert(service.into(), endpoints);
    }

    /// What was discovered is no endpoint of the service any more.
    pub(crate) fn forget_found(&mut self, service: &str) {
        self.found.remove(service);
    }

    /// Adds an endpoint, brings one back that was taken away or drained, or gives one other settings.
    pub(crate) fn add(&mut self, service: &str, endpoint: config::Endpoint) {
        let label = endpoint.url.to_string();
        self.set_drained(service, &label, false);
        if let Some(removed) = self.removed.get_mut(service) {
            removed.remove(&*label);
        }
        let added = self.added.entry(service.into()).or_default();
        added.retain(|e| e.url != endpoint.url);
        added.push(endpoint);
    }

    /// Takes an endpoint away. Only where the file or a source lists it must that be remembered.
    pub(crate) fn remove(&mut self, service: &str, label: &str, typed: Option<&config::Service>) {
        if let Some(added) = self.added.get_mut(service) {
            added.retain(|e| e.url.to_string() != label);
        }
        self.set_drained(service, label, false);
        let in_file = typed.is_some_and(|typed| typed.endpoints.iter().any(|e| e.url.to_string() == label));
        let is_found = self.found(service).unwrap_or_default().iter().any(|e| &*e.label == label);
        if in_file || is_found {
            self.removed.entry(service.into()).or_default().insert(label.into());
        }
    }

    /// The URLs that operators added.
    pub(crate) fn added(&self, service: &str) -> impl Iterator<Item = String> {
        self.added.get(service).into_iter().flatten().map(|endpoint| endpoint.url.to_string())
    }

    /// The URLs that operators took away, in their order.
    pub(crate) fn removed(&self, service: &str) -> Vec<String> {
        let mut removed: Vec<_> =
            self.removed.get(service).into_iter().flatten().map(ToString::to_string).collect();
        removed.sort_unstable();
        removed
    }

    /// Says whether an endpoint is to get new requests.
    pub(crate) fn set_drained(&mut self, service: &str, label: &str, on: bool) {
        if on {
            self.drained.entry(service.into()).or_default().insert(label.into());
        } else if let Some(drained) = self.drained.get_mut(service) {
            drained.remove(label);
        }
    }

    /// Is an endpoint to get no new requests?
    pub(crate) fn is_drained(&self, service: &str, label: &str) -> bool {
        self.drained.get(service).is_some_and(|drained| drained.contains(label))
    }

    /// Forgets the drains of endpoints that are none any more.
    pub(crate) fn forget_drains(&mut self, services: &[Arc<Service>]) {
        self.drained.retain(|name, drained| {
            let service = services.iter().find(|service| service.settings.name == *name);
            let members = service.map(|service| service.members.as_slice()).unwrap_or_default();
            drained.retain(|label| members.iter().any(|member| member.endpoint.label == *label));
            !drained.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> config::Endpoint {
        serde_json::from_value(serde_json::json!({ "url": url })).unwrap()
    }

    fn service(urls: &[&str]) -> config::Service {
        config::Service { endpoints: urls.iter().map(|url| at(url)).collect(), ..config::Service::default() }
    }

    fn labels(members: &Members, typed: &config::Service) -> Vec<String> {
        members.of("shop", typed, None).iter().map(|e| e.label.to_string()).collect()
    }

    #[test]
    fn operators_add_take_away_and_bring_back() {
        let typed = service(&["http://a:1", "http://b:1"]);
        let mut members = Members::default();
        members.add("shop", at("http://c:1"));
        members.remove("shop", "http://a:1", Some(&typed));
        assert_eq!(labels(&members, &typed), ["http://b:1", "http://c:1"]);
        members.remove("shop", "http://c:1", Some(&typed));
        assert_eq!(labels(&members, &typed), ["http://b:1"]);
        members.add("shop", config::Endpoint { weight: 7, ..at("http://a:1") });
        assert_eq!(labels(&members, &typed), ["http://a:1", "http://b:1"]);
        assert_eq!(members.of("shop", &typed, None)[0].weight.get(), 7);
        assert_eq!(members.of("other", &typed, None).len(), 2);
    }

    #[test]
    fn only_what_somebody_lists_must_be_remembered_as_taken_away() {
        let typed = service(&["http://a:1"]);
        let mut members = Members::default();
        for n in 1..100 {
            let url = format!("http://b:{n}");
            members.add("shop", at(&url));
            members.remove("shop", &url, Some(&typed));
        }
        assert_eq!(members.removed("shop"), [""; 0]);
        members.remove("shop", "http://a:1", Some(&typed));
        assert_eq!(members.removed("shop"), ["http://a:1"]);
        assert_eq!(labels(&members, &typed), [""; 0]);
    }

    #[test]
    fn an_endpoint_that_is_added_or_taken_away_is_drained_no_more() {
        let mut members = Members::default();
        for url in ["http://a:1", "http://b:1", "http://c:1"] {
            members.set_drained("shop", url, true);
        }
        members.add("shop", at("http://a:1"));
        members.remove("shop", "http://b:1", None);
        let drained = ["http://a:1", "http://b:1", "http://c:1"].map(|url| members.is_drained("shop", url));
        assert_eq!(drained, [false, false, true]);
        members.forget_drains(&[]);
        assert!(!members.is_drained("shop", "http://c:1"), "there is no such endpoint any more");
    }
}
