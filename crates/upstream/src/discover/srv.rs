//! Endpoints from SRV records (RFC 2782): ports, weights and priorities from DNS.
//!
//! The record's priorities become levels 0 to 9 in their order, its weight the weight of each address of its target (0,
//! which means "hardly ever", becomes 1). Addresses that the server sends along are taken; other targets are looked
//! up. A target that cannot be resolved keeps the addresses it had, as long as the records name it. Where TLS is spoken
//! the target's name is whom it verifies: an address may be anybody's.

use super::resolver::{Resolver, Services, Trouble};
use super::{Dns, ENDPOINTS_MOST, Found, Look, found};
use crate::service::EndpointSettings;
use balance::Weight;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::proto::rr::rdata::SRV;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The last level of priority.
const LEVEL_LAST: usize = 9;
/// Targets that are looked up for one answer. A server sends the addresses of few or many along, but seldom none.
const LOOKUPS_MOST: usize = 64;

/// Endpoints from the SRV records of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrvSettings {
    /// The name: `_http._tcp.search.internal`.
    pub name: Box<str>,
    /// How DNS is asked.
    pub dns: Dns,
    /// What all these endpoints have, but label, place, weight and priority.
    pub template: EndpointSettings,
}

/// What is remembered between looks: the addresses that each target had.
#[derive(Debug, Default)]
pub(super) struct Targets(HashMap<Name, Vec<IpAddr>>);

/// The addresses of all targets, for how long they are true, and what went wrong with some.
struct Resolved {
    targets: HashMap<Name, Vec<IpAddr>>,
    ttl: Duration,
    trouble: Option<String>,
}

/// Looks once.
pub(super) async fn look(settings: &SrvSettings, known: &mut Targets) -> Look {
    match endpoints(settings, known).await {
        Ok(look) => look,
        Err(trouble) => Look::failed(format!("SRV name `{}`: {trouble}", settings.name)),
    }
}

async fn endpoints(settings: &SrvSettings, known: &mut Targets) -> Result<Look, Trouble> {
    let resolver = Arc::new(Resolver::open(&settings.dns.servers)?);
    let answer = resolver.services(&settings.name).await?;
    let all = resolve(&resolver, &answer.found, &known.0).await;
    let endpoints = combined(settings, answer.found.records, &all.targets);
    known.0 = all.targets;
    // Where some target is in trouble, it is looked for again as after any failure.
    let fresh = settings.dns.fresh_for(answer.ttl.min(all.ttl));
    let again = all.trouble.is_none().then_some(fresh);
    // Targets without any address are no answer: what was known stays.
    let endpoints = Some(endpoints).filter(|endpoints| !endpoints.is_empty());
    Ok(Look { endpoints, trouble: all.trouble, again })
}

/// The addresses of each target, side by side.
async fn resolve(
    resolver: &Arc<Resolver>,
    services: &Services,
    known: &HashMap<Name, Vec<IpAddr>>,
) -> Resolved {
    let mut all = Resolved { targets: HashMap::new(), ttl: Duration::MAX, trouble: None };
    let mut lookups = JoinSet::new();
    for SRV { target, .. } in &services.records {
        if all.targets.contains_key(target) {
            continue;
        }
        let along = services.along.iter().filter(|(name, ip)| name == target && ip.is_ipv4());
        let mut addresses: Vec<IpAddr> = along.map(|&(_, ip)| ip).collect();
        if addresses.is_empty() {
            // What it had, until the answer is there.
            addresses = known.get(target).cloned().unwrap_or_default();
            if lookups.len() < LOOKUPS_MOST {
                let (resolver, target) = (Arc::clone(resolver), target.clone());
                lookups.spawn(async move { (resolver.addresses_of(&target).await, target) });
            } else {
                all.trouble = Some(format!("more than {LOOKUPS_MOST} targets came without addresses"));
            }
        }
        all.targets.insert(target.clone(), addresses);
    }
    while let Some(Ok((answer, target))) = lookups.join_next().await {
        match answer {
            Ok(answer) => {
                all.ttl = all.ttl.min(answer.ttl);
                all.targets.insert(target, answer.found);
            }
            Err(trouble) => all.trouble = Some(format!("SRV target `{target}`: {trouble}")),
        }
    }
    all
}

/// Records and addresses together.
fn combined(
    settings: &SrvSettings,
    mut records: Vec<SRV>,
    targets: &HashMap<Name, Vec<IpAddr>>,
) -> Vec<Found> {
    // In an order of its own, so that where something must be left out it is always the same.
    records.sort_by(|a, b| (a.priority, &a.target, a.port).cmp(&(b.priority, &b.target, b.port)));
    let mut priorities: Vec<u16> = records.iter().map(|record| record.priority).collect();
    priorities.dedup();
    let mut endpoints = Vec::new();
    for record in records {
        let level = priorities.binary_search(&record.priority).unwrap_or_default().min(LEVEL_LAST);
        let weight = Weight::new(record.weight.into()).unwrap_or_default();
        for &ip in targets.get(&record.target).into_iter().flatten() {
            // A little more than is used, so that it is seen that there was more.
            if endpoints.len() > ENDPOINTS_MOST {
                return endpoints;
            }
            let found = found(&settings.template, SocketAddr::new(ip, record.port), weight);
            let server_name = settings.template.tls.then(|| name_of(&record.target));
            let settings = EndpointSettings { server_name, ..found };
            endpoints.push(Found { settings, priority: Some(level as u8) });
        }
    }
    endpoints
}

/// A name as certificates have it: no dot at the end, and the same however the server writes it this time.
fn name_of(target: &Name) -> Box<str> {
    target.to_lowercase().to_ascii().trim_end_matches('.').into()
}
