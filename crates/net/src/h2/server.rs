//! One client's HTTP/2 connection. hyper runs the protocol; a guardian beside it ends connections that are idle, that
//! do not take their answers, or that are to be drained.

use super::request_body::RequestBody;
use super::riding::{Ledger, Riding, Stream as Served};
use super::{OnThisWorker, translate};
use crate::body::Body;
use crate::drain::Drain;
use crate::h1::{ServerLimits, Wire};
use crate::service::{Delivery, End, Peer, Request, Response, Ride, Service, is_bodiless};
use crate::stream::Stream;
use crate::timer::Timer;
use bytes::{Buf, BytesMut};
use http::StatusCode;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How often the guardian looks.
const LOOK: Duration = Duration::from_secs(1);
/// A ping that is not answered for this long ends the connection.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Flow-control windows: room for a fast upload on a long line without letting a client fill memory.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What one stream may have buffered towards its client.
const SEND_BUFFER: usize = 128 * 1024;

/// Serves a connection until it ends. `inbox` holds what was read from it already.
pub(crate) async fn serve<S: Service>(
    stream: Stream,
    inbox: BytesMut,
    peer: Rc<Peer>,
    service: &Rc<S>,
    limits: &ServerLimits,
    drain: &Drain,
) {
    let ledger = Rc::new(Ledger::default());
    let answer = {
        let (service, limits, ledger) = (Rc::clone(service), limits.clone(), Rc::clone(&ledger));
        let shared = Rc::new((service, limits, peer));
        hyper::service::service_fn(move |request| {
            let (shared, stream) = (Rc::clone(&shared), ledger.open());
            async move {
                let (service, limits, peer) = &*shared;
                Ok::<_, Infallible>(call(request, stream, service, limits, peer).await)
            }
        })
    };
    let mut builder = hyper::server::conn::http2::Builder::new(OnThisWorker);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits.head.bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(Some(20))
        .keep_alive_interval(Some(limits.idle_timeout.max(Duration::from_secs(1))))
        .keep_alive_timeout(PING_TIMEOUT)
        .enable_connect_protocol();
    let began = Instant::now();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Rewound { stream, inbox }), answer));
    let (mut timer, mut look) = (Timer::default(), began + LOOK);
    let seat = drain.seat();
    let mut leaving = false;
    poll_fn(|cx| {
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if !leaving && seat.poll_draining(cx) {
            leaving = true;
            connection.as_mut().graceful_shutdown();
            return connection.as_mut().poll(cx).map(drop);
        }
        while timer.poll_until(cx, look).is_ready() {
            let now = Instant::now();
            look = now + LOOK;
            if ledger.stalled_since().is_some_and(|since| now - since > limits.write.silence) {
                return Poll::Ready(());
            }
            if let Some(since) = ledger.idle_since(began)
                && now - since > limits.idle_timeout
            {
                if leaving {
                    return Poll::Ready(()); // It was told to go and did not.
                }
                leaving = true;
                connection.as_mut().graceful_shutdown();
                return connection.as_mut().poll(cx).map(drop);
            }
        }
        Poll::Pending
    })
    .await;
}

/// Answers one request.
async fn call<S: Service>(
    request: http::Request<Incoming>,
    stream: Rc<Served>,
    service: &Rc<S>,
    limits: &ServerLimits,
    peer: &Rc<Peer>,
) -> http::Response<Riding<S::Ride>> {
    let (mut parts, incoming) = request.into_parts();
    let head = match translate::request_head(&parts, &limits.head) {
        Ok(head) => head,
        Err(reject) => {
            let to_head = parts.method == http::Method::HEAD;
            return answered(service.refuse(peer, reject), to_head, stream, limits);
        }
    };
    let to_head = head.method == http::Method::HEAD;
    let upgrading =
        head.upgrade.as_ref().and_then(|_| parts.extensions.remove::<hyper::upgrade::OnUpgrade>());
    let body = if upgrading.is_some() || http_body::Body::is_end_stream(&incoming) {
        Body::empty()
    } else {
        Body::client_h2(RequestBody::new(incoming, limits.read, Rc::clone(&stream.received)))
    };
    let request = Request {
        head,
        body,
        peer: Rc::clone(peer),
        arrived: Instant::now(),
        expects_continue: false,
        interim: None,
    };
    let mut response = service.call(request).await;
    if let (Some(tunnel), Some(upgrading)) = (response.tunnel.take(), upgrading) {
        // RFC 8441 section 5: 200 opens the tunnel.
        let Response { mut head, ride, .. } = response;
        head.status = StatusCode::OK;
        let held = Rc::clone(&stream);
        tokio::task::spawn_local(async move {
            let delivery = match upgrading.await {
                Ok(upgraded) => tunnel.join(Wire::new(Stream::Http2(Box::new(TokioIo::new(upgraded))))).await,
                Err(_) => Delivery { bytes_in: 0, bytes_out: 0, end: End::ClientGone },
            };
            ride.depart(delivery);
            drop(held);
        });
        return translate::response(&head, None, Riding::new(Body::empty(), None, stream, limits.write));
    }
    answered(response, to_head, stream, limits)
}

/// The library sends whatever body it is given, also to HEAD or behind 204, which a client takes for a malformed message
/// (RFC 9110 section 9.3.2): so the body stays here and only its length is told.
fn answered<R: Ride>(
    response: Response<R>,
    to_head: bool,
    stream: Rc<Served>,
    limits: &ServerLimits,
) -> http::Response<Riding<R>> {
    let Response { head, body, ride, .. } = response;
    let length = body.length().filter(|_| {
        let status = head.status;
        !(status.is_informational()
            || status == StatusCode::NO_CONTENT
            || (status == StatusCode::NOT_MODIFIED && body.length() == Some(0))
            || (to_head && body.tells_nothing()))
    });
    let body = if is_bodiless(head.status, to_head) { Body::empty() } else { body };
    translate::response(&head, length, Riding::new(body, Some(ride), stream, limits.write))
}

/// A stream with what was read from it put back.
struct Rewound {
    stream: Stream,
    inbox: BytesMut,
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.inbox.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let n = self.inbox.len().min(buf.remaining());
        buf.put_slice(&self.inbox[..n]);
        self.inbox.advance(n);
        if self.inbox.is_empty() {
            self.inbox = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
