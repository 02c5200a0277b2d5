//! The pods of a service, as the cluster tells of them: who gets requests, who goes first, how they are shown. Pure.
//!
//! A pod is known by its name; an address without one by that. One that is ready gets requests, one that ends gets no new
//! ones and keeps those under way, and one that is not ready is none of the service's endpoints: what it has is
//! finished all the same.

use crate::assemble::cluster::Cluster;
use engines::kubernetes::{Endpoint, Readiness};
use instances::{FleetCount, FleetView, InFlight, InstanceState, InstanceView};
use scale::{Candidate, StartTime};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};
use upstream::EndpointSettings;

/// What comes into force.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct PodsNow {
    /// The endpoints, by the names of their pods.
    pub(crate) endpoints: Vec<EndpointSettings>,
    /// Those that get no new requests.
    pub(crate) ending: Vec<Box<str>>,
    /// Names that got none before, and get some again: another pod that is called so.
    pub(crate) back: Vec<Box<str>>,
}

/// All pods of a service.
#[derive(Debug, Default)]
pub(super) struct Pods {
    by_name: BTreeMap<Box<str>, Pod>,
    /// Pods that were told to go first and have not begun to.
    marked: BTreeSet<Box<str>>,
    start_time: StartTime,
    /// The cluster has told of them once. How long those took that were there then, nobody knows.
    begun: bool,
}

#[derive(Debug)]
struct Pod {
    address: SocketAddr,
    readiness: Readiness,
    /// Whether the cluster can be told something about it.
    named: bool,
    /// In this state.
    since: SystemTime,
    /// First heard of.
    seen: SystemTime,
    ready_after: Option<Duration>,
}

impl Pods {
    /// Takes in all pods as they are now.
    pub(super) fn take(&mut self, endpoints: &[Endpoint], cluster: &Cluster) -> PodsNow {
        let now = SystemTime::now();
        let mut before = std::mem::take(&mut self.by_name);
        let was_ending: Vec<_> = names(&before, Readiness::Draining);
        let mut told = PodsNow::default();
        for endpoint in endpoints {
            let address = || endpoint.address.to_string().into_boxed_str();
            let own = endpoint.pod.clone().filter(|name| !self.by_name.contains_key(name));
            let (name, named) = own.map_or_else(|| (address(), false), |name| (name, true));
            let pod = self.pod(before.remove(&name), endpoint, named, now);
            if pod.readiness != Readiness::NotReady {
                told.endpoints.push(cluster.endpoint(&name, endpoint));
            }
            self.by_name.insert(name, pod);
        }
        self.begun = true;
        self.marked
            .retain(|name| self.by_name.get(name).is_some_and(|pod| pod.readiness == Readiness::Ready));
        told.ending = names(&self.by_name, Readiness::Draining);
        told.back = was_ending.into_iter().filter(|name| !told.ending.contains(name)).collect();
        told
    }

    fn pod(&mut self, before: Option<Pod>, endpoint: &Endpoint, named: bool, now: SystemTime) -> Pod {
        let Endpoint { address, readiness, .. } = *endpoint;
        let before = before.filter(|pod| pod.address == address);
        let fresh = before.is_none();
        let mut pod =
            before.unwrap_or(Pod { address, readiness, named, since: now, seen: now, ready_after: None });
        let became = fresh || pod.readiness != readiness;
        if became {
            pod.since = now;
        }
        // Seen as it started: a pod has an address as soon as its containers are begun.
        if became && !fresh && readiness == Readiness::Ready && pod.ready_after.is_none() && self.begun {
            let took = now.duration_since(pod.seen).unwrap_or_default();
            pod.ready_after = Some(took);
            self.start_time.learn(took);
        }
        pod.readiness = readiness;
        pod
    }

    /// How many get requests.
    pub(super) fn ready(&self) -> u32 {
        self.count(Readiness::Ready)
    }

    fn count(&self, readiness: Readiness) -> u32 {
        u32::try_from(self.by_name.values().filter(|pod| pod.readiness == readiness).count())
            .unwrap_or(u32::MAX)
    }

    /// How many there are, for the scaler, where so many replicas are in force.
    pub(super) fn counted(&self, in_force: Option<u32>) -> FleetCount {
        let ready = self.ready();
        FleetCount {
            ready,
            // Those without an address yet are in no slice.
            starting: in_force.map_or(0, |count| count.saturating_sub(ready)),
            draining: self.count(Readiness::Draining),
            start_time: self.start_time.get(),
            ..FleetCount::default()
        }
    }

    /// All of them for people.
    pub(super) fn view(&self, in_force: Option<u32>) -> FleetView {
        let FleetCount { ready, starting, draining, start_time, .. } = self.counted(in_force);
        FleetView {
            wanted: in_force.unwrap_or(ready),
            ready,
            starting,
            draining,
            start_time,
            instances: self.by_name.iter().filter_map(|(name, pod)| pod.view(name)).collect(),
            ..FleetView::default()
        }
    }

    /// The pods in the order in which they should go. Not those that were told to go already.
    pub(super) fn victims(&self, in_flight: impl Fn(&str) -> InFlight) -> Vec<Box<str>> {
        let (names, candidates): (Vec<_>, Vec<_>) = self
            .by_name
            .iter()
            .filter(|(name, _)| !self.marked.contains(*name))
            .filter(|(_, pod)| pod.named && pod.readiness == Readiness::Ready)
            .map(|(name, pod)| {
                let InFlight { requests, streams } = in_flight(name);
                let age = pod.seen.elapsed().unwrap_or_default();
                (name, Candidate { in_flight: requests, streams, ready: true, age, ..Candidate::default() })
            })
            .unzip();
        scale::victims(&candidates, candidates.len()).into_iter().map(|at| names[at].clone()).collect()
    }

    /// These were told to go first.
    pub(super) fn mark(&mut self, names: impl Iterator<Item = Box<str>>) {
        self.marked.extend(names);
    }

    /// Those that were told to go and are as ready as before.
    pub(super) fn take_stayed(&mut self) -> BTreeSet<Box<str>> {
        std::mem::take(&mut self.marked)
    }
}

impl Pod {
    /// One that is not ready is shown while it starts; what else it may be the cluster knows.
    fn view(&self, name: &str) -> Option<InstanceView> {
        let state = match self.readiness {
            Readiness::Ready => InstanceState::Ready,
            Readiness::Draining => InstanceState::Draining,
            Readiness::NotReady if self.since == self.seen => InstanceState::Starting,
            Readiness::NotReady => return None,
        };
        Some(InstanceView {
            name: name.into(),
            state,
            place: self.address.to_string(),
            pid: None,
            revision: String::new(),
            since: self.since,
            ready_after: self.ready_after,
            cpu: None,
            memory: None,
            restarts: 0,
            last_words: None,
        })
    }
}

fn names(pods: &BTreeMap<Box<str>, Pod>, readiness: Readiness) -> Vec<Box<str>> {
    pods.iter().filter(|(_, pod)| pod.readiness == readiness).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Readiness::{Draining, NotReady, Ready};

    fn cluster() -> Cluster {
        let service: config::Service =
            serde_json::from_value(serde_json::json!({ "instances": { "deployment": { "name": "shop" } } }))
                .unwrap();
        let zone = serde_json::from_value(serde_json::json!("a")).unwrap();
        let keys = service.instances.clone().unwrap();
        crate::assemble::cluster::cluster(keys.deployment.as_ref().unwrap(), &service, Some(&zone), false)
    }

    fn pod(name: &str, last: u8, readiness: Readiness) -> Endpoint {
        let (address, pod) =
            (SocketAddr::from(([10, 0, 0, last], 80)), Some(name.into()).filter(|_| !name.is_empty()));
        Endpoint { address, readiness, pod, zone: Some("a".into()) }
    }

    fn labels(told: &PodsNow) -> Vec<&str> {
        told.endpoints.iter().map(|endpoint| &*endpoint.label).collect()
    }

    fn boxed(names: &[&str]) -> Vec<Box<str>> {
        names.iter().map(|name| Box::from(*name)).collect()
    }

    #[test]
    fn ready_pods_get_requests_and_those_that_end_get_no_new_ones() {
        let mut pods = Pods::default();
        let told = pods.take(&[pod("a", 1, Ready), pod("b", 2, Draining), pod("c", 3, NotReady)], &cluster());
        assert_eq!((labels(&told), &told.ending), (vec!["a", "b"], &boxed(&["b"])));
        assert!(told.endpoints[0].rank.local_zone && told.endpoints[0].proven);
        let view = pods.view(Some(4));
        assert_eq!((view.ready, view.starting, view.draining), (1, 3, 1));
        let states: Vec<_> = view.instances.iter().map(|one| (&*one.name, one.state.as_str())).collect();
        assert_eq!(states, [("a", "ready"), ("b", "draining"), ("c", "starting")]);
    }

    #[test]
    fn a_pod_that_is_called_like_one_that_ended_gets_requests() {
        let mut pods = Pods::default();
        pods.take(&[pod("db-0", 1, Draining)], &cluster());
        let told = pods.take(&[pod("db-0", 9, Ready)], &cluster());
        assert_eq!((told.back, told.ending), (boxed(&["db-0"]), boxed(&[])));
        assert_eq!(pods.view(None).instances[0].place, "10.0.0.9:80");
    }

    #[test]
    fn addresses_without_a_pod_and_pods_with_two_addresses_have_names_of_their_own() {
        let mut pods = Pods::default();
        let told = pods.take(&[pod("", 1, Ready), pod("a", 2, Ready), pod("a", 3, Ready)], &cluster());
        assert_eq!(labels(&told), ["10.0.0.1:80", "a", "10.0.0.3:80"]);
        assert_eq!(pods.victims(|_| InFlight::default()), boxed(&["a"]), "the cluster knows no other name");
    }

    #[test]
    fn who_has_the_least_to_do_goes_first_and_nobody_is_told_twice() {
        let mut pods = Pods::default();
        let all = [pod("a", 1, Ready), pod("b", 2, Ready), pod("c", 3, Ready), pod("d", 4, NotReady)];
        pods.take(&all, &cluster());
        let busy = |name: &str| InFlight {
            requests: if name == "b" { 0 } else { 5 },
            streams: u32::from(name == "a"),
        };
        assert_eq!(pods.victims(busy), boxed(&["b", "c", "a"]));
        pods.mark(boxed(&["b"]).into_iter());
        assert_eq!(pods.victims(busy), boxed(&["c", "a"]));
        pods.take(&[pod("a", 1, Ready), pod("b", 2, Draining)], &cluster());
        assert!(pods.take_stayed().is_empty(), "it went");
        pods.mark(boxed(&["a"]).into_iter());
        pods.take(&[pod("a", 1, Ready)], &cluster());
        assert_eq!(pods.take_stayed().into_iter().collect::<Vec<_>>(), boxed(&["a"]));
    }

    #[test]
    fn how_long_a_pod_takes_is_learnt_only_where_it_was_seen_to_start() {
        let mut pods = Pods::default();
        pods.take(&[pod("a", 1, Ready)], &cluster());
        pods.take(&[pod("a", 1, Ready), pod("b", 2, Ready)], &cluster());
        assert_eq!(pods.view(None).start_time, None);
        pods.take(&[pod("c", 3, NotReady)], &cluster());
        pods.take(&[pod("c", 3, Ready)], &cluster());
        assert!(pods.view(None).start_time.is_some());
        pods.take(&[pod("c", 3, NotReady)], &cluster());
        assert_eq!(pods.view(None).instances, [], "it has been ready: it does not start");
    }
}
