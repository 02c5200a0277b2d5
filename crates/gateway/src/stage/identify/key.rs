//! API keys: found where the config says, checked against the book, and not passed on.

use super::shown;
use crate::guard::{ApiKeys, Guards};
use crate::trip::Trip;
use auth::{Caller, Denied, KeyRecord, Known, Way, key};
use message::Name;
use std::sync::Arc;

/// Where a key stood.
enum Place {
    Bearer,
    Header,
    Query,
    Cookie,
}

/// Whose key is shown?
pub(super) fn caller(trip: &mut Trip, keys: &ApiKeys, guards: &Guards) -> Result<Arc<Known>, Denied> {
    let now = trip.desk.unix();
    let Some(head) = &mut trip.head else { return Err(Denied::Absent) };
    let (place, found) = {
        let (place, text) = key_in(head, keys)?;
        (place, keys.book.check(text.as_bytes(), now)?)
    };
    match place {
        Place::Bearer => head.fields.remove(Name::Authorization),
        Place::Header => head.fields.remove_named(keys.header.as_bytes()),
        Place::Query => shown::remove_query(head, keys.query.as_deref().unwrap_or_default()),
        Place::Cookie => shown::remove_cookie(&mut head.fields, keys.cookie.as_deref().unwrap_or_default()),
    }
    found.caller.recall(guards.config, || caller_of(&found, guards))
}

/// The caller that a key stands for.
fn caller_of(record: &KeyRecord, guards: &Guards) -> Result<Caller, Denied> {
    let consumer = guards.consumers.get(&record.consumer);
    let consumer = consumer.ok_or(Denied::Stranger("the key's consumer is not in the config"))?;
    let mut caller = Caller::of(Way::ApiKey, consumer);
    caller.credential = Some(Arc::from(&*record.id));
    // What the key itself says goes before what its consumer has.
    if let Some(plan) = &record.plan {
        caller.plan = Arc::from(&**plan);
    }
    if let Some(scopes) = &record.scopes {
        caller.scopes = scopes.clone();
    }
    Ok(caller)
}

fn key_in<'a>(
    head: &'a message::RequestHead,
    keys: &'a ApiKeys,
) -> Result<(Place, std::borrow::Cow<'a, str>), Denied> {
    match shown::one(&head.fields, &keys.header) {
        // The field may be `Authorization` itself, by the operator's choice.
        Ok(text) => return Ok((Place::Header, shown::behind(text, "bearer").unwrap_or(text).into())),
        Err(Denied::Absent) => {}
        Err(why) => return Err(why),
    }
    match shown::authorization(&head.fields, "bearer") {
        Ok(text) if key::looks_like(text.as_bytes()) => return Ok((Place::Bearer, text.into())),
        Ok(_) | Err(Denied::Absent) => {}
        Err(why) => return Err(why),
    }
    let query = keys.query.as_deref().and_then(|name| shown::query(head, name));
    let query = query.map(|text| (Place::Query, text));
    let cookie = || {
        let text = keys.cookie.as_deref().and_then(|name| shown::cookie(&head.fields, name));
        text.map(|text| (Place::Cookie, text.into()))
    };
    query.or_else(cookie).ok_or(Denied::Absent)
}
