//! One HTTP/1 connection to an upstream, and one exchange on it.
//!
//! The exchange runs in the task of the request that it serves. Whether a failed one may be tried again follows from
//! what it says was sent. Answers are judged as strictly as requests: a connection whose answer was not understood to
//! its last byte is never used again.

use super::chunk::Step;
use super::decode::Decoder;
use super::emit;
use super::framing::Framing;
use super::parse::{ParsedResponse, parse_response};
use super::pump::{Pump, PumpError, Turn};
use super::reject::Reject;
use super::response_body::ResponseBody;
use super::scan::HeadScan;
use super::tunnel::Tunnel;
use super::wire::Wire;
use crate::body::{Body, BodyError};
use crate::idle::Idle;
use crate::interim::Interim;
use crate::stream::Stream;
use crate::timer::Timer;
use base::turn;
use bytes::Buf;
use message::{Method, Name, RequestHead, ResponseHead, StatusCode};
use std::any::Any;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Weak;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, ReadBuf};

/// Largest head of an answer, in bytes: upstreams set large cookies.
const ANSWER_HEAD_MOST: usize = 64 * 1024;
/// Interim answers that one exchange may have.
const INTERIM_MOST: u32 = 16;
/// How long a body is held back for `100 Continue` (RFC 9110 section 10.1.1 asks for some bound).
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// What had gone out when an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sent {
    /// Nothing: trying elsewhere is always safe.
    No,
    /// Some or all of the request, and no answer came: it may have been carried out.
    Maybe,
    /// An answer had begun.
    Yes,
}

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// No connection could be made.
    #[error("could not connect: {0}")]
    Connect(String),
    /// No connection was made in time.
    #[error("could not connect in time")]
    ConnectTimeout,
    /// The upstream closed the connection before it answered.
    #[error("closed the connection without an answer")]
    Closed,
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// No answer came in time.
    #[error("gave no answer in time")]
    Timeout,
    /// The answer is not HTTP/1.1.
    #[error("gave a malformed answer: {0}")]
    Malformed(Reject),
    /// A 101 that nobody had asked for.
    #[error("switched protocols without being asked")]
    Unasked,
    /// The body of the request failed on the client's side.
    #[error("the body of the request failed: {0}")]
    Body(BodyError),
    /// HTTP/2 to the upstream failed.
    #[error("HTTP/2: {0}")]
    Http2(String),
}

/// An exchange that failed.
#[derive(Debug, thiserror::Error)]
#[error("the upstream {cause}")]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// What had gone out.
    pub sent: Sent,
    /// The request's body is whole again: another attempt can send all of it.
    pub body_whole: bool,
}

impl Failure {
    /// Nothing was sent and nothing was taken.
    pub fn before_sending(cause: Cause) -> Self {
        Self { cause, sent: Sent::No, body_whole: true }
    }
}

/// What an exchange gave.
#[derive(Debug)]
pub struct Answer {
    /// Status and fields.
    pub head: ResponseHead,
    /// The body as it arrives.
    pub body: Body,
    /// Behind a 101.
    pub tunnel: Option<Tunnel>,
}

/// What to ask, and how long to wait for it.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The request's head, as it goes to the upstream.
    pub head: &'a RequestHead,
    /// What stands in `Host`.
    pub host: &'a str,
    /// The body. It is left in place as long as nothing of it was taken.
    pub body: &'a mut Body,
    /// The client waits for `100 Continue`: so do we, for a while.
    pub expects_continue: bool,
    /// Where interim answers go.
    pub interim: Option<&'a Interim>,
    /// Longest wait for the answer's head, from the last progress of the request.
    pub timeout: Duration,
    /// Longest silence in the middle of the answer's body.
    pub idle: Duration,
    /// When this attempt began.
    pub began: Instant,
}

/// A connection to an upstream.
#[derive(Debug)]
pub struct Connection {
    pub(crate) wire: Wire,
    pub(crate) timer: Timer,
    home: Weak<Idle>,
    answered: u64,
}

impl Connection {
    /// Over a stream that was just connected. `home`: where it waits between exchanges; `lease`: lives as long as the
    /// connection.
    pub fn new(stream: Stream, home: Weak<Idle>, lease: Option<Box<dyn Any>>) -> Box<Self> {
        let wire = Wire { lease, ..Wire::new(stream) };
        Box::new(Self { wire, timer: Timer::default(), home, answered: 0 })
    }

    /// Has it served an exchange before?
    pub fn is_reused(&self) -> bool {
        self.answered > 0
    }

    /// Is it still open and silent, by the kernel's word? One system call, for requests that must not be sent twice.
    pub fn is_surely_usable(&self) -> bool {
        self.wire.stream.is_silent()
    }

    /// Is it still open and silent, as far as the runtime has heard? Costs no system call while it is.
    pub(crate) fn is_usable(&mut self) -> bool {
        let mut byte = [0];
        if !self.wire.inbox.is_empty() {
            return false;
        }
        if self.wire.stream.is_plain() {
            // Unlike a poll, this leaves no waker behind.
            return self.wire.stream.try_read(&mut byte).is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
        }
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.wire.stream).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    /// Behind a complete answer: waits for the next exchange, or closes where that is not wanted.
    pub(crate) fn release(mut self: Box<Self>) {
        if self.wire.inbox.is_empty() {
            self.answered += 1;
            self.wire.outbox.shrink();
            self.wire.inbox = bytes::BytesMut::new();
            if let Some(home) = self.home.upgrade() {
                home.put(self);
            }
        }
    }

    /// Sends the request and waits for the head of the answer.
    pub async fn exchange(mut self: Box<Self>, ask: Ask<'_>) -> Result<Answer, Failure> {
        let holds_back = ask.expects_continue && !ask.body.is_empty();
        let told = emit::told_for_request(ask.head, ask.body.length());
        emit::request_head(self.wire.outbox.small(), ask.head, ask.host, told, holds_back);
        let length = ask.body.length();
        let empty = ask.body.is_empty();
        let pump = if empty { Pump::nothing() } else { Pump::keeping(told) };
        let mut exchange = Exchange {
            pump,
            scan: HeadScan::default(),
            hold_until: holds_back.then(|| Instant::now() + CONTINUE_WAIT),
            progress: ask.began,
            interims: 0,
            write_failed: None,
        };
        let parsed =
            poll_fn(|cx| exchange.poll_head(cx, &mut self, ask.head, ask.body, ask.interim, ask.timeout))
                .await;
        let parsed = parsed.map_err(|cause| {
            let kept = exchange.pump.take_kept();
            // A body that broke off on its way to us has an end that it should not have.
            let broken = matches!(cause, Cause::Body(_));
            let body_whole = !broken && (empty || kept.is_some());
            ask.body.put_back(kept.unwrap_or_default(), length);
            Failure { sent: exchange.sent(&cause), cause, body_whole }
        })?;
        let Ask { body, idle, .. } = ask;
        Ok(self.answer(parsed, exchange, body, idle))
    }

    fn answer(
        mut self: Box<Self>,
        parsed: ParsedResponse,
        mut exchange: Exchange,
        rest: &mut Body,
        idle: Duration,
    ) -> Answer {
        let ParsedResponse { head, framing, announced, keep_alive } = parsed;
        // It is answered: there will be no other attempt.
        exchange.pump.take_kept();
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            let tunnel = Tunnel::new(self.wire, idle);
            return Answer { head, body: Body::empty(), tunnel: Some(tunnel) };
        }
        // A connection on which a write failed has half a request in it, and no place for another.
        let keep_alive = keep_alive && exchange.write_failed.is_none();
        let sent_all =
            exchange.pump.ended() && self.wire.outbox.is_empty() && exchange.write_failed.is_none();
        let keep = keep_alive && sent_all;
        let mut decoder = Decoder::from(framing);
        let body = match framing {
            Framing::Empty => {
                self.leave(keep);
                announced.map_or_else(Body::empty, Body::announced)
            }
            // The usual small answer came with its head: the connection is free before the client has its answer.
            Framing::Length(n) if sent_all && self.wire.inbox.len() as u64 >= n => {
                match decoder.step(&mut self.wire.inbox) {
                    Ok(Step::Data(data)) => {
                        self.leave(keep);
                        Body::full(data)
                    }
                    _ => Body::empty(),
                }
            }
            _ => {
                let unsent = (!sent_all && exchange.write_failed.is_none())
                    .then(|| (exchange.pump, std::mem::take(rest)));
                let body = ResponseBody::new(self, decoder, framing, keep_alive, unsent, idle);
                Body::upstream_h1(Box::new(body))
            }
        };
        Answer { head, body, tunnel: None }
    }

    fn leave(self: Box<Self>, keep: bool) {
        if keep {
            self.release();
        }
    }
}

/// The state of an exchange until the head of its answer.
struct Exchange {
    pump: Pump,
    scan: HeadScan,
    /// The body is held back until then, or until `100 Continue`.
    hold_until: Option<Instant>,
    /// When the request last moved.
    progress: Instant,
    interims: u32,
    /// The upstream takes no more. It may have answered all the same, so that is still looked for.
    write_failed: Option<std::io::Error>,
}

impl Exchange {
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        conn: &mut Connection,
        head: &RequestHead,
        body: &mut Body,
        interim: Option<&Interim>,
        timeout: Duration,
    ) -> Poll<Result<ParsedResponse, Cause>> {
        loop {
            if let Err(cause) = self.send(cx, conn, body) {
                return Poll::Ready(Err(cause));
            }
            match self.poll_parsed(cx, conn, head) {
                Poll::Ready(Ok(parsed)) if parsed.head.status.is_informational() => {
                    if let Some(done) = self.interim(parsed, head, interim).transpose() {
                        return Poll::Ready(done);
                    }
                }
                Poll::Ready(done) => return Poll::Ready(done),
                Poll::Pending => {
                    let deadline = self.progress + timeout;
                    let wake = self.hold_until.map_or(deadline, |hold| hold.min(deadline));
                    if conn.timer.poll_until(cx, wake).is_pending() {
                        return Poll::Pending;
                    }
                    if self.hold_until.take().is_none() {
                        return Poll::Ready(Err(Cause::Timeout));
                    }
                }
            }
        }
    }

    /// Sends what can be sent now.
    fn send(&mut self, cx: &mut Context<'_>, conn: &mut Connection, body: &mut Body) -> Result<(), Cause> {
        if self.write_failed.is_some() {
            return Ok(());
        }
        let Wire { stream, outbox, .. } = &mut conn.wire;
        // A request without a body moves once, at its beginning.
        let moves = !self.pump.ended();
        let before = self.pump.written;
        let turn = if self.hold_until.is_some() {
            // Only the head goes out.
            let mut nothing = Pump::nothing();
            let turn = nothing.turn(cx, &mut Body::empty(), outbox, stream);
            self.pump.written += nothing.written;
            turn
        } else {
            self.pump.turn(cx, body, outbox, stream)
        };
        if moves && self.pump.written > before {
            self.progress = turn::now();
        }
        match turn {
            Ok(Turn::BodyWaits) => {
                // The client is the one that is waited for, and its own pace bounds that.
                self.progress = turn::now();
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(PumpError::Body(e)) => Err(Cause::Body(e)),
            Err(PumpError::Io(e)) => {
                self.write_failed = Some(e);
                Ok(())
            }
        }
    }

    fn poll_parsed(
        &mut self,
        cx: &mut Context<'_>,
        conn: &mut Connection,
        head: &RequestHead,
    ) -> Poll<Result<ParsedResponse, Cause>> {
        let wire = &mut conn.wire;
        loop {
            match self.scan.find_end(&wire.inbox, ANSWER_HEAD_MOST) {
                Err(reject) => return Poll::Ready(Err(Cause::Malformed(reject))),
                Ok(Some(end)) => {
                    let parsed = parse_response(&wire.inbox[..end], head.method == Method::HEAD);
                    wire.inbox.advance(end);
                    self.scan = HeadScan::default();
                    return Poll::Ready(parsed.map_err(Cause::Malformed));
                }
                Ok(None) => {}
            }
            match wire.poll_fill(cx, 0) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(end) => {
                    let cause = match (self.write_failed.take(), end) {
                        (Some(e), _) | (None, Err(e)) => Cause::Io(e),
                        (None, Ok(_)) => Cause::Closed,
                    };
                    return Poll::Ready(Err(cause));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Deals with a 1xx. A 101 that was asked for is the final answer.
    fn interim(
        &mut self,
        parsed: ParsedResponse,
        head: &RequestHead,
        interim: Option<&Interim>,
    ) -> Result<Option<ParsedResponse>, Cause> {
        self.interims += 1;
        match parsed.head.status {
            _ if self.interims > INTERIM_MOST => Err(Cause::Malformed(Reject::StatusLine)),
            StatusCode::SWITCHING_PROTOCOLS => {
                let agreed = head.upgrade.as_deref().is_some_and(|asked| {
                    parsed
                        .head
                        .fields
                        .get(Name::Upgrade)
                        .is_some_and(|got| got.eq_ignore_ascii_case(asked.as_bytes()))
                });
                if agreed { Ok(Some(parsed)) } else { Err(Cause::Unasked) }
            }
            _ if self.interims > INTERIM_MOST => Err(Cause::Malformed(Reject::StatusLine)),
            // Pulling the body is what sends 100 to the client.
            StatusCode::CONTINUE => {
                self.hold_until = None;
                Ok(None)
            }
            _ => {
                if let Some(interim) = interim {
                    interim.send(&parsed.head);
                }
                Ok(None)
            }
        }
    }

    fn sent(&self, cause: &Cause) -> Sent {
        match cause {
            _ if self.pump.written == 0 => Sent::No,
            Cause::Malformed(_) | Cause::Unasked => Sent::Yes,
            _ => Sent::Maybe,
        }
    }
}
