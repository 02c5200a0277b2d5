//! `cluster`: what several nodes share.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{ClusterPrefix, Period, RedisUrl, Secret, SentinelMaster, Username, own};

/// What several nodes share: limits, quotas, API keys and revocations. Only needed where there are several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// The Redis or Valkey that they share it in. A bare URL will do.
    pub redis: Redis,
    /// What all names in Redis start with. Nodes with the same `prefix` are one cluster.
    #[serde(default = "prefix")]
    pub prefix: ClusterPrefix,
    /// How long an answer of Redis may take; then limits go by their `on_store_error`.
    #[serde(default = "timeout")]
    #[schemars(extend("x-min" = 1, "x-max" = 10_000))]
    pub timeout: Period,
}

/// A Redis or Valkey: exactly one of `url` and `urls`. Bare URLs stand for `urls`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "urls", "x-one-of" = ["url", "urls"]))]
pub struct Redis {
    /// The server.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<RedisUrl>,
    /// The sentinels, or some nodes of a Redis Cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    urls: Vec<RedisUrl>,
    /// What the URLs are.
    pub mode: RedisMode,
    /// With `mode: sentinel`: the name of the master.
    pub master: Option<SentinelMaster>,
    /// Who logs in.
    pub username: Option<Username>,
    /// The password. A secret: `${ENV}` or `file:/path`.
    pub password: Option<Secret>,
    /// With `rediss://`: a PEM file of the only authorities to trust.
    #[schemars(extend("x-default" = "the system's"))]
    pub ca: Option<PathBuf>,
}

impl Redis {
    /// The URLs, at least one.
    pub fn urls(&self) -> impl Iterator<Item = &RedisUrl> {
        self.url.iter().chain(&self.urls)
    }
}

/// What the URLs of a Redis are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RedisMode {
    /// One server.
    #[default]
    Single,
    /// Sentinels that say where the master is.
    Sentinel,
    /// Nodes of a Redis Cluster.
    Cluster,
}

fn prefix() -> ClusterPrefix {
    own("tidegate")
}

fn timeout() -> Period {
    Period::millis(100)
}
