//! The road of a request.
//!
//! One line a stage, in the one order that is safe, so that no config can put, say, a cache before access control.
//! Stages that are not there yet have their places named.

use crate::arrival::Arrival;
use crate::crowd::Crowd;
use crate::missing::Missing;
use crate::stage::recall::{Recalled, Second};
use crate::stage::{admit, changed, charge, cors, find, forward, identify, keep, purge, recall};
use crate::stop::Stop;
use crate::trip::Trip;
use net::Body;

/// Responses that are being renewed beside the requests.
static RENEWALS: Crowd = Crowd::new(1024);

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
    // It asks for no resource, so no route is for it.
    if purge::is_purge(trip) {
        return purge::purge(trip);
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
    // offload: a job instead of an answer?
    let mut arrival = if trip.caches() {
        // Behind everything that says who may have an answer, and in front of whoever makes one.
        match recall::recall(trip, !body.is_empty()) {
            Recalled::Answer(arrival) => arrival,
            other => Box::pin(asked(trip, body, other)).await?,
        }
    } else {
        let arrival = forward::forward(trip, body).await?;
        changed::changed(trip, &arrival.head);
        arrival
    };
    if trip.guarded.is_some() {
        charge::settle(trip, &mut arrival.head);
    }
    // shape: on the way back
    Ok(arrival)
}

/// The part of the road where the cache has no answer at once.
async fn asked(trip: &mut Trip, body: Body, recalled: Recalled) -> Result<Arrival, Stop> {
    let second = match recalled {
        Recalled::Answer(arrival) => return Ok(arrival),
        Recalled::Pass(why) => {
            let arrival = forward::forward(trip, body).await?;
            changed::changed(trip, &arrival.head);
            return Ok(keep::passed(trip, why, arrival));
        }
        Recalled::Renew(arrival, missing) => Second::Renew(arrival, missing),
        Recalled::Miss(looked) => recall::wait(trip, looked).await?,
    };
    match second {
        Second::Answer(arrival) => Ok(arrival),
        Second::Renew(arrival, missing) => {
            // Where too much is being renewed, this response is for the next one that asks.
            if let Some(under_way) = RENEWALS.begin() {
                let again = trip.again();
                tokio::task::spawn_local(async move {
                    renew(again, missing).await;
                    drop(under_way);
                });
            }
            Ok(arrival)
        }
        Second::Ask(missing) => fetch(trip, body, missing).await,
    }
}

/// To the origin and back, for the client and for the cache.
async fn fetch(trip: &mut Trip, body: Body, missing: Box<Missing>) -> Result<Arrival, Stop> {
    keep::prepare(trip, &missing);
    match forward::forward(trip, body).await {
        Ok(arrival) => Ok(keep::keep(trip, *missing, arrival)),
        Err(stop) => keep::failed(trip, *missing, stop),
    }
}

/// To the origin and back for the cache alone.
async fn renew(mut trip: Box<Trip>, missing: Box<Missing>) {
    // What fails is counted at the service, and what is there goes on being served as long as it may.
    let _ = fetch(&mut trip, Body::empty(), missing).await;
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
