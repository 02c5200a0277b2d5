//! `/api/status`: the numbers of the overview page as JSON, for `tidegate status`, scripts and the page's readers.

use crate::instances;
use crate::live::{Live, Rate};
use crate::node::Node;
use crate::overview::{self, EndpointRow, ServiceRow};
use serde_json::{Map, Value, json};
use std::time::UNIX_EPOCH;

/// The document.
pub(crate) fn document(node: &dyn Node, live: &Live) -> Value {
    let (now, views) = (&live.now, node.services());
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "uptime_seconds": now.uptime.as_secs(),
        "ready": node.ready(),
        "draining": node.draining(),
        "strain": node.strain(),
        "connections": now.connections(),
        "inflight": now.inflight(),
        "requests": now.requests(),
        "errors": now.errors(),
        "recent": recent(&live.total),
        "routes": now.routes.iter().zip(&live.routes).map(route).collect::<Vec<_>>(),
        "services": overview::services(&views, live).iter().map(service).collect::<Vec<_>>(),
        "endpoints": overview::endpoints(&views, live).iter().map(endpoint).collect::<Vec<_>>(),
        "instances": node.instances().iter().map(instances::summary).collect::<Vec<_>>(),
        "listeners": now.listeners.iter().map(listener).collect::<Vec<_>>(),
        "stops": counts(&now.stops),
        "config": {
            "loads": now.reloads.succeeded,
            "refused": now.reloads.failed,
            "last_load": now.reloads.last_success
                .map(|at| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()),
        },
        "access_log_dropped": now.access_log_dropped,
    })
}

fn recent(rate: &Rate) -> Value {
    json!({
        "requests_per_second": rate.per_second,
        "error_ratio": rate.error_ratio,
        "p50_seconds": rate.p50,
        "p99_seconds": rate.p99,
    })
}

fn route((route, rate): (&observe::RouteTotals, &Rate)) -> Value {
    json!({
        "route": &*route.route,
        "service": &*route.service,
        "requests": route.requests,
        "errors": route.errors,
        "bytes_in": route.bytes_in,
        "bytes_out": route.bytes_out,
        "recent": recent(rate),
    })
}

fn service(row: &ServiceRow<'_>) -> Value {
    let view = row.view;
    json!({
        "service": view.name,
        "policy": view.policy,
        "endpoints_up": view.endpoints_up,
        "endpoints_total": view.endpoints_total,
        "requests": row.totals.map_or(0, |totals| totals.requests),
        "errors": row.totals.map_or(0, |totals| totals.errors),
        "inflight": view.inflight,
        "waiting": view.waiting,
        "adaptive_limit": view.adaptive_limit,
        "retries": view.retries,
        "retries_refused": view.retries_refused,
        "hedges": view.hedges,
        "ejections_refused": view.ejections_refused,
        "recent": recent(&row.rate),
    })
}

/// Everything of `/api/services`, and rates.
fn endpoint(row: &EndpointRow<'_>) -> Value {
    let (view, totals) = (row.view, row.totals);
    json!({
        "service": row.service,
        "endpoint": view.url,
        "state": view.state,
        "up": view.up,
        "reason": view.reason,
        "since": view.since,
        "check": view.check,
        "checked": view.checked,
        "weight": view.weight,
        "priority": view.priority,
        "backup": view.backup,
        "added": view.added,
        "pending": view.pending,
        "attempts": view.attempts,
        "failures": view.failures,
        "connects": totals.map_or(0, |totals| totals.connects),
        "connect_failures": totals.map_or(0, |totals| totals.connect_failures),
        "reused": totals.map_or(0, |totals| totals.reused),
        "recent": {
            "attempts_per_second": row.rate.per_second,
            "p50_seconds": row.rate.p50,
            "p99_seconds": row.rate.p99,
        },
    })
}

fn listener(listener: &observe::ListenerTotals) -> Value {
    json!({
        "listener": &*listener.address,
        "connections": listener.open,
        "accepted": listener.accepted,
        "refused": counts(&listener.refused),
    })
}

fn counts(counts: &[(&'static str, u64)]) -> Value {
    counts.iter().map(|(reason, n)| ((*reason).to_owned(), json!(n))).collect::<Map<_, _>>().into()
}
