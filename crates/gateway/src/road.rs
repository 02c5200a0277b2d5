//! The road of a request.
//!
//! One line a stage, in the one order that is safe, so that no config can put, say, a cache before access control.
//! Stages that are not there yet have their places named.

use crate::arrival::Arrival;
use crate::stage::{admit, charge, cors, find, forward, identify};
use crate::stop::Stop;
use crate::trip::Trip;
use net::Body;

/// Walks the road.
pub(crate) async fn walk(trip: &mut Trip, mut body: Body) -> Result<Arrival, Stop> {
    // What is asked of the gateway itself needs no route.
    if let Some(arrival) = admit::admit(trip) {
        return Ok(arrival);
    }
    if identify::is_own(trip)
        && let Some(arrival) = Box::pin(identify::own(trip)).await?
    {
        return Ok(arrival);
    }
    // The route decides about everything that follows.
    find::find(trip, &mut body)?;
    // As early as the route's priority is known: what is refused here has cost nobody anything.
    admit::shed(trip)?;
    if trip.is_guarded() {
        // Whatever of it waits is boxed, so that it is small, and costs those that ask for nothing next to nothing.
        if let Some(arrival) = guarded(trip).await? {
            return Ok(arrival);
        }
    }
    // validate: does it match the contract?
    // recall: a fresh copy in the cache?
    // offload: a job instead of an answer?
    let mut arrival = forward::forward(trip, body).await?;
    if trip.guarded.is_some() {
        charge::settle(trip, &mut arrival.head);
    }
    // keep, shape: on the way back
    Ok(arrival)
}

/// The part of the road where a route asks something of its callers.
async fn guarded(trip: &mut Trip) -> Result<Option<Arrival>, Stop> {
    // Before identify: a preflight has no credentials (Fetch section 3.2).
    if let Some(arrival) = cors::answer(trip) {
        return Ok(Some(arrival));
    }
    // Before identify: guessing credentials is limited like everything else.
    charge::before(trip).await?;
    // Who is calling, and may they?
    if let Some(arrival) = identify::identify(trip).await? {
        return Ok(Some(arrival));
    }
    // After identify: limits belong to callers.
    charge::after(trip).await?;
    Ok(None)
}
