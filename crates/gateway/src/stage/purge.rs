//! The method `PURGE`: what was kept of a URL is taken out, on all nodes. For those whom the config lets.
//!
//! `PURGE /path` takes out that URL in all its variants; a path that ends with `*` all URLs that begin so; with `Surrogate-Key` or
//! `Cache-Tag` all responses that have one of those tags. `X-Purge: soft` makes them stale instead, so that they may still be
//! served while new ones are fetched.

use crate::arrival::Arrival;
use crate::caching::Caches;
use crate::client_address::is_trusted;
use crate::purging::beginnings;
use crate::site::Site;
use crate::stop::{Reason, Stop};
use crate::to_get::to_get;
use crate::trip::Trip;
use cache::{Asking, KeySettings, Purge, What};
use message::{Fields, Name, RequestHead, ResponseHead, Scheme, StatusCode, Target};
use net::Body;
use route::{Find, Params};
use serde_json::json;

/// Tags of one request.
const TAGS_MOST: usize = 100;

/// Is it one?
pub(crate) fn is_purge(trip: &Trip) -> bool {
    let asks = trip.head.as_ref().is_some_and(|head| head.method.as_str() == "PURGE");
    asks && trip.here.site.caches.as_ref().is_some_and(|caches| !caches.purge_from.is_empty())
}

/// Purges.
pub(crate) fn purge(trip: &Trip) -> Result<Arrival, Stop> {
    let (Some(caches), Some(head)) = (&trip.here.site.caches, &trip.head) else {
        return Err(Stop::new(Reason::RouteNotFound, "There is no cache."));
    };
    if !is_trusted(trip.client, &caches.purge_from) {
        return Err(Stop::new(Reason::Forbidden, "You may not purge: `cache.purge_from` says who may."));
    }
    let all = wanted(&trip.here.site, trip.peer.scheme, head)?;
    let purged: Vec<String> = all.iter().map(|purge| purge.what.to_string()).collect();
    send(caches, all);
    let mut text = json!({ "purged": purged }).to_string();
    text.push('\n');
    let mut answer = ResponseHead::new(StatusCode::OK);
    answer.fields.add(Name::ContentType, b"application/json");
    answer.fields.add(Name::CacheControl, b"no-store");
    answer.fields.add(Name::Server, b"tidegate");
    Ok(Arrival { head: answer, body: Body::full(text), tunnel: None })
}

fn send(caches: &Caches, all: Vec<Purge>) {
    for purge in all {
        caches.purging.purge(purge);
    }
}

/// What is asked for.
fn wanted(site: &Site, scheme: Scheme, head: &RequestHead) -> Result<Vec<Purge>, Stop> {
    let is_soft = is_soft(&head.fields)?;
    let tags = tags(&head.fields);
    if tags.len() > TAGS_MOST {
        return Err(Stop::new(Reason::Malformed, format!("Purge up to {TAGS_MOST} tags at a time.")));
    }
    if !tags.is_empty() {
        return Ok(tags.into_iter().map(|tag| Purge { what: What::Tag(tag), is_soft }).collect());
    }
    Ok(what(site, scheme, head).into_iter().map(|what| Purge { what, is_soft }).collect())
}

fn is_soft(fields: &Fields) -> Result<bool, Stop> {
    match fields.all_named("x-purge").next() {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case(b"soft") => Ok(true),
        Some(value) if value.eq_ignore_ascii_case(b"hard") => Ok(false),
        Some(_) => Err(Stop::new(Reason::Malformed, "`X-Purge` is `soft` or `hard`.")),
    }
}

fn tags(fields: &Fields) -> Vec<Box<str>> {
    let keys = fields.all(Name::SurrogateKey).flat_map(|line| line.split(u8::is_ascii_whitespace));
    let all = keys.chain(fields.members(Name::CacheTag));
    all.filter_map(|tag| std::str::from_utf8(tag).ok())
        .filter(|tag| !tag.is_empty())
        .map(Into::into)
        .collect()
}

/// The URL as the route that serves it has it in its keys; or all that begin so.
fn what(site: &Site, scheme: Scheme, head: &RequestHead) -> Vec<What> {
    // What is left of a path is one, but for a `*` alone.
    let start = head.target.path().strip_suffix('*').map(|start| if start.is_empty() { "/" } else { start });
    match start.and_then(|start| Target::parse(start.as_bytes(), false).ok()) {
        Some(target) => beginnings(site, scheme, &RequestHead { target, ..head.clone() }),
        None => vec![What::Url(url(site, scheme, head))],
    }
}

/// What purges of that URL go by.
pub(crate) fn url(site: &Site, scheme: Scheme, head: &RequestHead) -> Box<str> {
    let usual = KeySettings::default();
    let settings = match site.plan.table.find(&to_get(head), &mut Params::new()) {
        Find::Route(&route, _) => site.plan.routes.get(route).and_then(|route| route.cache.as_ref()),
        _ => None,
    };
    let settings = settings.map_or(&usual, |caching| &caching.settings.key);
    Asking { settings, scheme, head, consumer: None }.url()
}
