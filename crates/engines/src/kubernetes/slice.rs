//! `EndpointSlice`s (`discovery.k8s.io/v1`) and the endpoints that follow from all slices of a Service. Pure.
//!
//! An endpoint may stand in several slices for a moment while the cluster moves it from one to another; it is one endpoint
//! then, as ready as the readiest mention says. A Service with two families of addresses has each pod twice, under an IPv4
//! and an IPv6 address: one family is used, not both.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Endpoints of one Service; more are left out.
pub(super) const ENDPOINTS_MOST: usize = 1024;

/// An address that a Service leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The pod's address and port.
    pub address: SocketAddr,
    /// Whether it takes requests.
    pub readiness: Readiness,
    /// The pod's name, where it is one: [`super::Workload::want`] takes it.
    pub pod: Option<Box<str>>,
    /// The zone of its node (`topology.kubernetes.io/zone`).
    pub zone: Option<Box<str>>,
}

/// Whether an endpoint takes requests; ordered from the least ready one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readiness {
    /// It does not: it starts, fails its probe, or ends and has stopped serving.
    NotReady,
    /// It ends, and serves until it does (`serving` and `terminating`): no new requests, but where nobody else is there.
    Draining,
    /// It does.
    Ready,
}

/// Which of a Service's ports. Slices carry the ports of the pods (`targetPort`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Port {
    /// The only one over TCP. A slice with several gives no endpoints.
    Only,
    /// The one of that name.
    Named(Box<str>),
    /// This one of the pods, also where the Service names none.
    Number(u16),
}

/// Which addresses are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// IPv4 where there is any, else IPv6.
    #[default]
    Any,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// One slice, as far as it is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Slice {
    pub(super) metadata: Metadata,
    #[serde(default)]
    address_type: String,
    #[serde(default, deserialize_with = "nullable")]
    endpoints: Vec<Mention>,
    #[serde(default, deserialize_with = "nullable")]
    ports: Vec<PortMention>,
}

/// What every object has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) resource_version: String,
    /// Where a long list goes on.
    #[serde(rename = "continue")]
    pub(super) more: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mention {
    #[serde(default, deserialize_with = "nullable")]
    addresses: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    conditions: Conditions,
    target_ref: Option<TargetRef>,
    zone: Option<Box<str>>,
}

/// `null` is "unknown", which means ready, as ready as `ready`, and not terminating.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Conditions {
    ready: Option<bool>,
    serving: Option<bool>,
    terminating: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
struct TargetRef {
    #[serde(default)]
    kind: String,
    name: Option<Box<str>>,
}

#[derive(Clone, Debug, Deserialize)]
struct PortMention {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    protocol: Option<String>,
    port: Option<u16>,
}

/// Go writes an empty list as `null`.
fn nullable<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Conditions {
    fn readiness(self) -> Readiness {
        let ready = self.ready.unwrap_or(true);
        let serving = self.serving.unwrap_or(ready);
        match (self.terminating.unwrap_or(false), ready, serving) {
            (false, true, _) => Readiness::Ready,
            // `ready` beside `terminating` is a Service with `publishNotReadyAddresses`: it still ends.
            (true, _, true) => Readiness::Draining,
            _ => Readiness::NotReady,
        }
    }
}

impl Port {
    fn of(&self, slice: &Slice) -> Option<u16> {
        let mut tcp = slice.ports.iter().filter(|port| port.protocol.as_deref().is_none_or(|p| p == "TCP"));
        match self {
            Self::Number(number) => Some(*number),
            Self::Named(name) => tcp.find(|port| *port.name == **name)?.port,
            Self::Only => match (tcp.next(), tcp.next()) {
                (Some(only), None) => only.port,
                _ => None,
            },
        }
        .filter(|&port| port != 0)
    }
}

impl Slice {
    fn endpoints(&self, port: &Port) -> impl Iterator<Item = Endpoint> {
        // Names (`FQDN`) are deprecated, and no cluster makes them by itself.
        let family = matches!(&*self.address_type, "IPv4" | "IPv6");
        let port = port.of(self).filter(|_| family);
        self.endpoints.iter().filter_map(move |mention| {
            // More than one address are the same endpoint; the first one is to be used.
            let ip: IpAddr = mention.addresses.first()?.parse().ok()?;
            let pod = mention.target_ref.as_ref().filter(|target| target.kind == "Pod");
            Some(Endpoint {
                address: SocketAddr::new(ip, port?),
                readiness: mention.conditions.readiness(),
                pod: pod.and_then(|pod| pod.name.clone()),
                zone: mention.zone.clone(),
            })
        })
    }
}

/// The endpoints of all slices, in the order of their addresses.
pub(super) fn endpoints<'a>(
    slices: impl Iterator<Item = &'a Slice>,
    port: &Port,
    family: Family,
) -> Vec<Endpoint> {
    let mut found = BTreeMap::<SocketAddr, Endpoint>::new();
    for endpoint in slices.flat_map(|slice| slice.endpoints(port)) {
        match found.get(&endpoint.address) {
            Some(known) if known.readiness >= endpoint.readiness => {}
            _ => drop(found.insert(endpoint.address, endpoint)),
        }
    }
    let v4 = match family {
        Family::Any => found.keys().any(SocketAddr::is_ipv4),
        Family::V4 => true,
        Family::V6 => false,
    };
    found.into_values().filter(|endpoint| endpoint.address.is_ipv4() == v4).collect()
}

#[cfg(test)]
mod tests;
