//! Who serves a service beside those that the file names: endpoints that were discovered, and what operators have added
//! and taken away at run time.
//!
//! What operators did lives until the process ends, over reloads: it is for the hour of need. What shall last belongs
//! in the file.

use crate::assemble::service::endpoint;
use std::collections::{HashMap, HashSet};
use upstream::EndpointSettings;

/// Changes to the members of all services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    /// By service: what its name in DNS, or its file, last gave.
    found: HashMap<Box<str>, Vec<EndpointSettings>>,
    /// By service: what operators added.
    added: HashMap<Box<str>, Vec<config::Endpoint>>,
    /// By service: the URLs that operators took away.
    removed: HashMap<Box<str>, HashSet<Box<str>>>,
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

    /// Adds an endpoint, or brings one back that was taken away.
    pub(crate) fn add(&mut self, service: &str, endpoint: config::Endpoint) {
        let label = endpoint.url.to_string();
        if let Some(removed) = self.removed.get_mut(service) {
            removed.remove(&*label);
        }
        let added = self.added.entry(service.into()).or_default();
        added.retain(|e| e.url != endpoint.url);
        added.push(endpoint);
    }

    /// Takes an endpoint away.
    pub(crate) fn remove(&mut self, service: &str, label: &str) {
        if let Some(added) = self.added.get_mut(service) {
            added.retain(|e| e.url.to_string() != label);
        }
        self.removed.entry(service.into()).or_default().insert(label.into());
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
        members.remove("shop", "http://a:1");
        assert_eq!(labels(&members, &typed), ["http://b:1", "http://c:1"]);
        members.remove("shop", "http://c:1");
        assert_eq!(labels(&members, &typed), ["http://b:1"]);
        members.add("shop", config::Endpoint { weight: 7, ..at("http://a:1") });
        assert_eq!(labels(&members, &typed), ["http://a:1", "http://b:1"]);
        assert_eq!(members.of("shop", &typed, None)[0].weight.get(), 7);
        assert_eq!(members.of("other", &typed, None).len(), 2);
    }
}
