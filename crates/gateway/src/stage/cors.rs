//! Which web sites may use the route from a browser (the Fetch standard, section 3.2).
//!
//! A preflight asks on behalf of a request that comes later, without its credentials; it is answered here. What the browser
//! is allowed stands in every other answer as well, errors too: a page that may not read a 401 cannot say what is wrong.

use crate::arrival::Arrival;
use crate::trip::Trip;
use message::{Fields, Name, ResponseHead, StatusCode};
use net::Body;
use std::rc::Rc;

/// Answers a preflight; of other requests it learns what their answers are to say.
pub(crate) fn cors(trip: &mut Trip) -> Option<Arrival> {
    let here = Rc::clone(&trip.here);
    let cors = trip.guard(&here)?.0.cors.as_ref()?;
    let head = trip.head.as_ref()?;
    let origin = head.fields.get_str(Name::Origin);
    // A preflight takes this route only where it asks about it.
    let asked = crate::preflight::preflight(head);
    let mut fields = Fields::new();
    let headers = head.fields.all_named("access-control-request-headers").next();
    match &asked {
        Some(method) => cors.preflight(origin.unwrap_or(""), method.as_str(), headers, &mut fields),
        None => cors.actual(origin, &mut fields),
    }
    trip.guarded.get_or_insert_default().told = fields;
    asked.map(|_| Arrival {
        head: ResponseHead::new(StatusCode::NO_CONTENT),
        body: Body::empty(),
        tunnel: None,
    })
}
