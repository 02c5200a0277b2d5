//! The types of `tidegate.yaml`: the single source of its keys, defaults and descriptions.
//!
//! Doc comments here are what users read in the reference and in their editor. Marks for the generic check stand in
//! `schemars(extend(...))`: `x-format` (from the value types) names a reader of [`crate::value`], `x-keys` one for
//! the keys of a map, `x-min` and `x-max` bound what has a measure, `x-shorthand` names the key that a bare value
//! stands for, `x-list` that for which a bare list does, where it is another, `x-one-or-list` is at lists that a bare item may stand for and `x-words` at those of words that a line
//! may stand for, `x-one-of` names keys of which there is exactly one (`a.b` is `b` below `a`), `x-beside`
//! one of them that may stand beside another and counts for nothing there, `x-pair` names keys that come together, `x-later` lists keys (or words) of layers
//! that this version does not have yet, `x-elsewhere` says where a key belongs that is looked for here, `x-default` describes
//! a default that is no constant.

mod access;
mod auth;
mod balance;
mod cache;
mod cached;
mod capacity;
mod cluster;
mod consumer;
mod endpoint;
mod fallback;
mod health;
mod instances;
mod jwt;
mod kubernetes;
mod limit;
mod limits;
mod listener;
mod observe;
mod oidc;
mod retry;
mod route;
mod scale;
mod service;
mod static_files;
mod transport;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use access::{Cors, IpRules, Way};
pub use auth::{ApiKeys, Auth, Basic, ForwardAuth, Introspection, Mtls};
pub use balance::{HashOn, LbPolicy, Sticky};
pub use cache::{CacheDisk, SharedCache};
pub use cached::{Cache, CacheKey, CacheQuery};
pub use capacity::{AdaptiveConcurrency, Overload, Queue};
pub use cluster::{Cluster, Redis, RedisMode};
pub use consumer::{ClientCertificate, Consumer, Login, Plan};
pub use endpoint::{Dns, Endpoint, Scheme, Srv};
pub use fallback::{Fallback, Mirror, Split};
pub use health::{HealthCheck, OutlierDetection, Probe, SuccessRate};
pub use instances::{Docker, Driver, Hold, InstanceLimits, InstanceLog, Instances, Webhook};
pub use jwt::{Algorithm, Jwt, KeySource};
pub use kubernetes::{ApiServer, Deployment, Keda, WorkloadKind};
pub use limit::{Concurrency, Cost, OnExceed, OnStoreError, Precision, RateLimit};
pub use limits::Limits;
pub use listener::{
    Admin, Certificate, ClientAuth, HttpVersion, Listener, ListenerTls, ProxyProtocol, TlsVersion,
};
pub use observe::{AccessLog, LogFormat, Observe, Rotate};
pub use oidc::{Oidc, Session};
pub use retry::{Backoff, GrpcStatus, Hedge, Retry, RetryMethods, RouteRetry};
pub use route::{Action, Match, Priority, Redirect, Respond, Route, RouteTimeouts, ValueTest};
pub use scale::{PolicyKind, Scale, ScaleDown, ScalePolicy, ScaleUp, ScaleWindow, Select, Zero};
pub use service::{Discovery, Service, Timeouts};
pub use static_files::StaticFiles;
pub use transport::{Keepalive, ServiceProtocol, ServiceTls};

use crate::value::{Cidr, PlanName, ServiceName, Workers, ZoneName};

/// The config of Tidegate.
///
/// Durations are typed `250ms`, `5s`, `10m`, `6h`, `1d` or together (`1h30m`), sizes `240B`, `64KiB`, `1MiB`, or in
/// thousands `64KB`, `1MB`, parts `20%`, rates `100/s`; `on` and `off` may stand for `true` and `false`. `${ENV}` and
/// `${ENV:-default}` expand in values; `$${` is a plain `${`. A secret may be `file:/path`. Paths of files are
/// relative to the working directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-later" = [
    "alerts", "edge", "jobs", "portal", "postgres", "protect", "waf", "compress",
]))]
pub struct File {
    /// Where clients connect.
    #[schemars(length(min = 1))]
    pub listeners: Vec<Listener>,
    /// The admin API: metrics, health, state. `off` turns it off; a bare address stands for `address`.
    #[serde(default)]
    pub admin: Admin,
    /// What KEDA asks, where it is KEDA that scales. Absent: nothing listens for it.
    pub keda: Option<Keda>,
    /// The folder for what must survive a restart.
    #[serde(default = "data_dir")]
    pub data_dir: PathBuf,
    /// Worker threads: `auto` is one for each core that this process may use.
    #[serde(default = "workers")]
    pub workers: Workers,
    /// Bounds on what clients may ask for.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when there is too much to do. `off` turns it off.
    #[serde(default)]
    pub overload: Overload,
    /// What several nodes share. Absent: this node is on its own.
    pub cluster: Option<Cluster>,
    /// Where responses are kept.
    #[serde(default)]
    pub cache: SharedCache,
    /// The zone that this node stands in: endpoints of the same `zone` are used first.
    pub zone: Option<ZoneName>,
    /// Address ranges of proxies in front of Tidegate whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<Cidr>,
    /// The APIs behind Tidegate, by name. A bare URL stands for a service with that one endpoint.
    #[serde(default)]
    #[schemars(extend("x-keys" = "name"))]
    pub services: BTreeMap<ServiceName, Service>,
    /// Callers that are known by name.
    #[serde(default)]
    pub consumers: Vec<Consumer>,
    /// What consumers may do, by the name of their plan.
    #[serde(default)]
    #[schemars(extend("x-keys" = "plan name"))]
    pub plans: BTreeMap<PlanName, Plan>,
    /// How callers are identified.
    #[serde(default)]
    pub auth: Auth,
    /// How often requests may come, whatever their route; the default `key` is `ip`. Bare rates will do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub rate_limit: Vec<RateLimit>,
    /// Which request goes where. The most specific match wins, whatever the order.
    #[schemars(length(min = 1))]
    pub routes: Vec<Route>,
    /// What Tidegate tells about its work.
    #[serde(default)]
    pub observe: Observe,
}

impl File {
    /// Whether some route keeps responses.
    pub fn caches(&self) -> bool {
        self.routes.iter().any(|route| route.cache.is_some())
    }

    /// The config in effect, defaults applied, as JSON. Secrets are `***`.
    pub fn redacted(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

pub(crate) fn data_dir() -> PathBuf {
    "./tidegate-data".into()
}

pub(crate) fn workers() -> Workers {
    Workers::Auto
}
