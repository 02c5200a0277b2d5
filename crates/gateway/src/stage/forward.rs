//! To the service, or to what the route does without one.

use super::{affinity, deadline, introduce, locally, mirror, told};
use crate::arrival::Arrival;
use crate::client_address::is_trusted;
use crate::desk::Desk;
use crate::site::{Action, Fallback, Route};
use crate::stop::Stop;
use crate::trip::Trip;
use message::{Name, RequestHead, Target, Version};
use net::Body;
use std::rc::Rc;
use std::time::Instant;
use upstream::{Answered, Failed, Forward, Local};

/// Gets the answer.
pub(crate) async fn forward(trip: &mut Trip, mut body: Body) -> Result<Arrival, Stop> {
    let here = Rc::clone(&trip.here);
    let plan = &here.site.plan;
    let Some((number, route)) = trip.route.and_then(|n| Some((n, plan.routes.get(n)?))) else {
        return Err(Stop::new(crate::Reason::RouteNotFound, "No route was found."));
    };
    let service = match &route.action {
        Action::Respond(to) => return Ok(locally::respond(to)),
        Action::Redirect(to) => {
            let request = trip.head.as_ref().expect("a request that has a route has a head");
            return Ok(locally::redirect(to, request, plan.templates.get(number)));
        }
        Action::Files(root) => return locally::file(trip, root, plan.templates.get(number)).await,
        Action::Forward(service) => *service,
        Action::Split(split) => {
            // Below the total, which is no more than what `below` takes.
            let number = trip.desk.below(split.total as usize);
            let part = split.part(u32::try_from(number).unwrap_or(0));
            trip.part = Some(part);
            split.parts[part].service
        }
    };
    told::listen(trip);
    introduce::introduce(trip);
    if let Some(prefix) = &route.strip_prefix {
        strip(trip, prefix);
    }
    let opened_over_h2 = open_websocket(trip);
    let arrived_at = trip.arrived;
    let mut failed = match ask(trip, route, service, &mut body, arrived_at).await {
        Ok(answered) => return Ok(arrived(trip, route, answered, opened_over_h2)),
        Err(failed) => failed,
    };
    match &route.fallback {
        Some(Fallback::Respond(to)) if !failed.is_clients() => {
            note(trip, failed);
            return Ok(locally::respond(to));
        }
        Some(Fallback::Service(other)) if failed.sendable && !failed.is_clients() => {
            // Its time begins now: the other service has used its own up.
            match ask(trip, route, *other, &mut body, Instant::now()).await {
                Ok(mut answered) => {
                    answered.attempts = answered.attempts.saturating_add(failed.attempts);
                    return Ok(arrived(trip, route, answered, opened_over_h2));
                }
                Err(again) => {
                    failed = Failed { attempts: again.attempts.saturating_add(failed.attempts), ..again };
                }
            }
        }
        _ => {}
    }
    let stop = Stop::failed(&failed);
    note(trip, failed);
    Err(stop)
}

/// Asks a service, whose time counts from `since`.
async fn ask(
    trip: &mut Trip,
    route: &Route,
    service: usize,
    body: &mut Body,
    since: Instant,
) -> Result<Answered, Failed> {
    trip.service = Some(service);
    let trusted = is_trusted(trip.peer.ip(), &trip.here.site.trusted_proxies);
    let local = &trip.here.services[service];
    let head = trip.head.as_mut().expect("a request that has a route has a head");
    let gone = since.saturating_duration_since(trip.arrived);
    let client_timeout = deadline::travel(head, route, local, trusted, gone);
    let mut ask = Forward {
        head,
        body,
        expects_continue: trip.expects_continue,
        interim: trip.interim.as_ref(),
        manner: &route.manner,
        client_timeout,
        hash: affinity::hash(local, head, trip.client),
        arrived: since,
    };
    let client = &trip.desk.client;
    match client.forward(local, ask.again(since)).await {
        Err(failed) if failed.is_replaced() => Box::pin(follow(&trip.desk, local, ask, failed, since)).await,
        answered => answered,
    }
}

/// Asks the versions of a service that have come into force since, one after the other, until one has an answer. A
/// request that waited for an instance to start gets there.
async fn follow(
    desk: &Desk,
    local: &Local,
    mut ask: Forward<'_>,
    mut failed: Failed,
    since: Instant,
) -> Result<Answered, Failed> {
    let told = ask.client_timeout;
    let mut attempts = failed.attempts;
    loop {
        let here = desk.here();
        let Some(newer) = here.services.iter().find(|other| other.name() == local.name()) else {
            return Err(Failed { attempts, ..failed });
        };
        // The service's time begins with somebody to ask; what the client gives has gone on meanwhile.
        let now = Instant::now();
        ask.client_timeout = told.map(|told| told.saturating_sub(now.saturating_duration_since(since)));
        match desk.client.forward(newer, ask.again(now)).await {
            Err(again) if again.is_replaced() => {
                attempts = attempts.saturating_add(again.attempts);
                failed = again;
            }
            Err(again) => return Err(Failed { attempts: attempts.saturating_add(again.attempts), ..again }),
            Ok(answered) => {
                let attempts = attempts.saturating_add(answered.attempts);
                return Ok(Answered { attempts, ..answered });
            }
        }
    }
}

/// An endpoint has answered.
fn arrived(trip: &mut Trip, route: &Route, answered: Answered, opened_over_h2: bool) -> Arrival {
    trip.attempts = answered.attempts;
    trip.upstream_took = Some(answered.took);
    if let Some(to) = &route.mirror {
        mirror::send(trip, route, *to, answered.replay.as_ref());
    }
    let net::Answer { mut head, body, tunnel } = answered.answer;
    if opened_over_h2 {
        head.fields.remove(Name::SecWebsocketAccept);
        head.fields.remove(Name::Upgrade);
    }
    head.fields.add(Name::Via, b"1.1 tidegate");
    // What is kept for all cannot bind each to an endpoint.
    if answered.wants_cookie
        && route.cache.is_none()
        && let Some(cookie) = answered.permit.cookie(trip.peer.tls.is_some())
    {
        head.fields.add(Name::SetCookie, cookie.as_bytes());
    }
    trip.permit = Some(answered.permit);
    Arrival { head, body, tunnel }
}

/// No endpoint has answered.
fn note(trip: &mut Trip, failed: Failed) {
    trip.attempts = failed.attempts;
    trip.failed_at = failed.endpoint;
}

/// Takes the prefix off the path, where it ends at a segment's end.
fn strip(trip: &mut Trip, prefix: &str) {
    let Some(head) = &mut trip.head else { return };
    let text = head.target.as_str();
    let Some(rest) = text.strip_prefix(prefix.trim_end_matches('/')) else { return };
    let rest = match rest.as_bytes().first() {
        Some(b'/') => rest.to_owned(),
        None | Some(b'?') => format!("/{rest}"),
        Some(_) => return,
    };
    if let Ok(target) = Target::parse(rest.as_bytes(), false) {
        trip.asked = Some(std::mem::replace(&mut head.target, target));
    }
}

/// Gives a WebSocket that was opened over HTTP/2 what it needs over HTTP/1.1. True where it was one.
fn open_websocket(trip: &mut Trip) -> bool {
    let Trip { head: Some(head), desk, .. } = trip else { return false };
    let opened_over_h2 = head.version == Version::HTTP_2 && head.upgrade.is_some();
    if opened_over_h2 {
        add_websocket_key(head, desk.random(), desk.random());
    }
    opened_over_h2
}

/// A WebSocket that was opened over HTTP/2 has no key (RFC 8441 section 5); over HTTP/1.1 it needs one.
fn add_websocket_key(head: &mut RequestHead, high: u64, low: u64) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = u128::from(high) << 64 | u128::from(low);
    // 128 bits in base64: 21 digits of six bits, one of two, and the padding (RFC 6455 section 4.1).
    let mut key: Vec<u8> = (0..21).map(|i| ALPHABET[(bits >> (122 - 6 * i)) as usize & 63]).collect();
    key.push(ALPHABET[(bits as usize & 3) << 4]);
    key.extend_from_slice(b"==");
    head.fields.set(Name::SecWebsocketKey, &key);
    if !head.fields.has(Name::SecWebsocketVersion) {
        head.fields.add(Name::SecWebsocketVersion, b"13");
    }
}
