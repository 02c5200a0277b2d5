//! `services`: the APIs behind Tidegate.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{EndpointUrl, HostPolicy, Period};

/// One API and the endpoints that serve it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "endpoints", "x-later" = [
    "instances", "health_check", "outlier_detection", "retry", "queue", "max_connections", "dns", "srv",
    "hash_on", "sticky", "slow_start", "adaptive_concurrency", "hedge", "fallback", "split", "mirror",
    "bounded_load", "max_requests", "priority",
]))]
pub struct Service {
    /// Where the API listens: URLs (`http://10.0.0.5:9200`, `https://api.internal`, `unix:/run/api.sock`), or
    /// mappings with `url` and `weight`.
    #[schemars(length(min = 1))]
    pub endpoints: Vec<Endpoint>,
    /// How the endpoint of a request is chosen.
    #[serde(default)]
    pub lb_policy: LbPolicy,
    /// How long the service may take.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// The version of HTTP that the endpoints are spoken to with.
    #[serde(default)]
    pub protocol: ServiceProtocol,
    /// TLS towards `https://` endpoints.
    #[serde(default)]
    pub tls: ServiceTls,
    /// Connections that wait for the next request.
    #[serde(default)]
    pub keepalive: Keepalive,
    /// The `Host` that endpoints see: `preserve` (what the client sent), `endpoint` (the endpoint's own), or a
    /// host.
    #[serde(default = "preserve")]
    pub host: HostPolicy,
}

fn preserve() -> HostPolicy {
    HostPolicy::Preserve
}

impl Service {
    /// A service with one endpoint and every default.
    pub fn at(url: EndpointUrl) -> Self {
        Self {
            endpoints: vec![Endpoint { url, weight: 1 }],
            lb_policy: LbPolicy::default(),
            timeouts: Timeouts::default(),
            protocol: ServiceProtocol::default(),
            tls: ServiceTls::default(),
            keepalive: Keepalive::default(),
            host: preserve(),
        }
    }
}

/// One process that serves the API. A bare URL stands for `url`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "url", "x-later" = [
    "zone", "backup", "max_connections", "max_requests", "priority", "health_check",
]))]
pub struct Endpoint {
    /// `http://host:port`, `https://host:port` or `unix:/path.sock`, without a path.
    pub url: EndpointUrl,
    /// Its share of the requests, compared with the other endpoints.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 65_535))]
    pub weight: u16,
}

fn one() -> u16 {
    1
}

/// How the endpoint of a request is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-later" = ["least_request", "random", "maglev", "ring_hash", "first"]))]
pub enum LbPolicy {
    /// Of two random endpoints the one with the lower expected wait.
    #[default]
    P2cEwma,
    /// One after the other, by weight.
    RoundRobin,
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
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Period::seconds(1), request: Period::seconds(15), idle: Period::seconds(60) }
    }
}

/// The version of HTTP spoken with endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-later" = ["http3"]))]
pub enum ServiceProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: agreed by ALPN with `https://` endpoints, known beforehand (h2c) with others.
    Http2,
}

/// TLS towards `https://` endpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-pair" = ["certificate", "key"]))]
pub struct ServiceTls {
    /// Trust the authorities in this PEM file instead of the system's.
    pub ca: Option<PathBuf>,
    /// The certificate that Tidegate shows, a PEM file.
    pub certificate: Option<PathBuf>,
    /// The private key of `certificate`, a PEM file.
    pub key: Option<PathBuf>,
    /// The name to ask for and to verify, instead of the endpoint's host.
    pub server_name: Option<String>,
    /// Accept any certificate. Anyone on the way can then read and change the traffic.
    pub insecure_skip_verify: bool,
}

/// Connections that wait for the next request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keepalive {
    /// Waiting connections that each worker keeps to each endpoint.
    #[schemars(range(min = 0, max = 65_535))]
    pub max_idle: u32,
    /// How long a connection waits before it is closed. Shorter than the endpoint's own is safest.
    pub idle_timeout: Period,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { max_idle: 1024, idle_timeout: Period::seconds(30) }
    }
}
