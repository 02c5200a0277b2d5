//! Is there a response already that may be used? Else: does somebody fetch one, or do we?
//!
//! Hot path: one key, one look-up, one judgement; the response's fields are copied, its body is shared. Nothing waits.

use crate::arrival::Arrival;
use crate::caching::{Caches, Caching};
use crate::given::{Given, give};
use crate::missing::Missing;
use crate::ondisk;
use crate::owner::owner;
use crate::stop::{Reason as Ended, Stop};
use crate::trip::Trip;
use cache::{Asked, Asking, Entry, Join, Key, Outcome, Reason, Standing, Verdict, judge, stale_on_error};
use message::RequestHead;
use std::rc::Rc;
use std::sync::Arc;

/// How often a request takes another's place whose fetch was given up, before it goes alone.
const TURNS: usize = 3;

/// What comes of asking the cache.
#[derive(Debug)]
pub(crate) enum Recalled {
    /// The answer.
    Answer(Arrival),
    /// The answer, and somebody has to fetch a newer one.
    Renew(Arrival, Box<Missing>),
    /// The cache has no say in it.
    Pass(Reason),
    /// Nothing that may be used as it is.
    Miss(Looked),
}

/// What was found out by looking.
#[derive(Clone, Debug)]
pub(crate) struct Looked {
    key: Key,
    asked: Asked,
    why: Reason,
    stale: Option<Arc<Entry>>,
    consumer: Option<Arc<str>>,
}

/// Looks.
pub(crate) fn recall(trip: &Trip, has_body: bool) -> Recalled {
    let Some((caching, caches)) = trip.caching() else { return Recalled::Pass(Reason::Method) };
    let Some(head) = &trip.head else { return Recalled::Pass(Reason::Method) };
    let (settings, consumer) = whose(trip, caching);
    let asked = Asked::read(head, has_body, settings, trip.is_known());
    if let Some(why) = asked.bypass {
        return Recalled::Pass(why);
    }
    let asking =
        Asking { settings: &settings.key, scheme: trip.peer.scheme, head, consumer: consumer.as_deref() };
    let (key, now) = (caches.store.keys().key(&asking), trip.desk.unix_ms());
    let looked = |why, stale| Looked { key, asked: asked.clone(), why, stale, consumer: consumer.clone() };
    match caches.store.find(key, head, now) {
        Err(why) => Recalled::Miss(looked(why, None)),
        Ok(entry) => match judged(trip, caches, &entry, &asked, now) {
            Judged::Answer(arrival) => Recalled::Answer(arrival),
            Judged::Renew(arrival) => {
                let looked = looked(Reason::Stale, Some(Arc::clone(&entry)));
                match leading(trip, caches, looked) {
                    Some(missing) => Recalled::Renew(arrival, missing),
                    // Somebody is at it already.
                    None => Recalled::Answer(arrival),
                }
            }
            Judged::Ask(why) => Recalled::Miss(looked(why, Some(entry))),
            Judged::Gone => {
                caches.store.remove(key, head);
                Recalled::Miss(looked(Reason::Miss, None))
            }
        },
    }
}

/// The settings that count for this caller, and who it is where each has responses of its own.
fn whose<'c>(trip: &Trip, caching: &'c Caching) -> (&'c cache::Settings, Option<Arc<str>>) {
    if !caching.settings.per_consumer {
        return (&caching.settings, None);
    }
    let consumer =
        trip.head.as_ref().and_then(|head| owner(trip.caller().map(|known| &**known), &head.fields));
    if consumer.is_some() { (&caching.settings, consumer) } else { (&caching.shared, None) }
}

enum Judged {
    Answer(Arrival),
    Renew(Arrival),
    Ask(Reason),
    Gone,
}

fn judged(trip: &Trip, caches: &Caches, entry: &Arc<Entry>, asked: &Asked, now: u64) -> Judged {
    let standing = caches.store.purges().standing(entry);
    let (age, is_fresh, renews) = match judge(entry, asked, standing, now) {
        Verdict::Fresh(age) => (age, true, false),
        Verdict::Stale(age) => (age, false, false),
        Verdict::Refreshing(age) => (age, false, true),
        Verdict::Ask(why) => return Judged::Ask(why),
        Verdict::Gone => return Judged::Gone,
    };
    match give(trip, caches, entry, age, asked, Given::Hit { is_fresh }) {
        None => Judged::Ask(Reason::WaitedTooLong),
        Some(arrival) if renews => Judged::Renew(arrival),
        Some(arrival) => Judged::Answer(arrival),
    }
}

/// The ticket for a newer one, where nobody has it.
fn leading(trip: &Trip, caches: &Caches, looked: Looked) -> Option<Box<Missing>> {
    let head = trip.head.as_ref()?;
    let Join::Lead(lead) = caches.store.join(caches.store.place(looked.key, head)) else { return None };
    // Between the look and the ticket a newer one may have landed.
    let now = caches.store.find(looked.key, head, trip.desk.unix_ms()).ok();
    if now.is_some_and(|now| looked.stale.as_ref().is_some_and(|stale| !Arc::ptr_eq(stale, &now))) {
        return None;
    }
    let mut missing = leave(trip, caches, looked, head);
    missing.lead = Some(lead);
    Some(missing)
}

fn leave(trip: &Trip, caches: &Caches, looked: Looked, head: &RequestHead) -> Box<Missing> {
    let Looked { key, asked, why, stale, consumer } = looked;
    let keeps = !asked.no_store && !asked.is_head;
    Box::new(Missing {
        key,
        why,
        asked,
        head: head.clone(),
        stale,
        lead: None,
        collapsed: false,
        purge: caches.store.purges().latest(),
        requested: trip.desk.unix_ms(),
        keeps,
        consumer,
    })
}

/// What the second look gives: an answer, or the way to the origin.
#[derive(Debug)]
pub(crate) enum Second {
    Answer(Arrival),
    /// The answer, and somebody has to fetch a newer one.
    Renew(Arrival, Box<Missing>),
    Ask(Box<Missing>),
}

/// Looks where looking takes time: on the disk, and at what others are fetching.
pub(crate) async fn wait(trip: &Trip, mut looked: Looked) -> Result<Second, Stop> {
    let here = Rc::clone(&trip.here);
    let (Some((_, caches)), Some(head)) = (trip.caching_in(&here), trip.head.as_ref()) else {
        return Err(Stop::new(Ended::RouteNotFound, "No route was found."));
    };
    if looked.stale.is_none()
        && let Some(second) = from_disk(trip, caches, &mut looked, head).await
    {
        return Ok(second);
    }
    if looked.asked.only_if_cached {
        return Err(Stop::new(Ended::OnlyIfCached, "The cache has nothing that may be used for this."));
    }
    let mut collapsed = false;
    if looked.why != Reason::Uncacheable && !looked.asked.is_head && !looked.asked.no_store {
        for _ in 0..TURNS {
            let flight = match caches.store.join(caches.store.place(looked.key, head)) {
                Join::Lead(lead) => {
                    // Between the look and the ticket another may have landed.
                    if let Some(arrival) = landed(trip, caches, &mut looked, head, collapsed) {
                        return Ok(Second::Answer(arrival));
                    }
                    let mut missing = leave(trip, caches, looked, head);
                    missing.lead = Some(lead);
                    missing.collapsed = collapsed;
                    return Ok(Second::Ask(missing));
                }
                Join::Wait(flight) => flight,
            };
            collapsed = true;
            match tokio::time::timeout(caches.patience, flight.outcome()).await {
                Err(_) => {
                    looked.why = Reason::WaitedTooLong;
                    break;
                }
                Ok(Outcome::Entry(_)) => {
                    if let Some(arrival) = landed(trip, caches, &mut looked, head, true) {
                        return Ok(Second::Answer(arrival));
                    }
                    // It is another variant, or one that is not to be used again: nobody waits for that twice.
                    break;
                }
                // Who fetched has gone away, and another takes its place.
                Ok(Outcome::Own(Reason::Failed)) => {}
                Ok(Outcome::Own(_)) => break,
            }
        }
    }
    let mut missing = leave(trip, caches, looked, head);
    missing.collapsed = collapsed;
    Ok(Second::Ask(missing))
}

/// What has come into the memory since the first look.
fn landed(
    trip: &Trip,
    caches: &Caches,
    looked: &mut Looked,
    head: &RequestHead,
    collapsed: bool,
) -> Option<Arrival> {
    let now = trip.desk.unix_ms();
    let entry = caches.store.find(looked.key, head, now).ok()?;
    if looked.stale.as_ref().is_some_and(|stale| Arc::ptr_eq(stale, &entry)) {
        // Where the origin has failed whoever asked it, what is stale is for those who waited as well.
        let standing = caches.store.purges().standing(&entry);
        let age = stale_on_error(&entry, &looked.asked, standing, now).filter(|_| collapsed)?;
        return give(trip, caches, &entry, age, &looked.asked, Given::StaleOnError { why: looked.why });
    }
    let standing = caches.store.purges().standing(&entry);
    let (Verdict::Fresh(age) | Verdict::Stale(age) | Verdict::Refreshing(age)) =
        judge(&entry, &looked.asked, standing, now)
    else {
        if standing != Standing::Gone {
            looked.stale = Some(entry);
        }
        return None;
    };
    let told = if collapsed { Given::Collapsed { why: looked.why } } else { Given::Hit { is_fresh: true } };
    give(trip, caches, &entry, age, &looked.asked, told)
}

/// What lies on the disk.
async fn from_disk(trip: &Trip, caches: &Caches, looked: &mut Looked, head: &RequestHead) -> Option<Second> {
    let entry = ondisk::find(caches, looked.key, head).await?;
    match judged(trip, caches, &entry, &looked.asked, trip.desk.unix_ms()) {
        Judged::Answer(arrival) => Some(Second::Answer(arrival)),
        Judged::Renew(arrival) => {
            let stale = Looked { why: Reason::Stale, stale: Some(entry), ..looked.clone() };
            Some(match leading(trip, caches, stale) {
                Some(missing) => Second::Renew(arrival, missing),
                None => Second::Answer(arrival),
            })
        }
        Judged::Ask(why) => {
            looked.why = why;
            looked.stale = Some(entry);
            None
        }
        Judged::Gone => {
            ondisk::forget(caches, looked.key, head);
            None
        }
    }
}
