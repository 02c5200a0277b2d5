//! Which route does the request take, and does its body fit?

use crate::stop::{Reason, Stop};
use crate::trip::Trip;
use net::Body;
use route::{Ask, Find, Params};

/// Finds the route.
pub(crate) fn find(trip: &mut Trip, body: &mut Body) -> Result<(), Stop> {
    let Some(head) = &trip.head else { return Err(nowhere()) };
    let mut params = Params::new();
    let ask = Ask {
        method: &head.method,
        host: head.authority.as_ref().map_or("", |a| a.host()),
        path: head.target.path(),
        query: head.target.query(),
        fields: &head.fields,
    };
    let route = match trip.here.site.plan.table.find(&ask, &mut params) {
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

fn nowhere() -> Stop {
    Stop::new(Reason::RouteNotFound, "No route is configured for this host, path and method.")
}
