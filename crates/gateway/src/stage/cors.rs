//! Which web sites may use the route from a browser (the Fetch standard, section 3.2).
//!
//! A preflight asks on behalf of a request that comes later, without its credentials; it is answered here. What the browser
//! is allowed stands in every other answer as well, errors too: a page that may not read a 401 cannot say what is wrong.

use crate::arrival::Arrival;
use crate::preflight::preflight;
use crate::trip::Trip;
use message::{Fields, Name, ResponseHead, StatusCode};
use net::Body;
use std::rc::Rc;

/// Answers a preflight.
pub(crate) fn answer(trip: &Trip) -> Option<Arrival> {
    let here = Rc::clone(&trip.here);
    let cors = trip.guard(&here)?.0.cors.as_ref()?;
    let head = trip.head.as_ref()?;
    let asked = preflight(head)?;
    let origin = head.fields.get(Name::Origin).unwrap_or_default();
    let headers = head.fields.all_named("access-control-request-headers").next();
    let mut answer = ResponseHead::new(StatusCode::NO_CONTENT);
    match cors.preflight(origin, asked.as_str().as_bytes(), headers) {
        Some(fields) => answer.fields = fields,
        // Without permissions: the browser keeps its request to itself.
        None => cors.apply(None, &mut answer.fields),
    }
    answer.fields.add(Name::Server, b"tidegate");
    Some(Arrival { head: answer, body: Body::empty(), tunnel: None })
}

/// Writes into an answer what the page that asked may do with it.
pub(crate) fn permit(trip: &Trip, answer: &mut Fields) {
    let here = Rc::clone(&trip.here);
    let Some(cors) = trip.guard(&here).and_then(|(guard, _)| guard.cors.as_ref()) else { return };
    let Some(head) = &trip.head else { return };
    if preflight(head).is_none() {
        cors.apply(head.fields.get(Name::Origin), answer);
    }
}
