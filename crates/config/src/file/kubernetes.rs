//! Kubernetes: a workload of a cluster as the instances of a service, and what KEDA is told.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Address, ApiUrl, ObjectName, PodPort, Secret};

/// A workload of a Kubernetes cluster whose replicas are the instances: Tidegate sets how many there are and follows
/// the pods as they come and go. A bare name stands for `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "name"))]
pub struct Deployment {
    /// The name of the workload.
    pub name: ObjectName,
    /// What kind of workload it is.
    #[serde(default)]
    pub kind: WorkloadKind,
    /// The namespace of the workload and its Service.
    #[schemars(extend("x-default" = "Tidegate's own; required beside `api`"))]
    pub namespace: Option<ObjectName>,
    /// The Service whose `EndpointSlice`s say where the pods are.
    #[schemars(extend("x-default" = "`name`"))]
    pub service: Option<ObjectName>,
    /// The port of the pods: its number, or its name in the Service.
    #[schemars(extend("x-default" = "the Service's only one"))]
    pub port: Option<PodPort>,
    /// The API server, for a Tidegate that is no pod of the cluster. A bare URL will do.
    #[schemars(extend("x-default" = "that of the cluster, asked as the pod's own account"))]
    pub api: Option<ApiServer>,
}

impl Deployment {
    /// The name of the Service.
    pub fn service(&self) -> &ObjectName {
        self.service.as_ref().unwrap_or(&self.name)
    }
}

/// What kind of workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadKind {
    /// `Deployment`: the pods with the least to do go first.
    #[default]
    Deployment,
    /// `StatefulSet`: the last pods go first.
    StatefulSet,
}

/// The API server of a cluster, and as whom it is asked. A bare URL stands for `url`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "url"))]
pub struct ApiServer {
    /// `https://` or `http://`, where a proxy such as `kubectl proxy` is in between.
    pub url: ApiUrl,
    /// What is sent as `Authorization: Bearer`: the token of an account. A secret: `${ENV}` or `file:/path`.
    pub token: Option<Secret>,
    /// A PEM file of the only authorities to trust.
    #[schemars(extend("x-default" = "the system's"))]
    pub ca: Option<PathBuf>,
}

/// An external scaler for KEDA (gRPC, in clear text): it tells how much each service with the target `concurrency` or
/// `rps` is asked for. A bare address stands for `listen`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "listen"))]
pub struct Keda {
    /// Where it listens. Whoever reaches it can read how much services are asked for, and change nothing.
    pub listen: Address,
}

impl Keda {
    /// Where it listens when the file says nothing: where nobody but this machine, or pod, reaches it.
    pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9095));
}

impl Default for Keda {
    fn default() -> Self {
        Self { listen: Address::Ip(Self::DEFAULT_LISTEN) }
    }
}
