//! A request that may have changed something makes worthless what is kept of it (RFC 9111 section 4.4).

use crate::caching::{Caches, Caching};
use crate::to_get::to_get;
use crate::trip::Trip;
use cache::{Asking, Purge, What, invalidated, is_safe};
use message::{RequestHead, ResponseHead};
use route::{Find, Params};

/// The answer to a request that may have changed something: what is kept of those URLs is worthless (RFC 9111 section 4.4),
/// whichever route keeps it.
pub(crate) fn changed(trip: &Trip, answer: &ResponseHead) {
    let Some(caches) = &trip.here.site.caches else { return };
    let Some(head) = trip.head.as_ref().filter(|head| !is_safe(&head.method)) else { return };
    // What was asked for, before a prefix was taken off.
    let asked = trip.asked.as_ref().map(|target| RequestHead { target: target.clone(), ..head.clone() });
    let head = asked.as_ref().unwrap_or(head);
    let plan = &trip.here.site.plan;
    let Find::Route(&route, _) = plan.table.find(&to_get(head), &mut Params::new()) else { return };
    if let Some(caching) = plan.routes.get(route).and_then(|route| route.cache.as_deref()) {
        invalidate(trip, caching, caches, head, answer);
    }
}

/// Most URLs that are changed were never kept, and leave no trace.
fn invalidate(trip: &Trip, caching: &Caching, caches: &Caches, request: &RequestHead, answer: &ResponseHead) {
    let scheme = trip.peer.scheme;
    let key = &caching.settings.key;
    let own = Asking { settings: key, scheme, head: request, consumer: None };
    // Where other things belong to the key, nobody knows all keys of the URL.
    let is_plain = key.headers.is_empty() && key.cookies.is_empty() && !caching.settings.per_consumer;
    let place = caches.store.keys().key(&own);
    let is_kept = caches.store.has(place) || caches.disk.as_ref().is_some_and(|disk| disk.has(place.0));
    let url = own.url();
    for other in invalidated(&own, answer) {
        if other != url || is_kept || !is_plain {
            caches.store.purges().add(&Purge { what: What::Url(other), is_soft: false });
        }
    }
}
