//! One stream: a request, its answer, and whoever gives up in between.

use super::budget::Budget;
use super::duplex::Duplex;
use super::ledger::Open;
use super::request_body::RequestBody;
use super::translate;
use crate::body::Body;
use crate::h1::{ServerLimits, Tunnel, Wire};
use crate::interim::Interim;
use crate::pace::{Pace, PaceLimits};
use crate::service::{Delivery, End, Peer, Request, Response, Ride, Service, is_bodiless};
use crate::stream::Stream;
use crate::timer::Timer;
use base::turn;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::StatusCode;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// What all streams of a connection share.
pub(crate) struct Common<S> {
    pub(crate) service: Rc<S>,
    pub(crate) limits: ServerLimits,
    pub(crate) peer: Rc<Peer>,
    pub(crate) budget: Rc<Budget>,
}

type Respond = Rc<RefCell<SendResponse<Bytes>>>;

/// Serves a stream to its end.
pub(crate) async fn serve<S: Service>(
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
    common: Rc<Common<S>>,
    open: Open,
) {
    let Common { service, limits, peer, budget } = &*common;
    let (parts, incoming) = request.into_parts();
    let respond: Respond = Rc::new(RefCell::new(respond));
    let head = match translate::request_head(&parts, &limits.head) {
        Ok(head) => head,
        Err(reject) => {
            let to_head = parts.method == http::Method::HEAD;
            let response = service.refuse(peer, reject);
            return send(response, to_head, &respond, None, limits.write, budget).await;
        }
    };
    let to_head = head.method == http::Method::HEAD;
    let opens_tunnel = head.upgrade.is_some();
    // What came of the body, where there is one.
    let mut received = None;
    let (body, tunnel_in) = if opens_tunnel {
        (Body::empty(), Some(incoming))
    } else if incoming.is_end_stream() {
        (Body::empty(), None)
    } else {
        let length = translate::content_length(&parts.headers);
        let count = Rc::clone(received.insert(Rc::default()));
        (Body::client_h2(RequestBody::new(incoming, length, limits.read, count)), None)
    };
    let request = Request {
        head,
        body,
        peer: Rc::clone(peer),
        arrived: turn::now(),
        expects_continue: false,
        interim: Some(Interim::http2(Rc::clone(&respond))),
    };
    // Boxed on its own: a stream whose answer is on its way should not hold the room that the road took.
    let call = Box::pin(service.call(request));
    let Some(mut response) = answer(&respond, call).await else { return open.give_up() };
    match (response.tunnel.take(), tunnel_in) {
        (Some(tunnel), Some(incoming)) => switch(response, &respond, incoming, tunnel, budget).await,
        _ => send(response, to_head, &respond, received.as_deref(), limits.write, budget).await,
    }
}

/// Waits for the answer. `None`: the client has reset the stream, or its connection is gone.
async fn answer<R>(
    respond: &Respond,
    mut call: Pin<Box<impl Future<Output = Response<R>>>>,
) -> Option<Response<R>> {
    poll_fn(|cx| match call.as_mut().poll(cx) {
        Poll::Ready(response) => Poll::Ready(Some(response)),
        Poll::Pending => respond.borrow_mut().poll_reset(cx).map(|_| None),
    })
    .await
}

/// Sends an answer to its last byte. The library sends whatever body it is given, also to HEAD or behind 204, which a
/// client takes for a malformed message (RFC 9110 section 9.3.2): so such a body stays here.
async fn send<R: Ride>(
    response: Response<R>,
    to_head: bool,
    respond: &Respond,
    received: Option<&Cell<u64>>,
    write: PaceLimits,
    budget: &Budget,
) {
    let Response { head, body, ride, .. } = response;
    let lengthless = head.status.is_informational()
        || head.status == StatusCode::NO_CONTENT
        || (head.status == StatusCode::NOT_MODIFIED && body.length() == Some(0))
        || (to_head && body.tells_nothing());
    let message = translate::response(&head, body.length().filter(|_| !lengthless));
    let body = if is_bodiless(head.status, to_head) { Body::empty() } else { body };
    let ends = body.is_empty();
    let sent = respond.borrow_mut().send_response(message, ends);
    let mut sending =
        Sending { body, bytes: 0, pace: Pace::new(write), timer: Timer::default(), ready: None };
    let end = match sent {
        Err(_) => End::ClientGone,
        Ok(_) if ends => End::Complete,
        Ok(mut stream) => poll_fn(|cx| sending.poll(cx, &mut stream, budget)).await,
    };
    ride.depart(Delivery { bytes_in: received.map_or(0, Cell::get), bytes_out: sending.bytes, end });
}

/// A body on its way out.
struct Sending {
    body: Body,
    bytes: u64,
    pace: Pace,
    timer: Timer,
    /// A piece that waits for the client's window.
    ready: Option<Bytes>,
}

impl Sending {
    fn poll(&mut self, cx: &mut Context<'_>, stream: &mut SendStream<Bytes>, budget: &Budget) -> Poll<End> {
        loop {
            if let Some(mut piece) = self.ready.take() {
                let part = match self.poll_window(cx, stream, piece.len()) {
                    Poll::Ready(Ok(room)) => piece.split_to(room.min(piece.len())),
                    Poll::Ready(Err(end)) => return Poll::Ready(end),
                    Poll::Pending => {
                        self.ready = Some(piece);
                        return Poll::Pending;
                    }
                };
                self.bytes += part.len() as u64;
                budget.sent(part.len());
                let last = piece.is_empty() && self.body.is_empty();
                match stream.send_data(part, last) {
                    Err(_) => return Poll::Ready(End::ClientGone),
                    Ok(()) if last => return Poll::Ready(End::Complete),
                    Ok(()) => {}
                }
                if !piece.is_empty() {
                    self.ready = Some(piece);
                    continue;
                }
            }
            match self.body.poll_next(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => self.ready = Some(data),
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        return Poll::Ready(ended(&stream.send_trailers(trailers)));
                    }
                },
                Poll::Ready(None) => return Poll::Ready(ended(&stream.send_data(Bytes::new(), true))),
                Poll::Ready(Some(Err(e))) => {
                    stream.send_reset(Reason::INTERNAL_ERROR);
                    return Poll::Ready(if e.is_clients() { End::ClientGone } else { End::Cut });
                }
                Poll::Pending => return stream.poll_reset(cx).map(|_| End::ClientGone),
            }
        }
    }

    /// Ready once the client has opened its window for some of a piece, with how much. Nothing beyond it is handed on, so
    /// the pace is that of the client, and what a stream of a client that takes nothing holds is one piece.
    fn poll_window(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut SendStream<Bytes>,
        len: usize,
    ) -> Poll<Result<usize, End>> {
        stream.reserve_capacity(len);
        while stream.capacity() == 0 {
            match stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return Poll::Ready(Err(End::ClientGone)),
                Poll::Pending => {
                    ready!(self.pace.poll_too_slow(cx, &mut self.timer));
                    stream.send_reset(Reason::CANCEL);
                    return Poll::Ready(Err(End::ClientSlow));
                }
            }
        }
        let room = stream.capacity();
        if self.pace.moved(room.min(len) as u64) {
            return Poll::Ready(Ok(room));
        }
        stream.send_reset(Reason::CANCEL);
        Poll::Ready(Err(End::ClientSlow))
    }
}

fn ended(sent: &Result<(), h2::Error>) -> End {
    if sent.is_ok() { End::Complete } else { End::ClientGone }
}

/// Joins the stream with the upstream's connection.
async fn switch<R: Ride>(
    response: Response<R>,
    respond: &Respond,
    incoming: RecvStream,
    tunnel: Tunnel,
    budget: &Rc<Budget>,
) {
    let Response { mut head, ride, .. } = response;
    // RFC 8441 section 5: 200 opens the tunnel.
    head.status = StatusCode::OK;
    let sent = respond.borrow_mut().send_response(translate::response(&head, None), false);
    let delivery = match sent {
        Ok(outgoing) => {
            let stream = Stream::Http2(Box::new(Duplex::new(incoming, outgoing, Rc::clone(budget))));
            Box::pin(tunnel.join(Wire::new(stream))).await
        }
        Err(_) => Delivery { bytes_in: 0, bytes_out: 0, end: End::ClientGone },
    };
    ride.depart(delivery);
}
