//! `instances.deployment` of a service and `keda`: the file's words -> the settings of the room `engines`.

use balance::Weight;
use engines::Trouble;
use engines::kubernetes::{Endpoint, Kind, Port, Settings, Token};
use std::path::PathBuf;
use upstream::{EndpointSettings, Place};

/// A workload of a cluster, and how its pods are spoken to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cluster {
    /// Where it is asked; `None`: Tidegate is one of its pods.
    api: Option<Server>,
    namespace: Option<Box<str>>,
    pub(crate) kind: Kind,
    pub(crate) name: Box<str>,
    pub(crate) service: Box<str>,
    pub(crate) port: Port,
    /// Replicas are somebody else's: nothing is set, and the workload is not asked.
    pub(crate) watch_only: bool,
    max_connections: Option<u32>,
    max_requests: Option<u32>,
    zone: Option<Box<str>>,
}

/// An API server.
#[derive(Clone, Debug, PartialEq)]
struct Server {
    url: Box<str>,
    token: Option<config::Secret>,
    ca: Option<PathBuf>,
}

/// The cluster of a service.
pub(crate) fn cluster(
    typed: &config::Deployment,
    service: &config::Service,
    zone: Option<&config::ZoneName>,
    watch_only: bool,
) -> Cluster {
    Cluster {
        api: typed.api.as_ref().map(|api| Server {
            url: api.url.to_string().into(),
            token: api.token.clone(),
            ca: api.ca.clone(),
        }),
        namespace: typed.namespace.as_ref().map(|name| name.as_str().into()),
        kind: match typed.kind {
            config::WorkloadKind::Deployment => Kind::Deployment,
            config::WorkloadKind::StatefulSet => Kind::StatefulSet,
        },
        name: typed.name.as_str().into(),
        service: typed.service().as_str().into(),
        port: match &typed.port {
            None => Port::Only,
            Some(config::PodPort::Named(name)) => Port::Named(name.as_str().into()),
            Some(config::PodPort::Number(number)) => Port::Number(*number),
        },
        watch_only,
        max_connections: service.max_connections,
        max_requests: service.max_requests,
        zone: zone.map(|zone| zone.as_str().into()),
    }
}

impl Cluster {
    /// Where the cluster is asked, and as whom.
    pub(crate) fn settings(&self) -> Result<Settings, Trouble> {
        let mut settings = match &self.api {
            None => Settings::in_cluster()?,
            Some(server) => Settings {
                token: server
                    .token
                    .as_ref()
                    .map_or(Token::None, |token| Token::Fixed(engines::Secret::new(token.reveal()))),
                ca: server.ca.clone(),
                ..Settings::at(&server.url, "")
            },
        };
        if let Some(namespace) = &self.namespace {
            settings.namespace.clone_from(namespace);
        }
        Ok(settings)
    }

    /// Does the cluster heed who should go first?
    pub(crate) fn chooses(&self) -> bool {
        self.kind != Kind::StatefulSet
    }

    /// A pod as an endpoint of the service.
    pub(crate) fn endpoint(&self, name: &str, pod: &Endpoint) -> EndpointSettings {
        EndpointSettings {
            label: name.into(),
            place: Place::Address(pod.address),
            tls: false,
            server_name: None,
            weight: Weight::ONE,
            rank: balance::Place {
                local_zone: self.zone.is_some() && pod.zone == self.zone,
                ..balance::Place::default()
            },
            max_connections: self.max_connections,
            max_requests: self.max_requests,
            // The kubelet has asked it.
            proven: true,
        }
    }
}
