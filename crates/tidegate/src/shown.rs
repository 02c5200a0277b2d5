//! Services and their endpoints as operators see them: `/api/services`, `tidegate status`, the dashboard.

use crate::membership::Members;
use admin::{EndpointView, ServiceView};
use balance::State;
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};
use upstream::{Member, Service};

/// One service with all its endpoints.
pub(crate) fn service(service: &Service, members: &Members) -> ServiceView {
    let name = &*service.settings.name;
    let endpoints: Vec<_> = service.members.iter().map(|member| endpoint(name, member, members)).collect();
    ServiceView {
        name: name.into(),
        policy: service.settings.picker.policy.as_str(),
        endpoints_up: endpoints.iter().filter(|endpoint| endpoint.up).count(),
        endpoints_total: endpoints.len(),
        inflight: service.meters.inflight(),
        waiting: service.standing.waiting(),
        adaptive_limit: service.standing.adaptive_limit(),
        retries: service.meters.retries(),
        retries_refused: service.meters.retries_refused(),
        hedges: service.meters.hedges(),
        ejections_refused: service.standing.circle.refused(),
        p95_seconds: service.standing.percentile(95).map(|took| took.as_secs_f64()),
        endpoints,
        removed: members.removed(name),
    }
}

fn endpoint(service: &str, member: &Member, members: &Members) -> EndpointView {
    let endpoint = &member.endpoint;
    let (attempts, failures) = endpoint.meters.attempts();
    let news = endpoint.news.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let state = endpoint.health.state();
    EndpointView {
        url: endpoint.label.to_string(),
        state: state.as_str(),
        up: state == State::Up,
        reason: news.change,
        since: news.changed.map(seconds),
        check: news.check.map(String::from),
        checked: news.checked.map(seconds),
        weight: u32::from(member.weight.get()),
        priority: member.rank.priority,
        backup: member.rank.backup,
        added: members.added(service).any(|url| *url == *endpoint.label),
        pending: endpoint.load.pending(),
        attempts,
        failures,
    }
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
