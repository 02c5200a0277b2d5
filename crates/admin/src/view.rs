//! Services and their endpoints as an operator sees them: `/api/services`, the status, the page.
//!
//! Plain data that the node fills in, so that the page and the API cannot tell different stories. Field names are the
//! names in the JSON: part of the interface.

use serde::Serialize;

/// A service in force.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// How an endpoint is picked.
    pub policy: &'static str,
    /// Endpoints in the state `up`.
    pub endpoints_up: usize,
    /// All its endpoints.
    pub endpoints_total: usize,
    /// Attempts under way.
    pub inflight: i64,
    /// Requests that wait until an endpoint has room.
    pub waiting: u32,
    /// How many requests it takes at once, where that is learnt.
    pub adaptive_limit: Option<u32>,
    /// Attempts that were made again.
    pub retries: u64,
    /// Attempts that were not made again, since the budget was spent.
    pub retries_refused: u64,
    /// Second attempts beside one that took long.
    pub hedges: u64,
    /// Ejections that were refused, because too many endpoints were out already.
    pub ejections_refused: u64,
    /// The time in which 95 of 100 recent attempts were answered.
    pub p95_seconds: Option<f64>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointView>,
    /// URLs that operators took away at run time.
    pub removed: Vec<String>,
}

/// An endpoint of a service.
#[derive(Clone, Debug, Default, Serialize)]
pub struct EndpointView {
    /// Its URL, by which it is named.
    pub url: String,
    /// `up`, `unknown`, `failing`, `ejected`, `trial`, `dead` or `draining`.
    pub state: &'static str,
    /// Is that `up`?
    pub up: bool,
    /// Why the state changed last.
    pub reason: Option<&'static str>,
    /// When it did, in seconds since 1970; none where it never did.
    pub since: Option<u64>,
    /// What its last check had to say; none where that passed.
    pub check: Option<String>,
    /// When that was, in seconds since 1970; none where there are no checks.
    pub checked: Option<u64>,
    /// Its share of the traffic.
    pub weight: u32,
    /// Whether endpoints of a lower number are used first.
    pub priority: u8,
    /// Is it used only where no other can be?
    pub backup: bool,
    /// An operator added it at run time, so that it is gone when the process ends.
    pub added: bool,
    /// Attempts under way there.
    pub pending: u32,
    /// Attempts that ended.
    pub attempts: u64,
    /// Those of them that failed.
    pub failures: u64,
}

/// How bad a state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Requests come, or will come as they should.
    Good,
    /// Somebody wanted it so, or nobody knows yet.
    Notable,
    /// Requests are kept away because something is wrong.
    Bad,
}

impl EndpointView {
    pub(crate) fn severity(&self) -> Severity {
        match self.state {
            "up" => Severity::Good,
            "draining" | "unknown" | "trial" => Severity::Notable,
            _ => Severity::Bad,
        }
    }
}
