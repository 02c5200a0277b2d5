//! Services and their endpoints as operators see them: `/api/services`, `tidegate status`, the dashboard.

use balance::State;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use upstream::{Member, Service};

/// One service with all its endpoints.
pub(crate) fn service(service: &Service) -> Value {
    let states =
        |wanted: State| service.members.iter().filter(|m| m.endpoint.health.state() == wanted).count();
    json!({
        "name": service.settings.name,
        "policy": service.settings.picker.policy.as_str(),
        "endpoints_up": states(State::Up),
        "endpoints_total": service.members.len(),
        "inflight": service.meters.inflight(),
        "waiting": service.standing.waiting(),
        "adaptive_limit": service.standing.adaptive_limit(),
        "retries": service.meters.retries(),
        "retries_refused": service.meters.retries_refused(),
        "hedges": service.meters.hedges(),
        "ejections_refused": service.standing.circle.refused(),
        "p95_seconds": service.standing.percentile(95).map(|took| took.as_secs_f64()),
        "endpoints": service.members.iter().map(member).collect::<Vec<_>>(),
    })
}

fn member(member: &Member) -> Value {
    let endpoint = &member.endpoint;
    let (attempts, failures) = endpoint.meters.attempts();
    let news = endpoint.news.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    json!({
        "url": endpoint.label,
        "state": endpoint.health.state().as_str(),
        "up": endpoint.health.state() == State::Up,
        "reason": news.change,
        "since": news.changed.map(seconds),
        "check": news.check,
        "checked": news.checked.map(seconds),
        "weight": member.weight.get(),
        "priority": member.rank.priority,
        "backup": member.rank.backup,
        "pending": endpoint.load.pending(),
        "attempts": attempts,
        "failures": failures,
    })
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
