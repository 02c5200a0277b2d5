//! To the service, or to what the route does without one.

use super::{introduce, locally};
use crate::arrival::Arrival;
use crate::site::Action;
use crate::stop::Stop;
use crate::trip::Trip;
use message::{Name, RequestHead, Target, Version};
use net::Body;
use std::rc::Rc;
use upstream::Forward;

/// Gets the answer.
pub(crate) async fn forward(trip: &mut Trip, mut body: Body) -> Result<Arrival, Stop> {
    let here = Rc::clone(&trip.here);
    let Some((number, route)) = trip.route.and_then(|n| Some((n, here.site.routes.get(n)?))) else {
        return Err(Stop::new(crate::Reason::RouteNotFound, "No route was found."));
    };
    let service = match &route.action {
        Action::Respond(to) => return Ok(locally::respond(to)),
        Action::Redirect(to) => {
            let request = trip.head.as_ref().expect("a request that has a route has a head");
            return Ok(locally::redirect(to, request, here.site.templates.get(number)));
        }
        Action::Forward(service) => &here.services[*service],
    };
    introduce::introduce(trip);
    if let Some(prefix) = &route.strip_prefix {
        strip(trip, prefix);
    }
    let Trip { head, desk, interim, expects_continue, arrived, .. } = trip;
    let head = head.as_mut().expect("a request that has a route has a head");
    let opened_over_h2 = head.version == Version::HTTP_2 && head.upgrade.is_some();
    if opened_over_h2 {
        add_websocket_key(head, desk.random(), desk.random());
    }
    let ask = Forward {
        head,
        body: &mut body,
        expects_continue: *expects_continue,
        interim: interim.as_ref(),
        request_timeout: route.request_timeout,
        idle_timeout: route.idle_timeout,
        arrived: *arrived,
    };
    let outcome = desk.client.forward(service, ask).await;
    match outcome {
        Ok(answered) => {
            trip.attempts = answered.attempts;
            trip.upstream_took = Some(answered.took);
            trip.permit = Some(answered.permit);
            let net::Answer { mut head, body, tunnel } = answered.answer;
            if opened_over_h2 {
                head.fields.remove(Name::SecWebsocketAccept);
                head.fields.remove(Name::Upgrade);
            }
            head.fields.add(Name::Via, b"1.1 tidegate");
            Ok(Arrival { head, body, tunnel })
        }
        Err(failed) => {
            trip.attempts = failed.attempts;
            let stop = Stop::failed(&failed);
            trip.failed_at = failed.endpoint;
            Err(stop)
        }
    }
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
