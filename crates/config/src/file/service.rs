//! `services`: the APIs behind Tidegate.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::balance::{HashOn, LbPolicy, Sticky};
use super::capacity::{AdaptiveConcurrency, Queue};
use super::endpoint::{Dns, Endpoint, Srv};
use super::fallback::Fallback;
use super::health::{HealthCheck, OutlierDetection};
use super::instances::Instances;
use super::retry::{Hedge, Retry};
use super::transport::{Keepalive, ServiceProtocol, ServiceTls};
use crate::value::{EndpointUrl, Factor, HostPolicy, Percent, Period, PeriodOrOff};

/// One API and the endpoints that serve it: exactly one of `endpoints`, `dns`, `srv`, `endpoints_file`,
/// `instances.command`, `instances.image` and `instances.deployment`. Bare URLs stand for `endpoints`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend(
    "x-shorthand" = "endpoints",
    "x-one-of" = [
        "endpoints", "dns", "srv", "endpoints_file", "instances.command", "instances.image", "instances.deployment"
    ],
    "x-beside" = ["instances.command", "instances.image"]
))]
pub struct Service {
    /// Where the API listens: URLs (`http://10.0.0.5:9200`, `https://api.internal`, `unix:/run/api.sock`), or
    /// mappings with `url` and more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub endpoints: Vec<Endpoint>,
    /// Look the endpoints up by a name in DNS. A bare `name:port` will do.
    pub dns: Option<Dns>,
    /// Look the endpoints up by SRV records in DNS. A bare name will do.
    pub srv: Option<Srv>,
    /// Read the endpoints from this file, YAML or JSON: a list like `endpoints`. It is watched; while what it holds is
    /// wrong, the last endpoints that were right stay in use.
    pub endpoints_file: Option<PathBuf>,
    /// Launch the API, and as many instances of it as its traffic needs. A bare command will do.
    pub instances: Option<Instances>,
    /// How the endpoint of a request is chosen.
    pub lb_policy: LbPolicy,
    /// What `maglev` and `ring_hash` choose by: `ip`, `path`, or a mapping with `header`, `cookie` or `query`.
    #[serde(skip_serializing_if = "HashOn::is_default")]
    #[schemars(extend("x-default" = "`ip`"))]
    pub hash_on: HashOn,
    /// With `maglev` and `ring_hash`: no endpoint carries more than so many times the average; what is above it goes to
    /// the next one of the hash. Absent means no bound.
    #[schemars(extend("x-min" = 1_010, "x-max" = 10_000))]
    pub bounded_load: Option<Factor>,
    /// Send a client back to its endpoint, by a cookie. It goes before `lb_policy` while that endpoint can be used.
    pub sticky: Option<Sticky>,
    /// How long an endpoint that was added or came back takes to get its full share. `0s` is off.
    pub slow_start: PeriodOrOff,
    /// With fewer healthy endpoints than this, requests go to all of them, healthy or not: better a few errors than
    /// the load of all on the few that are left. `0%` never does.
    pub panic_threshold: Percent,
    /// Ask each endpoint now and then whether it is well. A bare path stands for `path`.
    pub health_check: Option<HealthCheck>,
    /// Take an endpoint out for a while when its answers to requests are failures. `off` turns it off.
    pub outlier_detection: OutlierDetection,
    /// Try a failed request again at another endpoint. `off` turns it off; a bare number stands for `attempts`.
    pub retry: Retry,
    /// Start a second attempt when the first takes long, and use the answer that comes first. Absent means never.
    pub hedge: Option<Hedge>,
    /// How long the service may take.
    pub timeouts: Timeouts,
    /// Connections to each endpoint at a time, of all workers together. Absent means no bound.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_connections: Option<u32>,
    /// Requests under way at each endpoint at a time. Absent means no bound.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_requests: Option<u32>,
    /// Where requests wait that are above `max_connections`, `max_requests` or `adaptive_concurrency`.
    pub queue: Queue,
    /// Find the number of requests that the service can carry at a time, from how long it takes, and let the others
    /// wait. `on` turns it on.
    #[serde(default = "AdaptiveConcurrency::off")]
    #[schemars(extend("x-default" = "`off`"))]
    pub adaptive_concurrency: AdaptiveConcurrency,
    /// What answers when no endpoint can be used or all attempts failed. A bare name stands for `service`.
    pub fallback: Option<Fallback>,
    /// The version of HTTP that the endpoints are spoken to with.
    pub protocol: ServiceProtocol,
    /// TLS towards `https://` endpoints.
    pub tls: ServiceTls,
    /// Connections that wait for the next request.
    pub keepalive: Keepalive,
    /// The `Host` that endpoints see: `preserve` (what the client sent), `endpoint` (the endpoint's own), or a
    /// host.
    pub host: HostPolicy,
}

impl Default for Service {
    /// Every default, and no endpoints yet.
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            dns: None,
            srv: None,
            endpoints_file: None,
            instances: None,
            lb_policy: LbPolicy::default(),
            hash_on: HashOn::default(),
            bounded_load: None,
            sticky: None,
            slow_start: PeriodOrOff::For(Period::seconds(10)),
            panic_threshold: Percent::of(50),
            health_check: None,
            outlier_detection: OutlierDetection::default(),
            retry: Retry::default(),
            hedge: None,
            timeouts: Timeouts::default(),
            max_connections: None,
            max_requests: None,
            queue: Queue::default(),
            adaptive_concurrency: AdaptiveConcurrency::off(),
            fallback: None,
            protocol: ServiceProtocol::default(),
            tls: ServiceTls::default(),
            keepalive: Keepalive::default(),
            host: HostPolicy::Preserve,
        }
    }
}

/// Where a service's endpoints come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Discovery<'s> {
    /// They are these.
    Endpoints(&'s [Endpoint]),
    /// A name in DNS.
    Dns(&'s Dns),
    /// SRV records in DNS.
    Srv(&'s Srv),
    /// A file, which [`crate::load_endpoints`] reads.
    File(&'s Path),
    /// They are instances, processes and containers that Tidegate launches or pods that it scales:
    /// [`Instances::are_endpoints`].
    Instances(&'s Instances),
}

impl Service {
    /// A service with one endpoint and every default.
    pub fn at(url: EndpointUrl) -> Self {
        Self { endpoints: vec![Endpoint::at(url)], ..Self::default() }
    }

    /// The one source of the service's endpoints.
    pub fn discovery(&self) -> Discovery<'_> {
        let dns = self.dns.as_ref().map(Discovery::Dns);
        let file = self.endpoints_file.as_deref().map(Discovery::File);
        let launched = self.instances.as_ref().filter(|instances| instances.are_endpoints());
        dns.or(self.srv.as_ref().map(Discovery::Srv))
            .or(file)
            .or(launched.map(Discovery::Instances))
            .unwrap_or(Discovery::Endpoints(&self.endpoints))
    }
}

/// How long a service may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// To open a connection, TLS included.
    pub connect: Period,
    /// To the first byte of the response.
    pub request: Period,
    /// The longest silence between two bytes of the response.
    pub idle: Period,
    /// Tell the endpoints until when the response is waited for: `X-Request-Deadline`, in milliseconds since 1970.
    pub send_deadline: bool,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Period::seconds(1),
            request: Period::seconds(15),
            idle: Period::seconds(60),
            send_deadline: false,
        }
    }
}
