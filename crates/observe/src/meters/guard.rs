//! What is counted of identity and limits: requests over a limit, and callers by their plan. Consumers are not labels:
//! there may be a million of them, and their names are nobody's business but the log's.

use super::kinds::CoreCounter;
use std::sync::Arc;

/// What one policy of one route did to requests that were over it.
#[derive(Debug)]
pub struct LimitMeters {
    /// Refused.
    pub rejected: CoreCounter,
    /// Held back until there was room, then served.
    pub queued: CoreCounter,
    /// Served all the same, because the policy is on trial.
    pub shadowed: CoreCounter,
    /// Decided without the store that the nodes share.
    pub alone: CoreCounter,
}

impl LimitMeters {
    pub(super) fn new(cores: usize) -> Self {
        let counter = || CoreCounter::new(cores);
        Self { rejected: counter(), queued: counter(), shadowed: counter(), alone: counter() }
    }
}

/// A policy's totals.
#[derive(Clone, Debug)]
pub struct LimitTotals {
    /// The route's name.
    pub route: Arc<str>,
    /// The policy's name.
    pub policy: Arc<str>,
    /// Requests by what became of them: `rejected`, `queued`, `shadowed`, `alone`.
    pub outcomes: [(&'static str, u64); 4],
}

impl LimitTotals {
    pub(super) fn of(route: Arc<str>, policy: Arc<str>, meters: &LimitMeters) -> Self {
        let outcomes = [
            ("rejected", meters.rejected.total()),
            ("queued", meters.queued.total()),
            ("shadowed", meters.shadowed.total()),
            ("alone", meters.alone.total()),
        ];
        Self { route, policy, outcomes }
    }
}

/// How many requests came from callers that were identified in one way and have one plan.
#[derive(Clone, Debug)]
pub struct CallerTotals {
    /// The way: `api_key`, `jwt`, ...
    pub way: Arc<str>,
    /// The plan; empty: none.
    pub plan: Arc<str>,
    /// Requests.
    pub requests: u64,
}
