//! Another service is asked about the request: a yes lets it on, and any other answer is the client's.

use super::{Found, Said, token};
use crate::arrival::Arrival;
use crate::ask::{self, Question};
use crate::guard::{ForwardAuth, Guards};
use crate::trip::Trip;
use auth::token::forward::{Answer, Asked};
use auth::{Denied, Way};
use message::{Method, Name, ResponseHead};
use net::Body;
use observe::log::{Level, Throttle};
use std::rc::Rc;

static TROUBLES: Throttle = Throttle::new();

/// What does the other service say?
pub(super) async fn said(trip: &mut Trip, at: &ForwardAuth, guards: &Guards) -> Said {
    let now = trip.desk.unix();
    let Some(head) = &trip.head else { return Err(Denied::Absent) };
    let client = trip.client.map_or_else(|| trip.peer.text.to_string(), |client| client.to_string());
    let shown = at.forward.show(&Asked {
        method: head.method.as_str(),
        scheme: trip.peer.scheme.as_str(),
        host: head.authority.as_ref().map_or("", |authority| authority.as_str()),
        target: head.target.as_str(),
        client: &client,
        fields: &head.fields,
    });
    let allowed = if let Some(allowed) = at.forward.recall(&shown, now) {
        allowed
    } else {
        let question = Question {
            service: at.service,
            method: Method::GET,
            target: &at.target,
            fields: shown.fields.clone(),
            body: bytes::Bytes::new(),
            patience: at.patience,
        };
        let here = Rc::clone(&trip.here);
        let reply = ask::ask(&trip.desk, &here, question).await.map_err(|why| {
            TROUBLES.write(Level::Warning, format_args!("the authority of `forward` cannot be asked: {why}"));
            Denied::Unverified("the authority cannot be asked")
        })?;
        match at.forward.read(&shown, reply.status.as_u16(), &reply.fields, now) {
            Answer::Allowed(allowed) => allowed,
            Answer::Broken => return Err(Denied::Unverified("the authority has failed")),
            Answer::Refused => return Ok(Found::Answer(Box::new(passed_on(reply)))),
        }
    };
    if let Some(head) = &mut trip.head {
        at.forward.introduce(&allowed, &mut head.fields);
    }
    token::caller_of(Way::Forward, &allowed.verified, guards).map(Found::Caller)
}

/// The authority's answer, for the client.
fn passed_on(reply: ask::Reply) -> Arrival {
    let mut head = ResponseHead::new(reply.status);
    head.fields = reply.fields;
    // The body was read whole, and is framed anew.
    head.fields.remove(Name::ContentLength);
    head.fields.remove(Name::TransferEncoding);
    Arrival { head, body: Body::full(reply.body), tunnel: None }
}
