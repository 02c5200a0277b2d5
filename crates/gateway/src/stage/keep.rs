//! What becomes of an answer on its way back: it is kept where it may be, and what is there already takes its place where the
//! origin says so, or fails.

use crate::arrival::Arrival;
use crate::caching::{Caches, Caching};
use crate::given::{Given, give_to};
use crate::missing::Missing;
use crate::ondisk;
use crate::pump::{Pump, pump};
use crate::stop::Stop;
use crate::to_get::to_get;
use crate::trip::Trip;
use cache::{
    Admitted, Asking, Content, Entry, Flow, Offer, Reason, Reply, Told, admit, head_agrees, refresh, reply,
    revalidate, shape, stale_on_error,
};
use message::{Name, RequestHead, ResponseHead, StatusCode};
use net::Body;
use route::{Find, Params};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Bytes of a body that is not kept which the slowest of its readers may be behind.
const WINDOW: u64 = 1 << 20;

/// Takes out of a request that leaves for the origin what only its client wants to know, and asks about what is there.
pub(crate) fn prepare(trip: &mut Trip, missing: &Missing) {
    let Some(head) = &mut trip.head else { return };
    if !missing.keeps && missing.stale.is_none() {
        return;
    }
    for name in [Name::IfNoneMatch, Name::IfModifiedSince, Name::IfRange, Name::Range] {
        head.fields.remove(name);
    }
    if let Some(stale) = &missing.stale {
        revalidate(stale, &mut head.fields);
    }
}

/// The origin has answered.
pub(crate) fn keep(trip: &mut Trip, missing: Missing, arrival: Arrival) -> Arrival {
    let here = Rc::clone(&trip.here);
    let Some((caching, caches)) = trip.caching_in(&here) else { return arrival };
    let received = trip.desk.unix_ms();
    count_reason(trip, caching, missing.why);
    match (&missing.stale, arrival.head.status) {
        (Some(stale), StatusCode::NOT_MODIFIED) => {
            let stale = Arc::clone(stale);
            still_good(trip, caching, caches, missing, &stale, arrival, received)
        }
        (Some(stale), status) if is_failure(status) => {
            let standing = caches.store.purges().standing(stale);
            let Some(age) = stale_on_error(stale, &missing.asked, standing, received) else {
                return not_kept(trip, caching, caches, missing, arrival, Reason::Status);
            };
            let given = Given::StaleOnError { why: missing.why };
            let answer = give_to(trip, &missing.head, caches, stale, age, &missing.asked, given);
            let Some(answer) = answer else {
                return not_kept(trip, caching, caches, missing, arrival, Reason::Status);
            };
            let Missing { lead, stale, .. } = missing;
            if let (Some(lead), Some(stale)) = (lead, stale) {
                lead.landed(&stale);
            }
            answer
        }
        _ => fetched(trip, caching, caches, missing, arrival, received),
    }
}

/// The origin could not be reached.
pub(crate) fn failed(trip: &mut Trip, missing: Missing, stop: Stop) -> Result<Arrival, Stop> {
    let here = Rc::clone(&trip.here);
    let Some((caching, caches)) = trip.caching_in(&here) else { return Err(stop) };
    count_reason(trip, caching, missing.why);
    let (Missing { asked, head, why, lead, stale, .. }, now) = (missing, trip.desk.unix_ms());
    let usable = stale.filter(|_| stop.is_upstreams()).and_then(|stale| {
        let standing = caches.store.purges().standing(&stale);
        let age = stale_on_error(&stale, &asked, standing, now)?;
        let answer = give_to(trip, &head, caches, &stale, age, &asked, Given::StaleOnError { why })?;
        Some((answer, stale))
    });
    match (usable, lead) {
        (Some((answer, stale)), lead) => {
            if let Some(lead) = lead {
                lead.landed(&stale);
            }
            trip.desk.count(&stop);
            Ok(answer)
        }
        (None, lead) => {
            if let Some(lead) = lead {
                lead.released(Reason::Status);
            }
            Err(stop)
        }
    }
}

/// The answer to a request that the cache had no say in.
pub(crate) fn passed(trip: &mut Trip, why: Reason, mut arrival: Arrival) -> Arrival {
    let here = Rc::clone(&trip.here);
    let Some((caching, caches)) = trip.caching_in(&here) else { return arrival };
    caching.meters.bypassed.add(trip.desk.core, 1);
    count_reason(trip, caching, why);
    let told = Told::Forwarded { why, status: None, stored: Err(why), collapsed: false };
    cache::tell(&mut arrival.head.fields, &caches.name, &told);
    arrival
}

/// The origin fails in a way that it may not in a minute (RFC 5861 section 4).
fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

fn count_reason(trip: &Trip, caching: &Caching, why: Reason) {
    if let Some((_, counter)) = caching.meters.reasons.get(why as usize) {
        counter.add(trip.desk.core, 1);
    }
}

fn offer<'a>(caching: &'a Caching, missing: &'a Missing, arrival: &'a Arrival, received: u64) -> Offer<'a> {
    let settings = if missing.consumer.is_some() { &caching.settings } else { &caching.shared };
    Offer {
        settings,
        method: &missing.head.method,
        asked: &missing.asked,
        head: &arrival.head,
        length: arrival.body.length(),
        requested: missing.requested,
        received,
    }
}

/// A 304: what is there is still good.
fn still_good(
    trip: &Trip,
    caching: &Caching,
    caches: &Caches,
    missing: Missing,
    stale: &Arc<Entry>,
    arrival: Arrival,
    received: u64,
) -> Arrival {
    caching.meters.revalidated.add(trip.desk.core, 1);
    let refreshed = refresh(stale, &offer(caching, &missing, &arrival, received));
    let Missing { key, why, asked, head, lead, collapsed, purge, .. } = missing;
    let (entry, stored) = match refreshed {
        Ok(entry) => {
            let entry = Arc::new(Entry { purge: AtomicU64::new(purge), ..entry });
            caches.store.replace(key, &head, stale, Arc::clone(&entry));
            ondisk::rewrite(caches, key, &head, stale, &entry);
            let left = entry.freshness.left_at(received);
            (entry, Ok(left))
        }
        Err(reason) => {
            // What is not for this caller may be for others.
            if !matches!(reason, Reason::Authorization | Reason::Cookies) {
                caches.store.remove(key, &head);
                ondisk::forget(caches, key, &head);
            }
            (Arc::clone(stale), Err(reason))
        }
    };
    match (lead, stored) {
        (Some(lead), Ok(_)) => lead.landed(&entry),
        (Some(lead), Err(reason)) => lead.released(reason),
        (None, _) => {}
    }
    let age = entry.freshness.age_at(received);
    let given = Given::Fetched { why, status: Some(StatusCode::NOT_MODIFIED), stored, collapsed };
    give_to(trip, &head, caches, &entry, age, &asked, given).unwrap_or(arrival)
}

/// A whole new answer.
fn fetched(
    trip: &mut Trip,
    caching: &Caching,
    caches: &Arc<Caches>,
    missing: Missing,
    arrival: Arrival,
    received: u64,
) -> Arrival {
    if missing.asked.is_head
        && let Some(stale) = &missing.stale
        && !head_agrees(stale, &arrival.head, arrival.body.length())
    {
        // It speaks of another response than the one that is kept (RFC 9111 section 4.3.5).
        caches.store.withdraw(missing.key, &missing.head, stale);
        ondisk::forget(caches, missing.key, &missing.head);
    }
    if !missing.keeps || arrival.tunnel.is_some() {
        return not_kept(trip, caching, caches, missing, arrival, Reason::RequestNoStore);
    }
    match admit(&offer(caching, &missing, &arrival, received)) {
        Err(reason) => {
            if is_lasting(reason) {
                let span = u64::try_from(caching.settings.uncacheable.as_millis()).unwrap_or(u64::MAX);
                caches.store.mark_uncacheable(missing.key, received.saturating_add(span));
            }
            not_kept(trip, caching, caches, missing, arrival, reason)
        }
        Ok(admitted) => stored(trip, caching, caches, missing, admitted, arrival, received),
    }
}

/// Will it be the same for the next one that asks?
fn is_lasting(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NoStore
            | Reason::Private
            | Reason::SetCookie
            | Reason::VaryAll
            | Reason::NoFreshness
            | Reason::StaleAtOnce
            | Reason::TooLarge
            | Reason::Partial
    )
}

fn stored(
    trip: &mut Trip,
    caching: &Caching,
    caches: &Arc<Caches>,
    mut missing: Missing,
    admitted: Admitted,
    arrival: Arrival,
    received: u64,
) -> Arrival {
    let Arrival { head: ResponseHead { status, .. }, body, .. } = arrival;
    // What the memory could not keep in the end is not gathered there while it goes by, on its way to the disk.
    let most = caching.settings.max_object.min(caches.store.largest());
    let flow = (!body.is_empty()).then(|| Flow::new(body.length(), most, WINDOW));
    let content = flow
        .as_ref()
        .map_or_else(|| Content::Whole(bytes::Bytes::new()), |flow| Content::Growing(Arc::clone(flow)));
    let (url, tags) = (url(trip, caching, &missing), tags(trip, caching, &missing.head, admitted.tags));
    let entry = Arc::new(Entry {
        status,
        fields: admitted.fields,
        content,
        freshness: admitted.freshness,
        vary: admitted.vary,
        tags: tags.into(),
        url,
        purge: AtomicU64::new(missing.purge),
    });
    caching.meters.stored.add(trip.desk.core, 1);
    caches.store.put(missing.key, &missing.head, Arc::clone(&entry));
    if let Some(lead) = missing.lead.take() {
        lead.landed(&entry);
    }
    let given = Given::Fetched {
        why: missing.why,
        status: None,
        stored: Ok(entry.freshness.left_at(received)),
        collapsed: missing.collapsed,
    };
    let age = entry.freshness.age_at(received);
    let answer = give_to(trip, &missing.head, caches, &entry, age, &missing.asked, given);
    let writer = ondisk::write(caches, missing.key, &missing.head, &entry);
    match flow {
        Some(flow) => {
            let pump_it = Pump {
                body,
                flow,
                writer,
                entry: Arc::clone(&entry),
                key: missing.key,
                head: missing.head,
                caches: Arc::clone(caches),
                permit: trip.hand_over_permit(),
            };
            tokio::task::spawn_local(pump(pump_it));
        }
        None => {
            if let Some(writer) = writer {
                writer.finish();
            }
        }
    }
    answer.unwrap_or_else(|| Arrival {
        head: ResponseHead { status: entry.status, fields: entry.fields.clone() },
        body: Body::empty(),
        tunnel: None,
    })
}

/// What purges go by.
fn url(trip: &Trip, caching: &Caching, missing: &Missing) -> Box<str> {
    let key = &caching.settings.key;
    Asking { settings: key, scheme: trip.peer.scheme, head: &missing.head, consumer: None }.url()
}

/// The origin's tags, and those of the route.
fn tags(trip: &Trip, caching: &Caching, head: &RequestHead, mut tags: Vec<Box<str>>) -> Vec<Box<str>> {
    if caching.settings.tags.is_empty() {
        return tags;
    }
    let plan = &trip.here.site.plan;
    let mut params = Params::new();
    let _: Find<'_, _> = plan.table.find(&to_get(head), &mut params);
    let template = trip.route.and_then(|number| plan.templates.get(number));
    let named = template.map(|template| params.named(template, head.target.path()));
    let value = |name: &str| match name.split_once('.') {
        Some(("query", name)) => {
            let mut pairs = form_urlencoded::parse(head.target.query()?.as_bytes());
            pairs.find(|(key, _)| key == name).map(|(_, value)| Cow::Owned(value.into_owned()))
        }
        Some(("header", name)) => {
            let value = head.fields.all_named(name).next()?;
            std::str::from_utf8(value).ok().map(|text| Cow::Owned(text.to_owned()))
        }
        _ => named.as_ref()?.decoded(name),
    };
    tags.extend(caching.settings.tags.iter().filter_map(|tag| tag.fill(value)));
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// An answer that is not kept goes on to its client as it is, or as what the client has asked about.
fn not_kept(
    trip: &Trip,
    caching: &Caching,
    caches: &Caches,
    missing: Missing,
    arrival: Arrival,
    reason: Reason,
) -> Arrival {
    caching.meters.unstored.add(trip.desk.core, 1);
    count_reason(trip, caching, reason);
    let Missing { why, asked, head: request, lead, collapsed, keeps, .. } = missing;
    if let Some(lead) = lead {
        lead.released(reason);
    }
    let Arrival { mut head, body, tunnel } = arrival;
    let told = Told::Forwarded { why, status: None, stored: Err(reason), collapsed };
    if keeps && asked.is_conditional && reply(head.status, &head.fields, None, &request) == Reply::NotModified
    {
        // Its conditions were taken out on the way there, and hold.
        let mut head = shape(head.status, &head.fields, Reply::NotModified, 0, 0).head;
        cache::tell(&mut head.fields, &caches.name, &told);
        return Arrival { head, body: Body::empty(), tunnel: None };
    }
    cache::tell(&mut head.fields, &caches.name, &told);
    Arrival { head, body, tunnel }
}
