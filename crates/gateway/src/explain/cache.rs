//! What a route wants of the cache, in words.

use crate::caching::{Caches, Caching};
use base::units::show_duration;
use cache::{KeySettings, QueryRule};
use message::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// The stage between `charge` and `forward`.
pub(super) fn stage(caching: &Caching, caches: Option<&Caches>, method: &Method) -> Value {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return json!({
            "stage": "recall",
            "result": format!("it goes past: {method} is neither GET nor HEAD"),
            "why": "what succeeds and is not safe makes what is kept of its URL worthless (RFC 9111 section 4.4)",
        });
    }
    let settings = &caching.settings;
    let span = |span: Option<Duration>| span.map(show_duration);
    let fresh = match (settings.ttl, settings.force) {
        (Some(ttl), true) => format!("{} whatever the origin says", show_duration(ttl)),
        (Some(ttl), false) => format!("as the origin says, else {}", show_duration(ttl)),
        (None, _) => "as the origin says".to_owned(),
    };
    let statuses: Vec<String> = settings
        .statuses
        .iter()
        .map(|(status, ttl)| format!("{} for {}", status.as_u16(), show_duration(*ttl)))
        .collect();
    json!({
        "stage": "recall",
        "result": "a fresh response is served from here; else one request fetches it and the others wait",
        "why": "behind everything that says who may have it; Cache-Status says of each answer what was done, and why",
        "fresh": fresh,
        "statuses": statuses,
        "stale_while_revalidate": span(settings.stale_while_revalidate),
        "stale_if_error": span(settings.stale_if_error),
        "key": key(&settings.key, settings.per_consumer),
        "max_object": settings.max_object,
        "disk": caches.is_some_and(|caches| caches.disk.is_some()),
    })
}

fn key(key: &KeySettings, per_consumer: bool) -> Value {
    let query = match &key.query {
        QueryRule::All => "the query, sorted".to_owned(),
        QueryRule::Exact => "the query as it is".to_owned(),
        QueryRule::None => "no query".to_owned(),
        QueryRule::Only(names) => format!("of the query {}", names.join(", ")),
        QueryRule::Except(names) => format!("the query without {}", names.join(", ")),
    };
    let mut parts = vec!["scheme".to_owned()];
    parts.extend((!key.any_host).then(|| "host".to_owned()));
    parts.extend(["path".to_owned(), query]);
    parts.extend(key.headers.iter().map(|name| format!("header {name}")));
    parts.extend(key.cookies.iter().map(|name| format!("cookie {name}")));
    parts.extend(per_consumer.then(|| "consumer".to_owned()));
    json!(parts)
}
