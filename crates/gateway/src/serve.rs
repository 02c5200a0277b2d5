//! The outside of the road: sets out, guards, words a stop, sends the trip along with the response.

use crate::arrival::Arrival;
use crate::desk::Desk;
use crate::problem;
use crate::road;
use crate::stage::{cors, told};
use crate::stop::{Reason, Stop};
use crate::trip::Trip;
use message::Name;
use net::{Body, Peer, Reject, Request, Response};
use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

/// Answers a request. The trip begins before the future is made, which so holds the trip's box and not the request.
pub(crate) fn serve(desk: &Rc<Desk>, request: Request) -> impl Future<Output = Response<Box<Trip>>> + use<> {
    let (trip, body) = Trip::begin(desk, request);
    answered(trip, body)
}

async fn answered(mut trip: Box<Trip>, body: Body) -> Response<Box<Trip>> {
    // Pinned here and lent: a future that is passed on takes its room twice.
    let outcome = guarded(pin!(road::walk(&mut trip, body))).await;
    match outcome {
        Ok(arrival) => finished(trip, arrival),
        Err(stop) => stopped(trip, &stop),
    }
}

/// Answers what is not a request.
pub(crate) fn refuse(desk: &Rc<Desk>, peer: &Rc<Peer>, reject: Reject) -> Response<Box<Trip>> {
    stopped(Trip::stillborn(desk, peer), &Stop::refused(reject))
}

/// A panic on the road ends one request, not the worker.
async fn guarded<T>(mut road: Pin<&mut impl Future<Output = Result<T, Stop>>>) -> Result<T, Stop> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| road.as_mut().poll(cx))) {
        Ok(polled) => polled,
        Err(panic) => {
            let stop = Stop::new(Reason::Panic, "The request could not be served.");
            Poll::Ready(Err(Stop { detail: Some(words(&*panic)), ..stop }))
        }
    })
    .await
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

fn stopped(mut trip: Box<Trip>, stop: &Stop) -> Response<Box<Trip>> {
    trip.desk.count(stop);
    trip.stop = Some(stop.reason);
    let (mut head, body) = problem::answer(stop, trip.head.as_ref().map(|h| &h.fields), trip.id.as_str());
    head.fields.add(Name::Server, b"tidegate");
    finished(trip, Arrival { head, body, tunnel: None })
}

/// What every response carries.
fn finished(mut trip: Box<Trip>, arrival: Arrival) -> Response<Box<Trip>> {
    let Arrival { mut head, body, tunnel } = arrival;
    head.fields.set(Name::XRequestId, trip.id.as_bytes());
    if !head.fields.has(Name::Date) {
        trip.desk.with_date(trip.arrived, |date| head.fields.add(Name::Date, date));
    }
    if trip.is_guarded() {
        cors::permit(&trip, &mut head.fields);
    }
    let body = match &mut trip.guarded {
        Some(guarded) => guarded.announce(&mut head, body),
        None => body,
    };
    trip.status = head.status.as_u16();
    if trip.explains {
        told::tell(&trip, &mut head);
    }
    // The final answer is here: there will be no interim one, and the way for them is the connection's again.
    trip.interim = None;
    Response { head, body, tunnel, ride: trip }
}
