//! The road of a request.
//!
//! One line a stage, in the one order that is safe, so that no config can put, say, a cache before access control.
//! Stages that are not there yet have their places named.

use crate::arrival::Arrival;
use crate::stage::{admit, find, forward};
use crate::stop::Stop;
use crate::trip::Trip;
use net::Body;

/// Walks the road.
pub(crate) async fn walk(trip: &mut Trip, mut body: Body) -> Result<Arrival, Stop> {
    // What is asked of the gateway itself needs no route.
    if let Some(arrival) = admit::admit(trip) {
        return Ok(arrival);
    }
    // The route decides about everything that follows.
    find::find(trip, &mut body)?;
    // As early as the route's priority is known: what is refused here has cost nobody anything.
    admit::shed(trip)?;
    // cors: before identify, since a preflight has no credentials
    // identify: who is calling?
    // charge: may this caller, now? After identify, since limits belong to callers
    // validate: does it match the contract?
    // recall: a fresh copy in the cache?
    // offload: a job instead of an answer?
    forward::forward(trip, body).await
    // keep, shape: on the way back
}
