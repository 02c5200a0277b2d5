//! How a service's endpoints are spoken to: version of HTTP, TLS, connections that are kept.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::Period;

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
