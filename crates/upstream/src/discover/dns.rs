//! Endpoints at the addresses of a name (A, AAAA).

use super::resolver::{Resolver, Trouble};
use super::{Dns, Found, Look, found};
use crate::service::EndpointSettings;
use std::net::SocketAddr;

/// Endpoints at all addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSettings {
    /// The name. An IP address stands for itself.
    pub name: Box<str>,
    /// The port at each address.
    pub port: u16,
    /// How DNS is asked.
    pub dns: Dns,
    /// What all these endpoints have, but label and place.
    pub template: EndpointSettings,
}

/// Looks once.
pub(super) async fn look(settings: &DnsSettings) -> Look {
    match endpoints(settings).await {
        Ok(look) => look,
        Err(trouble) => Look::failed(format!("DNS name `{}`: {trouble}", settings.name)),
    }
}

async fn endpoints(settings: &DnsSettings) -> Result<Look, Trouble> {
    let answer = Resolver::open(&settings.dns.servers)?.addresses(&settings.name).await?;
    let endpoint = |ip| Found {
        settings: found(&settings.template, SocketAddr::new(ip, settings.port), settings.template.weight),
        priority: None,
    };
    let endpoints = answer.found.into_iter().map(endpoint).collect();
    Ok(Look { endpoints: Some(endpoints), trouble: None, again: Some(settings.dns.fresh_for(answer.ttl)) })
}
