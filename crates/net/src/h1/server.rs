//! One client's HTTP/1 connection: read a head, have it answered, write the answer, again.
//!
//! Everything of one connection happens in one task: no channel, no second task, no lock. While an answer is awaited
//! the connection is watched (`presence.rs`), so a client that leaves cancels its request. Pipelined requests wait in the inbox,
//! bounded, and are answered in order (RFC 9112 section 9.3.2).

use super::decode::Decoder;
use super::emit::{self, Ends, Told};
use super::parse::{HeadLimits, ParsedRequest, parse_request};
use super::presence::{ANSWER_GRACE, SILENCE_GRACE};
use super::pump::{Pump, PumpError, Sink, Turn};
use super::reject::Reject;
use super::request_body::{RequestBody, Shared};
use super::scan::HeadScan;
use super::tunnel::Tunnel;
use super::wire::Wire;
use crate::body::{Body, BodyError};
use crate::drain::Drain;
use crate::interim::Interim;
use crate::pace::{Pace, PaceLimits};
use crate::service::{Delivery, End, Peer, Request, Response, Ride, Service, is_bodiless};
use crate::stream::Stream;
use base::turn;
use bytes::{Buf, BytesMut};
use http::Version;
use message::is_token_byte;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;

/// What is read and thrown away behind an answer that ends the connection early, so that the answer arrives
/// (RFC 9112 section 9.6).
const LINGER_BYTES: usize = 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Limits of client connections.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Bounds of heads.
    pub head: HeadLimits,
    /// Time for a head to arrive, from its first byte, or from the start of the connection.
    pub head_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How slowly a client may send a body.
    pub read: PaceLimits,
    /// How slowly a client may take a response.
    pub write: PaceLimits,
    /// Requests after which a connection closes; `u64::MAX` for no bound.
    pub requests: u64,
    /// HTTP/2 streams that one connection may have open.
    pub h2_streams: u32,
}

/// Serves a connection until it ends. `inbox` holds what was read from it already.
pub(crate) async fn serve<S: Service>(
    stream: Stream,
    inbox: BytesMut,
    peer: Rc<Peer>,
    service: &S,
    limits: &ServerLimits,
    drain: &Drain,
) {
    let shared = Rc::new(RefCell::new(Shared::new(stream, inbox, limits.read)));
    let seat = drain.seat();
    let mut served = 0;
    loop {
        let parsed = match next_head(&shared, limits, served == 0, &|cx| seat.poll_closing(cx)).await {
            Next::Request(parsed) => parsed,
            Next::Closed => return,
            Next::Refused(reject) => {
                let response = service.refuse(&peer, reject);
                let version = Version::HTTP_11;
                respond(&shared, response, Answering { version, ends: Ends::Closes, limits, to_head: false })
                    .await;
                return linger(&shared).await;
            }
        };
        served += 1;
        let version = parsed.head.version;
        let to_head = parsed.head.method == http::Method::HEAD;
        let may_stay = parsed.keep_alive && served < limits.requests;
        let request = admit(&shared, parsed, &peer, limits.read);
        // Boxed: a connection that waits for its next request should not hold the room that an answer takes.
        let call = Box::pin(service.call(request));
        let Some(mut response) = answer(&shared, call).await else { return };
        if let Some(tunnel) = response.tunnel.take() {
            return switch(shared, response, tunnel).await;
        }
        let (whole, last) = {
            let state = shared.borrow();
            (state.decoder.is_done(), state.sends_no_more())
        };
        let endless = version == Version::HTTP_10 && response.body.length().is_none();
        let welcome = !seat.is_draining() && service.keeps_connections();
        let ends = match may_stay && whole && !last && !endless && welcome {
            false => Ends::Closes,
            true if version == Version::HTTP_10 => Ends::StaysTold,
            true => Ends::Stays,
        };
        let end = respond(&shared, response, Answering { version, ends, limits, to_head }).await;
        match (end, ends) {
            (End::Complete, Ends::Stays | Ends::StaysTold) => {}
            // Where the framing shows that a body was cut, what came before the cut is still to arrive.
            (End::Complete, Ends::Closes) | (End::Cut, _) if !(end == End::Cut && endless) => {
                return linger(&shared).await;
            }
            // A close would look like an end to a client of HTTP/1.0, so the connection is reset.
            _ => return shared.borrow_mut().wire.stream.reset_on_close(),
        }
    }
}

enum Next {
    Request(ParsedRequest),
    Closed,
    Refused(Reject),
}

/// Waits for the next head.
async fn next_head(
    shared: &RefCell<Shared>,
    limits: &ServerLimits,
    first: bool,
    closing: &impl Fn(&mut Context<'_>) -> Option<Instant>,
) -> Next {
    // The clock is read only where something is waited for.
    let mut waiting_since = None;
    let mut begun = first.then(turn::now);
    let mut scan = HeadScan::default();
    let mut skipped = false;
    poll_fn(|cx| {
        let Shared { wire, timer, .. } = &mut *shared.borrow_mut();
        loop {
            // RFC 9112 section 2.2: one empty line before a request line is forgiven.
            if !skipped && wire.inbox.starts_with(b"\r\n") {
                wire.inbox.advance(2);
                skipped = true;
            }
            match try_head(wire, &mut scan, &limits.head) {
                Ok(None) => {}
                Ok(Some(parsed)) => return Poll::Ready(Next::Request(parsed)),
                Err(reject) => return Poll::Ready(Next::Refused(reject)),
            }
            match wire.poll_fill(cx, 0) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return Poll::Ready(Next::Closed),
                Poll::Pending => break,
            }
        }
        let idle = wire.inbox.is_empty();
        if !idle {
            begun.get_or_insert_with(turn::now);
        }
        let mut deadline = match begun {
            Some(begun) => begun + limits.head_timeout,
            None => *waiting_since.get_or_insert_with(turn::now) + limits.idle_timeout,
        };
        if idle {
            wire.inbox = BytesMut::new();
            wire.outbox.shrink();
            deadline = closing(cx).map_or(deadline, |at| at.min(deadline));
        }
        timer
            .poll_until(cx, deadline)
            .map(|()| if idle { Next::Closed } else { Next::Refused(Reject::HeadTimeout) })
    })
    .await
}

/// Takes a head out of the inbox, if one is complete.
fn try_head(
    wire: &mut Wire,
    scan: &mut HeadScan,
    limits: &HeadLimits,
) -> Result<Option<ParsedRequest>, Reject> {
    match wire.inbox.first() {
        None => return Ok(None),
        // Not HTTP at all (TLS, say): no need to wait for a line's end.
        Some(&b) if !is_token_byte(b) && b != b'\r' => return Err(Reject::RequestLine),
        Some(_) => {}
    }
    let end = scan.find_end(&wire.inbox, limits.bytes).map_err(|reject| match reject {
        // RFC 9112 section 3: a target that is longer than any that is wanted.
        Reject::HeadTooLarge if scan.in_first_line() => Reject::TargetTooLong,
        other => other,
    })?;
    let Some(end) = end else { return Ok(None) };
    let parsed = parse_request(&wire.inbox[..end], limits)?;
    wire.inbox.advance(end);
    Ok(Some(parsed))
}

/// Makes the request that goes up the road.
fn admit(shared: &Rc<RefCell<Shared>>, parsed: ParsedRequest, peer: &Rc<Peer>, read: PaceLimits) -> Request {
    let ParsedRequest { head, framing, expects_continue, .. } = parsed;
    let mut state = shared.borrow_mut();
    state.decoder = Decoder::from(framing);
    state.owes_continue = expects_continue;
    state.received = 0;
    state.pace = Pace::new(read);
    let body = if state.decoder.is_done() {
        Body::empty()
    } else {
        Body::client_h1(RequestBody::new(Rc::clone(shared), framing))
    };
    drop(state);
    let interim = (head.version == Version::HTTP_11).then(|| Interim::http1(Rc::clone(shared)));
    Request { head, body, peer: Rc::clone(peer), arrived: turn::now(), expects_continue, interim }
}

/// Waits for the answer, and watches the client meanwhile. `None`: the client has left.
async fn answer<R>(
    shared: &RefCell<Shared>,
    mut call: Pin<Box<impl Future<Output = Response<R>>>>,
) -> Option<Response<R>> {
    poll_fn(|cx| {
        if let Poll::Ready(response) = call.as_mut().poll(cx) {
            return Poll::Ready(Some(response));
        }
        let mut state = shared.borrow_mut();
        // Interim answers leave as they come.
        if !state.wire.outbox.is_empty() && matches!(state.wire.poll_flush(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(None);
        }
        state.poll_gone(cx, ANSWER_GRACE).map(|()| None)
    })
    .await
}

struct Answering<'a> {
    version: Version,
    ends: Ends,
    limits: &'a ServerLimits,
    to_head: bool,
}

/// Writes a response, and lets its ride depart.
async fn respond<R: Ride>(shared: &RefCell<Shared>, response: Response<R>, how: Answering<'_>) -> End {
    let Response { head, mut body, ride, .. } = response;
    let silent = body.is_empty() || is_bodiless(head.status, how.to_head);
    let announced = body.is_empty() && body.length() != Some(0);
    let told = if how.to_head && body.tells_nothing() {
        // An upstream that would answer GET in chunks tells HEAD no length; a 0 here would be made up.
        Told::Nothing
    } else {
        emit::told_for_response(head.status, how.version, announced || how.to_head, body.length())
    };
    // The body may still read the request through the same connection, so the outbox is held apart meanwhile.
    let mut outbox = std::mem::take(&mut shared.borrow_mut().wire.outbox);
    shared.borrow_mut().owes_continue = false;
    emit::response_head(outbox.small(), &head, told, how.ends);
    let mut pump =
        if silent { Pump::nothing() } else { Pump::to_stream(told, &body, &shared.borrow().wire.stream) };
    let mut pace = Pace::new(how.limits.write);
    let (mut seen, mut cut) = (0, false);
    let end = poll_fn(|cx| {
        let turn = match pump.turn(cx, &mut body, &mut outbox, &mut { shared }) {
            Ok(Turn::Finished) if cut => return Poll::Ready(End::Cut),
            Ok(Turn::Finished) => return Poll::Ready(End::Complete),
            Ok(turn) => turn,
            Err(PumpError::Io(_)) => return Poll::Ready(End::ClientGone),
            Err(PumpError::Body(BodyError::ClientSlow)) => return Poll::Ready(End::ClientSlow),
            Err(PumpError::Body(e)) if e.is_clients() => return Poll::Ready(End::ClientGone),
            Err(PumpError::Body(_)) => {
                // What came before the cut still leaves.
                cut = true;
                pump.cut();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        };
        let moved = pump.written - seen;
        seen = pump.written;
        if moved > 0 && !pace.moved(moved) {
            return Poll::Ready(End::ClientSlow);
        }
        let state = &mut *shared.borrow_mut();
        if moved > 0 {
            state.moved();
        }
        match turn {
            Turn::WireFull => pace.poll_too_slow(cx, &mut state.timer).map(|()| End::ClientSlow),
            _ => state.poll_gone(cx, SILENCE_GRACE).map(|()| End::ClientGone),
        }
    })
    .await;
    let mut state = shared.borrow_mut();
    state.wire.outbox = outbox;
    let bytes_in = state.received;
    drop(state);
    ride.depart(Delivery { bytes_in, bytes_out: pump.bytes, end });
    end
}

impl Sink for &RefCell<Shared> {
    fn with<T>(&mut self, write: impl FnOnce(&mut Stream) -> T) -> T {
        write(&mut self.borrow_mut().wire.stream)
    }
}

/// Joins the client's connection with the upstream's.
async fn switch<R: Ride>(shared: Rc<RefCell<Shared>>, response: Response<R>, upstream: Tunnel) {
    let Response { head, ride, .. } = response;
    let delivery = match Rc::try_unwrap(shared) {
        Ok(shared) => {
            let mut wire = shared.into_inner().wire;
            emit::switching_head(wire.outbox.small(), &head);
            upstream.join(wire).await
        }
        // Somebody still holds the request's body, which a request that switches does not have.
        Err(_) => Delivery { bytes_in: 0, bytes_out: 0, end: End::Cut },
    };
    ride.depart(delivery);
}

/// Closes so that what was written arrives: ends our direction, then reads on for a while.
async fn linger(shared: &RefCell<Shared>) {
    let until = Instant::now() + LINGER_TIME;
    let mut read = 0;
    let mut shut = false;
    poll_fn(|cx| {
        let Shared { wire, timer, decoder, .. } = &mut *shared.borrow_mut();
        if !shut {
            match Pin::new(&mut wire.stream).poll_shutdown(cx) {
                Poll::Ready(Ok(())) => shut = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return timer.poll_until(cx, until),
            }
            // Whatever was asked has been read: nothing can be in flight that would turn our answer into a reset.
            if decoder.is_done() && wire.inbox.is_empty() {
                return Poll::Ready(());
            }
        }
        while read < LINGER_BYTES {
            wire.inbox.clear();
            match wire.poll_fill(cx, 0) {
                Poll::Ready(Ok(n @ 1..)) => read += n,
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return timer.poll_until(cx, until),
            }
        }
        Poll::Ready(())
    })
    .await;
}
