//! Which route does the request take, and does its body fit?

use crate::preflight::preflight;
use crate::stop::{Reason, Stop};
use crate::trip::Trip;
use message::{Method, RequestHead};
use net::Body;
use route::{Ask, Find, Params};

/// Finds the route.
pub(crate) fn find(trip: &mut Trip, body: &mut Body) -> Result<(), Stop> {
    let Some(head) = &trip.head else { return Err(nowhere()) };
    if let Some(route) = asked_for(trip, head) {
        trip.route = Some(route);
        return Ok(());
    }
    let mut params = Params::new();
    let route = match trip.here.site.plan.table.find(&ask(head, &head.method), &mut params) {
        Find::Route(&route, _) => route,
        Find::MethodNotAllowed(allow) => {
            let allow = allow.to_string();
            let stop = Stop::new(Reason::MethodNotAllowed, format!("This path takes {allow}."));
            return Err(Stop { allow: Some(allow), ..stop });
        }
        Find::NotFound => return Err(nowhere()),
    };
    trip.route = Some(route);
    if let Some(limit) = trip.here.site.plan.routes[route].max_body
        && !body.is_empty()
    {
        if body.length().is_some_and(|n| n > limit) {
            return Err(Stop::too_large(limit));
        }
        body.limit(limit);
    }
    Ok(())
}

fn ask<'r>(head: &'r RequestHead, method: &'r Method) -> Ask<'r> {
    Ask {
        method,
        host: head.authority.as_ref().map_or("", |a| a.host()),
        path: head.target.path(),
        query: head.target.query(),
        fields: &head.fields,
    }
}

/// The route that a preflight asks about, where that answers preflights: the one that the request to come will take. Any
/// other `OPTIONS` takes a route like every method.
fn asked_for(trip: &Trip, head: &RequestHead) -> Option<usize> {
    let method = preflight(head)?;
    match trip.here.site.plan.table.find(&ask(head, &method), &mut Params::new()) {
        Find::Route(&route, _) if trip.here.site.plan.routes[route].answers_preflights() => Some(route),
        _ => None,
    }
}

fn nowhere() -> Stop {
    Stop::new(Reason::RouteNotFound, "No route is configured for this host, path and method.")
}
