//! A copy of the request for another service. Nobody waits for its answer, which is read and dropped.
//!
//! The copy leaves once the first service has answered: then the whole body was read, and a request that could not be
//! served costs nobody anything. Bodies larger than what the route keeps are not copied, and neither are upgrades.

use crate::crowd::Crowd;
use crate::site::{Mirror, Route};
use crate::trip::Trip;
use http_body_util::BodyExt;
use message::{Name, RequestHead};
use net::Body;
use std::rc::Rc;
use std::time::Duration;
use upstream::{Forward, Manner, Replay};

/// Copies that are under way. A mirror that is slow shall not hold more.
static COPIES: Crowd = Crowd::new(1024);
/// How long one may take, its answer's body included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends a copy, where the route's share of requests has come to this one.
pub(crate) fn send(trip: &Trip, route: &Route, to: Mirror, replay: Option<&Replay>) {
    let Some(head) = trip.head.as_ref().filter(|head| head.upgrade.is_none()) else { return };
    let chosen = to.percent >= 100 || trip.desk.below(100) < usize::from(to.percent);
    let body = match replay {
        // Without a body, or with one that was too large to be kept.
        None if has_body(head) => None,
        None => Some(Body::empty()),
        Some(replay) => replay.copy(),
    };
    let (true, Some(mut body)) = (chosen, body) else { return };
    let Some(under_way) = COPIES.begin() else { return };
    let mut head = head.clone();
    head.fields.set(Name::XTidegateMirror, b"1");
    let (desk, local) = (Rc::clone(&trip.desk), Rc::clone(&trip.here.services[to.service]));
    let manner = Manner { keep: 0, hedge: None, ..route.manner.clone() };
    tokio::task::spawn_local(async move {
        let ask = Forward::own(&head, &mut body, &manner);
        let whole = async {
            if let Ok(answered) = desk.client.forward(&local, ask).await {
                let mut answer = answered.answer.body;
                // The connection is good for another request only where its answer was read.
                while let Some(Ok(_)) = answer.frame().await {}
                drop(answered.permit);
            }
        };
        let _ = tokio::time::timeout(TIMEOUT, whole).await;
        drop(under_way);
    });
}

fn has_body(head: &RequestHead) -> bool {
    let length = head.fields.get_str(Name::ContentLength);
    head.fields.has(Name::TransferEncoding) || length.is_some_and(|n| n.trim() != "0")
}
