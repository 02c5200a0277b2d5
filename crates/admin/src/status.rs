//! `/api/status`: the numbers of the overview page as JSON, for `tidegate status`, scripts and the page's readers.

use crate::live::{Live, Rate};
use crate::node::Node;
use serde_json::{Map, Value, json};
use std::time::UNIX_EPOCH;

/// The document.
pub(crate) fn document(node: &dyn Node, live: &Live) -> Value {
    let now = &live.now;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "uptime_seconds": now.uptime.as_secs(),
        "ready": node.ready(),
        "draining": node.draining(),
        "connections": now.connections(),
        "inflight": now.inflight(),
        "requests": now.requests(),
        "errors": now.errors(),
        "recent": recent(&live.total),
        "routes": now.routes.iter().zip(&live.routes).map(route).collect::<Vec<_>>(),
        "services": now.services.iter().zip(&live.services).map(service).collect::<Vec<_>>(),
        "endpoints": now.endpoints.iter().zip(&live.endpoints).map(endpoint).collect::<Vec<_>>(),
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

fn service((service, rate): (&observe::ServiceTotals, &Rate)) -> Value {
    json!({
        "service": &*service.service,
        "requests": service.requests,
        "errors": service.errors,
        "retries": service.retries,
        "inflight": service.inflight,
        "recent": recent(rate),
    })
}

fn endpoint((endpoint, rate): (&observe::EndpointTotals, &Rate)) -> Value {
    json!({
        "service": &*endpoint.service,
        "endpoint": &*endpoint.endpoint,
        "up": endpoint.up,
        "attempts": endpoint.took.total(),
        "connects": endpoint.connects,
        "connect_failures": endpoint.connect_failures,
        "reused": endpoint.reused,
        "recent": {
            "attempts_per_second": rate.per_second, "p50_seconds": rate.p50, "p99_seconds": rate.p99,
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
