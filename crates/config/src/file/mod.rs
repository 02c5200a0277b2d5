//! The types of `tidegate.yaml`: the single source of its keys, defaults and descriptions.
//!
//! Doc comments here are what users read in the reference and in their editor. Marks for the generic check stand
//! in `schemars(extend(...))`: `x-format` (from the value types) names a reader of [`crate::value`], `x-keys` one
//! for the keys of a map, `x-min` and `x-max` bound sizes and durations, `x-shorthand` names the key that a bare
//! value stands for, `x-later` lists keys (or words) of layers that this version does not have yet, `x-default`
//! describes a default that is no constant.

mod limits;
mod listener;
mod observe;
mod route;
mod service;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use limits::Limits;
pub use listener::{Admin, Certificate, HttpVersion, Listener, ListenerTls, ProxyProtocol, TlsVersion};
pub use observe::{AccessLog, LogFormat, Observe, Rotate};
pub use route::{Action, Match, Redirect, Respond, Route, RouteTimeouts, ValueTest};
pub use service::{Endpoint, Keepalive, LbPolicy, Service, ServiceProtocol, ServiceTls, Timeouts};

use crate::value::{Cidr, ServiceName, Workers};

/// The config of Tidegate.
///
/// Durations are typed `250ms`, `5s`, `10m`, `6h`, `1d` or together (`1h30m`), sizes `240B`, `64KiB`, `1MiB`,
/// or in thousands `64KB`, `1MB`. `${ENV}` and `${ENV:-default}` expand in values; `$${` is a plain `${`. A secret
/// may be `file:/path`. Paths of files are relative to the working directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-later" = [
    "alerts", "auth", "cluster", "consumers", "edge", "jobs", "plans", "portal", "postgres", "protect", "rate_limit",
    "waf", "cache", "compress",
]))]
pub struct File {
    /// Where clients connect.
    #[schemars(length(min = 1))]
    pub listeners: Vec<Listener>,
    /// The admin API: metrics, health, state. `off` turns it off; a bare address stands for `address`.
    #[serde(default)]
    pub admin: Admin,
    /// The folder for what must survive a restart.
    #[serde(default = "data_dir")]
    pub data_dir: PathBuf,
    /// Worker threads: `auto` is one for each core that this process may use.
    #[serde(default = "workers")]
    pub workers: Workers,
    /// Bounds on what clients may ask for.
    #[serde(default)]
    pub limits: Limits,
    /// Address ranges of proxies in front of Tidegate whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<Cidr>,
    /// The APIs behind Tidegate, by name. A bare URL stands for a service with that one endpoint.
    #[serde(default)]
    #[schemars(extend("x-keys" = "name"))]
    pub services: BTreeMap<ServiceName, Service>,
    /// Which request goes where. The most specific match wins, whatever the order.
    #[schemars(length(min = 1))]
    pub routes: Vec<Route>,
    /// What Tidegate tells about its work.
    #[serde(default)]
    pub observe: Observe,
}

impl File {
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
