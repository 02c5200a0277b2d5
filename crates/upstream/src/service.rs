//! A service: endpoints that do the same work, and how they are asked.

use crate::endpoint::{Endpoint, Identity, Place, Registry};
use balance::{Load, Policy, Weight};
use base::Moment;
use net::tls::{ClientSettings, ClientTls, TlsError};
use observe::{Meters, ServiceMeters};
use std::sync::Arc;
use std::time::Duration;

/// What is spoken with endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: by ALPN with TLS, by prior knowledge without.
    Http2,
}

/// What stands in `Host`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostPolicy {
    /// What the client sent.
    #[default]
    Preserve,
    /// The endpoint's own name.
    Endpoint,
    /// This.
    Fixed(Box<str>),
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the head of an answer, from the last progress of the request.
    pub request: Duration,
    /// For the next byte of an answer's body, or of a tunnel.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            request: Duration::from_secs(15),
            idle: Duration::from_secs(60),
        }
    }
}

/// One endpoint in the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSettings {
    /// As the config names it.
    pub label: Box<str>,
    /// Where it listens.
    pub place: Place,
    /// TLS is spoken.
    pub tls: bool,
    /// Its share of the traffic.
    pub weight: Weight,
}

/// One service in the config.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name.
    pub name: Box<str>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointSettings>,
    /// How one is picked.
    pub policy: Policy,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// What is spoken.
    pub protocol: Protocol,
    /// How TLS is spoken where an endpoint wants it.
    pub tls: ClientSettings,
    /// What stands in `Host`.
    pub host: HostPolicy,
    /// Idle connections that each worker keeps to each endpoint.
    pub max_idle: usize,
    /// How long each is kept.
    pub idle_timeout: Duration,
}

/// Why a service cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("service `{service}`: {cause}")]
pub struct ServiceError {
    /// Its name.
    pub service: Box<str>,
    /// What is wrong with its TLS files.
    pub cause: TlsError,
}

/// A service in one version of the config.
#[derive(Debug)]
pub struct Service {
    /// Its settings.
    pub settings: Settings,
    /// Its endpoints, in the order of the settings.
    pub members: Vec<Member>,
    /// Its meters.
    pub meters: Arc<ServiceMeters>,
}

/// An endpoint with its place in one service.
#[derive(Debug)]
pub struct Member {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    weight: Weight,
}

impl balance::Endpoint for Member {
    fn load(&self) -> &Load {
        &self.endpoint.load
    }

    fn weight(&self) -> Weight {
        self.weight
    }
}

impl Service {
    /// Builds a service. Endpoints that were there before keep what they have learnt.
    pub fn build(
        settings: Settings,
        registry: &Registry,
        meters: &Meters,
        now: Moment,
    ) -> Result<Arc<Self>, ServiceError> {
        let failed = |cause| ServiceError { service: settings.name.clone(), cause };
        let tls_settings =
            ClientSettings { alpn_h2: settings.protocol == Protocol::Http2, ..settings.tls.clone() };
        let wants_tls = settings.endpoints.iter().any(|e| e.tls);
        let tls = wants_tls.then(|| ClientTls::load(&tls_settings)).transpose().map_err(failed)?;
        let manner: Box<str> = format!("{:?} {tls_settings:?}", settings.protocol).into();
        let members = settings
            .endpoints
            .iter()
            .map(|e| {
                let identity = Identity {
                    service: settings.name.clone(),
                    label: e.label.clone(),
                    manner: manner.clone(),
                };
                let endpoint = registry.find(identity, now, |id, load| Endpoint {
                    id,
                    label: e.label.clone(),
                    authority: authority(&e.place, e.tls),
                    place: e.place.clone(),
                    tls: tls.clone().filter(|_| e.tls),
                    load,
                    meters: meters.endpoint(&settings.name, &e.label),
                });
                Member { endpoint, weight: e.weight }
            })
            .collect();
        let meters = meters.service(&settings.name);
        Ok(Arc::new(Self { settings, members, meters }))
    }
}

/// What an endpoint calls itself: its host, with its port unless that is the scheme's.
fn authority(place: &Place, tls: bool) -> Box<str> {
    let usual = if tls { 443 } else { 80 };
    match place {
        Place::Address(address) if address.port() == usual && address.is_ipv4() => {
            address.ip().to_string().into()
        }
        Place::Address(address) => address.to_string().into(),
        Place::Name(name, port) if *port == usual => name.clone(),
        Place::Name(name, port) => format!("{name}:{port}").into(),
        Place::Unix(_) => "localhost".into(),
    }
}
