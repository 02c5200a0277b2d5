//! Consumers and limits as an operator sees them: `/api/consumers`, `/api/limits`, the page.
//!
//! Plain data that the node fills in. Field names are the names in the JSON: part of the interface. *Not here*: single
//! callers' buckets, of which there may be millions. *Cost*: none on the hot path.

use serde::Serialize;

/// A caller that the config names. Times are seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConsumerView {
    /// Its name.
    pub name: String,
    /// Its plan.
    pub plan: Option<String>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Its keys that are taken, but for those in the config.
    pub keys: usize,
    /// Those of them that expire within a week.
    pub keys_expiring: usize,
    /// Keys that stand in the config.
    pub keys_in_config: usize,
    /// When one of its keys was last taken by this node, to a minute; none: never since the node was started.
    pub last_used: Option<u64>,
}

/// Everything about limits.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LimitsView {
    /// The limits of all routes and plans, those of the top level once.
    pub policies: Vec<PolicyView>,
    /// The table of rates; none where nothing is counted.
    pub table: Option<TableView>,
    /// The table of quotas by the calendar.
    pub quotas: Option<TableView>,
    /// The other nodes; none without `cluster`.
    pub cluster: Option<ClusterView>,
}

/// One limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PolicyView {
    /// The route it is of. Without a route and a plan it holds everywhere.
    pub route: Option<String>,
    /// The plan it is of.
    pub plan: Option<String>,
    /// Its name.
    pub name: String,
    /// `rate`, `quota` or `concurrency`.
    pub kind: &'static str,
    /// What it allows, in words: `100/s, burst 200`.
    pub allowance: String,
    /// By what requests are counted, all together: `ip`, `consumer`, `header:X-Tenant`.
    pub key: Vec<String>,
    /// Who counts: `node`, each for itself; `fast`, all nodes, told many times a second; `exact`, all nodes in one place.
    pub sharing: &'static str,
    /// It is on trial: what is over it is counted, and served.
    pub shadow: bool,
    /// Requests that were refused.
    pub rejected: u64,
    /// Requests that were held back, then served.
    pub queued: u64,
    /// Requests that were over it and served, because it is on trial.
    pub shadowed: u64,
    /// Requests that were decided without the store that the nodes share.
    pub alone: u64,
}

/// How full a table is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableView {
    /// Keys in it.
    pub entries: u64,
    /// Keys that it has room for.
    pub capacity: u64,
    /// Keys that had to go for others.
    pub evictions: u64,
}

/// The nodes that count together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClusterView {
    /// Can the store be used that they share?
    pub up: bool,
    /// Since when that is so, in seconds since 1970.
    pub since: u64,
    /// Why it cannot.
    pub why: Option<String>,
    /// Nodes, this one among them, as they were last seen.
    pub nodes: usize,
    /// Questions of requests that the store answered.
    pub taken: u64,
    /// Questions of requests that it did not.
    pub failed: u64,
    /// Buckets and quotas that were settled with it.
    pub settled: u64,
}
