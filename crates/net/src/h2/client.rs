//! One HTTP/2 connection to an upstream, shared by the requests of one worker.

use super::response_body::ResponseBody;
use super::upload::{Progress, Upload};
use super::{OnThisWorker, translate};
use crate::body::{Body, BodyError};
use crate::h1::{Answer, Ask, Cause, Failure, Sent};
use crate::stream::Stream;
use crate::timer::Timer;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioIo, TokioTimer};
use message::Scheme;
use std::any::Any;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

/// A silent connection is probed this often while requests are open on it.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// An HTTP/2 connection to an upstream.
#[derive(Clone, Debug)]
pub struct Multiplexed {
    sender: SendRequest<Upload>,
    open: Rc<Cell<usize>>,
    scheme: Scheme,
}

/// One exchange that is under way.
pub(super) struct Open(Rc<Cell<usize>>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Multiplexed {
    /// Speaks HTTP/2 over a stream that was just connected. `lease`: lives as long as the connection.
    pub async fn handshake(stream: Stream, lease: Option<Box<dyn Any>>) -> Result<Self, Failure> {
        let scheme = if stream.is_plain() { Scheme::Http } else { Scheme::Https };
        let (sender, connection) = hyper::client::conn::http2::Builder::new(OnThisWorker)
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(Some(PING_INTERVAL))
            .keep_alive_timeout(PING_TIMEOUT)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| Failure::before_sending(Cause::Connect(e.to_string())))?;
        tokio::task::spawn_local(async move {
            // Its end shows in every exchange that it breaks.
            let _ = connection.await;
            drop(lease);
        });
        Ok(Self { sender, open: Rc::default(), scheme })
    }

    /// Is it still open?
    pub fn is_usable(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Exchanges that are under way.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Sends the request and waits for the head of the answer.
    pub async fn exchange(mut self, ask: Ask<'_>) -> Result<Answer, Failure> {
        let (length, empty) = (ask.body.length(), ask.body.is_empty());
        let progress = Progress::new(ask.began);
        let body = Upload::new(std::mem::take(ask.body), Rc::clone(&progress));
        let request = translate::request(ask.head, self.scheme, ask.host, length, body)
            .map_err(|e| Failure { cause: Cause::Http2(e.to_string()), sent: Sent::No, body_whole: false })?;
        self.open.set(self.open.get() + 1);
        let open = Open(Rc::clone(&self.open));
        let sending = self.sender.try_send_request(request);
        match within(sending, &progress, ask.timeout).await {
            None => Err(Failure { cause: Cause::Timeout, sent: Sent::Maybe, body_whole: empty }),
            Some(Err(mut failed)) => {
                let returned = failed.take_message();
                let body_whole = empty || returned.is_some();
                if let Some(fault) = caused_by_body(failed.error()) {
                    return Err(Failure { cause: Cause::Body(fault), sent: Sent::Maybe, body_whole: false });
                }
                let sent =
                    if returned.is_some() || is_refused(failed.error()) { Sent::No } else { Sent::Maybe };
                if let Some(request) = returned {
                    *ask.body = request.into_body().into_body();
                }
                Err(Failure { cause: Cause::Http2(failed.into_error().to_string()), sent, body_whole })
            }
            Some(Ok(response)) => {
                let (parts, incoming) = response.into_parts();
                let head = translate::response_head(&parts);
                let to_head = ask.head.method == message::Method::HEAD;
                let body = if to_head || parts.status == message::StatusCode::NOT_MODIFIED {
                    translate::content_length(&parts.headers).map_or_else(Body::empty, Body::announced)
                } else {
                    Body::upstream_h2(incoming)
                };
                Ok(Answer { head, body: counted(body, open, ask.idle), tunnel: None })
            }
        }
    }
}

/// Waits for the answer; `None`: it has not come within `timeout` of the last progress of the request.
async fn within<T>(sending: impl Future<Output = T>, progress: &Progress, timeout: Duration) -> Option<T> {
    let mut sending = pin!(sending);
    let mut timer = Timer::default();
    poll_fn(|cx| {
        if let Poll::Ready(answered) = sending.as_mut().poll(cx) {
            return Poll::Ready(Some(answered));
        }
        loop {
            let now = Instant::now();
            let deadline = progress.since(now) + timeout;
            if deadline <= now {
                return Poll::Ready(None);
            }
            ready!(timer.poll_until(cx, deadline));
        }
    })
    .await
}

/// The fault of the request's own body, where that ended the exchange.
fn caused_by_body(error: &hyper::Error) -> Option<BodyError> {
    let mut source = std::error::Error::source(error);
    while let Some(e) = source {
        if let Some(fault) = e.downcast_ref::<BodyError>() {
            return Some(fault.clone());
        }
        source = e.source();
    }
    None
}

/// The upstream said that it has not looked at the request (RFC 9113 section 8.7).
fn is_refused(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(e) = source {
        if let Some(h2) = e.downcast_ref::<::h2::Error>() {
            return h2.reason() == Some(::h2::Reason::REFUSED_STREAM);
        }
        source = e.source();
    }
    false
}

/// Keeps the exchange counted until its body has ended, and the body within its idle time.
fn counted(body: Body, open: Open, idle: Duration) -> Body {
    if body.is_empty() {
        return body;
    }
    Body::made(Box::pin(ResponseBody::new(body, idle, open)))
}
