//! Who is calling, and may they?
//!
//! The ways of a route are tried in their order, and the first for which something valid is shown says who it is. A credential
//! that is not valid is never passed over in silence: who shows one meant to be somebody, and is not served as nobody.

mod basic;
mod certificate;
mod forward;
mod introspection;
mod key;
mod login;
mod shown;
mod token;

use crate::arrival::Arrival;
use crate::facts;
use crate::guard::{Access, Guards, WayIn};
use crate::stop::{Reason, Stop};
use crate::trip::Trip;
use auth::token::challenge;
use auth::{Caller, Denied, Known, Way};
use message::Name;
use observe::log::{Level, Throttle};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

static DENIALS: Throttle = Throttle::new();

/// Does the request belong to logins, and to no route?
pub(crate) fn is_own(trip: &Trip) -> bool {
    let login = trip.here.site.guards.as_ref().and_then(|guards| guards.login.as_ref());
    login.is_some_and(|login| trip.head.as_ref().is_some_and(|head| login.owns(head.target.path())))
}

pub(crate) use login::own;

/// Finds out who is calling, and stops those who may not.
pub(crate) async fn identify(trip: &mut Trip) -> Result<Option<Arrival>, Stop> {
    let here = Rc::clone(&trip.here);
    let Some((guard, guards)) = trip.guard(&here) else { return Ok(None) };
    if let Some(ips) = &guard.ips
        && !ips.admits(trip.client)
    {
        return Err(forbidden(trip, "the address is not allowed"));
    }
    let Some(access) = &guard.access else { return Ok(None) };
    let caller = match recognise(trip, access, guards).await? {
        Found::Caller(caller) => caller,
        Found::Answer(arrival) => return Ok(Some(*arrival)),
    };
    count(trip, guards, &caller);
    trip.guarded.get_or_insert_default().caller = Some(caller);
    admitted(trip, access)?;
    Ok(None)
}

/// What comes of asking who it is.
enum Found {
    Caller(Arc<Known>),
    /// Somebody else's answer: a login page, or what the service that was asked has said.
    Answer(Box<Arrival>),
}

fn known(caller: Caller, guards: &Guards) -> Found {
    Found::Caller(Known::new(caller, guards.config))
}

/// What one way says.
type Said = Result<Found, Denied>;

async fn recognise(trip: &mut Trip, access: &Access, guards: &Guards) -> Result<Found, Stop> {
    let mut denied: Option<(Way, Denied)> = None;
    // What another service has said instead of yes: the client's answer, unless a later way lets it in.
    let mut refusal = None;
    for way in &access.ways {
        let said = match way {
            WayIn::Anonymous if denied.is_none() => Ok(known(Caller::nobody(), guards)),
            WayIn::Anonymous => continue,
            WayIn::ApiKey(keys) => key::caller(trip, keys, guards).map(Found::Caller),
            WayIn::Jwt(tokens) => token::caller(trip, tokens, guards).await.map(Found::Caller),
            // Boxed: what few routes use shall not make every guarded request's future large.
            WayIn::Introspection(at) => {
                Box::pin(introspection::caller(trip, at, guards)).await.map(Found::Caller)
            }
            WayIn::Basic(passwords) => {
                Box::pin(basic::caller(trip, passwords)).await.map(|caller| known(caller, guards))
            }
            WayIn::Mtls(at) => certificate::caller(trip, at).map(|caller| known(caller, guards)),
            WayIn::Forward(at) => Box::pin(forward::said(trip, at, guards)).await,
            WayIn::Oidc(login) => login::caller(trip, login, guards).map(Found::Caller),
        };
        match said {
            Ok(Found::Answer(answer)) => {
                refusal = Some(answer);
                denied = denied.or(Some((way.way(), Denied::Invalid("the authority says no"))));
            }
            Ok(found) => {
                strip(trip, access, way.way());
                return Ok(found);
            }
            Err(Denied::Absent) => {}
            // The first says most: it is what the operator put in front.
            Err(why) => denied = denied.or(Some((way.way(), why))),
        }
    }
    if let Some(answer) = refusal {
        return Ok(Found::Answer(answer));
    }
    if let Some(login) = access.ways.iter().find_map(WayIn::login)
        && let Some(arrival) = login::invite(trip, login)
    {
        return Ok(Found::Answer(Box::new(arrival)));
    }
    Err(unknown(trip, access, denied.as_ref()))
}

/// Takes off what only an authority may say, where somebody else has let the request in.
fn strip(trip: &mut Trip, access: &Access, by: Way) {
    let Some(head) = trip.head.as_mut().filter(|_| by != Way::Forward) else { return };
    for way in &access.ways {
        if let WayIn::Forward(at) = way {
            at.forward.strip(&mut head.fields);
        }
    }
}

/// Nobody could be recognised.
fn unknown(trip: &mut Trip, access: &Access, denied: Option<&(Way, Denied)>) -> Stop {
    let route = trip.route().map_or("", |route| &route.name);
    if let Some((way, Denied::Unverified(why))) = denied {
        let stop = Stop::new(Reason::IdentityUnavailable, "Credentials cannot be verified at the moment.");
        let detail = Some(format!("route `{route}`: {}: {why}", way.as_str()));
        return Stop { detail, ..stop.retry_after(Duration::from_secs(1)) };
    }
    let why = denied.map_or(&Denied::Absent, |(_, why)| why);
    if let Some((way, why)) = denied {
        let client = shown(trip);
        DENIALS.write(
            Level::Warning,
            format_args!("route `{route}`: {} of {client} refused: {why}", way.as_str()),
        );
    }
    let guarded = trip.guarded.get_or_insert_default();
    for text in challenges(access, why) {
        guarded.told.add(Name::WwwAuthenticate, text.as_bytes());
    }
    let public = match why {
        Denied::Absent => format!("This needs {}.", wanted(access)),
        Denied::Expired => "The credential has expired: get a new one.".to_owned(),
        _ => "The credential is not valid.".to_owned(),
    };
    Stop::new(Reason::Unauthenticated, public)
}

/// What may be shown, in words.
fn wanted(access: &Access) -> String {
    let words: Vec<String> = access.ways.iter().filter_map(WayIn::wanted).collect();
    match words.split_last() {
        None => "credentials".to_owned(),
        Some((one, [])) => one.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// A challenge for each kind of credential (RFC 9110 section 11.6.1: a 401 has at least one).
fn challenges(access: &Access, why: &Denied) -> Vec<String> {
    let bearer = |way: &WayIn| matches!(way.way(), Way::Jwt | Way::Introspection | Way::Oidc | Way::Forward);
    let mut texts = Vec::new();
    if access.ways.iter().any(bearer) {
        texts.push(challenge::invalid(&access.realm, why));
    }
    for way in &access.ways {
        match way {
            WayIn::ApiKey(_) => texts.push(format!("ApiKey realm=\"{}\"", access.realm)),
            WayIn::Basic(to) => texts.push(format!("Basic realm=\"{}\", charset=\"UTF-8\"", to.realm)),
            _ => {}
        }
    }
    if texts.is_empty() {
        texts.push(challenge::wanted(&access.realm));
    }
    texts
}

/// May the caller do this?
fn admitted(trip: &mut Trip, access: &Access) -> Result<(), Stop> {
    let Some(caller) = trip.caller() else { return Ok(()) };
    if let Some(missing) = access.scopes.iter().find(|scope| !caller.scopes.has(scope)) {
        let detail = format!("the scope `{missing}` is missing");
        let text = challenge::insufficient(&access.realm, access.scopes.iter().map(|s| &**s));
        trip.guarded.get_or_insert_default().told.add(Name::WwwAuthenticate, text.as_bytes());
        return Err(forbidden(trip, &detail));
    }
    if let Some(rule) = &access.allow
        && !facts::holds(trip, rule)
    {
        return Err(forbidden(trip, "`allow` says no"));
    }
    Ok(())
}

/// 403. Why stands in the log only.
fn forbidden(trip: &Trip, why: &str) -> Stop {
    let route = trip.route().map_or("", |route| &route.name);
    let subject = trip.caller().map_or("", |caller| &caller.subject);
    DENIALS.write(
        Level::Warning,
        format_args!("route `{route}`: `{subject}` from {} may not: {why}", shown(trip)),
    );
    Stop::new(Reason::Forbidden, "You may not do this.")
}

/// The client's address for the log.
fn shown(trip: &Trip) -> String {
    trip.client.map_or_else(|| trip.peer.text.to_string(), |client| client.to_string())
}

fn count(trip: &Trip, guards: &Guards, caller: &Caller) {
    let plan = guards.plans.get(&*caller.plan);
    let callers = plan.map_or(&guards.planless, |plan| &plan.callers);
    callers.count(trip.desk.core, caller.way);
}
