//! Tokens that only their issuer can read: it is asked, and believed for a while (RFC 7662).

use super::{shown, token};
use crate::ask::{self, Question};
use crate::guard::{Elsewhere, Guards};
use crate::trip::Trip;
use auth::{Denied, Known, Way, key};
use message::{Fields, Method};
use observe::log::{Level, Throttle};
use std::rc::Rc;
use std::sync::Arc;

static TROUBLES: Throttle = Throttle::new();

/// Whose token is shown?
pub(super) async fn caller(trip: &mut Trip, at: &Elsewhere, guards: &Guards) -> Result<Arc<Known>, Denied> {
    let now = trip.desk.unix();
    let Some(head) = &trip.head else { return Err(Denied::Absent) };
    let text = shown::authorization(&head.fields, "bearer")?;
    if key::looks_like(text.as_bytes()) {
        return Err(Denied::Absent);
    }
    if let Some(known) = at.introspection.recall(text, now) {
        return known.and_then(|verified| token::caller_of(Way::Introspection, &verified, guards));
    }
    let form = at.introspection.question(text)?;
    let mut fields = Fields::new();
    for (name, value) in &form.fields {
        let pushed = fields.push(name, value.as_bytes());
        pushed.map_err(|_| Denied::Unverified("the client's credentials cannot stand in a field"))?;
    }
    let question = Question {
        service: at.service,
        method: Method::POST,
        target: &at.target,
        fields,
        body: form.body.into(),
        patience: at.patience,
    };
    let here = Rc::clone(&trip.here);
    let reply = ask::ask(&trip.desk, &here, question).await.map_err(|why| {
        TROUBLES.write(Level::Warning, format_args!("the introspection endpoint cannot be asked: {why}"));
        Denied::Unverified("the introspection endpoint cannot be asked")
    })?;
    let verified = at.introspection.read(text, reply.status.as_u16(), &reply.body, now)?;
    token::caller_of(Way::Introspection, &verified, guards)
}
