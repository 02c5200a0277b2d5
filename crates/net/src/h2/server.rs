//! One client's HTTP/2 connection: takes its streams up, and ends it when it is idle, dead, or to be drained.

use super::budget::Budget;
use super::inbound::Inbound;
use super::ledger::Ledger;
use super::stream::{self, Common};
use crate::drain::Drain;
use crate::h1::ServerLimits;
use crate::service::{Peer, Service, Trouble};
use crate::stream::Stream;
use crate::timer::Timer;
use bytes::{Bytes, BytesMut};
use h2::server::Connection;
use h2::{Ping, PingPong, Reason};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::task::spawn_local;

/// How often the guardian looks.
const LOOK: Duration = Duration::from_secs(1);
/// A connection with open streams is asked this often whether somebody is still there, and has this long to say so.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Flow-control windows: room for a fast upload on a long line without letting a client fill memory.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What one stream may have buffered towards its client.
const SEND_BUFFER: usize = 128 * 1024;
/// Streams that a client may reset before we have looked at them (rapid reset, CVE-2023-44487), and those that we
/// remember to have reset ourselves.
const RESETS_MOST: usize = 20;
/// Streams that a client may give up between two looks of the guardian, each after we took it up but before it was
/// answered: twice what an honest client has open at a time. A rapid reset in slow motion costs endpoints just as much.
const GIVEN_UP_MOST: u32 = 200;

/// Serves a connection until it ends. `inbox` holds what was read from it already.
pub(crate) async fn serve<S: Service>(
    stream: Stream,
    inbox: BytesMut,
    peer: Rc<Peer>,
    service: &Rc<S>,
    limits: &ServerLimits,
    drain: &Drain,
) {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(limits.head.bytes).unwrap_or(u32::MAX))
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_reset_streams(RESETS_MOST)
        .max_pending_accept_reset_streams(RESETS_MOST)
        .enable_connect_protocol();
    let budget = Rc::new(Budget::new(Instant::now()));
    let handshake = builder.handshake::<_, Bytes>(Inbound::new(stream, inbox, Rc::clone(&budget)));
    let Ok(Ok(mut connection)) = tokio::time::timeout(limits.head_timeout, handshake).await else { return };
    let common = Rc::new(Common {
        service: Rc::clone(service),
        limits: limits.clone(),
        peer,
        budget: Rc::clone(&budget),
    });
    let ledger = Ledger::new();
    let mut guardian = Guardian::new(&mut connection);
    let seat = drain.seat();
    poll_fn(|cx| {
        loop {
            match connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    budget.request();
                    // Boxed: the runtime moves a task three times, when it begins and when it ends.
                    spawn_local(Box::pin(stream::serve(request, respond, Rc::clone(&common), ledger.open())));
                }
                Poll::Ready(ended) => {
                    guardian.cut_off |= ended.is_some_and(|end| end.is_err_and(|e| is_flood(&e)));
                    return Poll::Ready(());
                }
                Poll::Pending => break,
            }
        }
        if budget.is_spent() {
            guardian.cut_off(&mut connection, cx);
        }
        if seat.poll_draining(cx) {
            guardian.say_goodbye(&mut connection, cx);
        }
        guardian.poll(cx, &mut connection, &ledger, limits.idle_timeout)
    })
    .await;
    if guardian.cut_off {
        let Common { service, peer, .. } = &*common;
        service.trouble(peer.listener, &Trouble::Flood(peer.text.clone()));
    }
}

/// Has `h2` had enough? It counts what a client resets before we have looked at it.
fn is_flood(error: &h2::Error) -> bool {
    error.is_library() && error.reason() == Some(Reason::ENHANCE_YOUR_CALM)
}

/// Watches over one connection.
struct Guardian {
    timer: Timer,
    look: Instant,
    leaving: Option<Instant>,
    /// It asks too much. Mostly it was told so.
    cut_off: bool,
    ping: Option<PingPong>,
    asked: Option<Instant>,
    heard: Instant,
}

impl Guardian {
    fn new(connection: &mut Connection<Inbound, Bytes>) -> Self {
        let now = Instant::now();
        let ping = connection.ping_pong();
        Self {
            timer: Timer::default(),
            look: now + LOOK,
            leaving: None,
            cut_off: false,
            ping,
            asked: None,
            heard: now,
        }
    }

    /// GOAWAY: streams that are open end in their own time, new ones are refused.
    fn say_goodbye(&mut self, connection: &mut Connection<Inbound, Bytes>, cx: &mut Context<'_>) {
        if self.leaving.is_none() {
            self.leaving = Some(Instant::now());
            connection.graceful_shutdown();
            // Nothing else would make it leave now.
            cx.waker().wake_by_ref();
        }
    }

    /// GOAWAY with `ENHANCE_YOUR_CALM`, and the end of all streams. A client that does not even take that is closed at
    /// the next look.
    fn cut_off(&mut self, connection: &mut Connection<Inbound, Bytes>, cx: &mut Context<'_>) {
        if !self.cut_off {
            self.cut_off = true;
            connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            cx.waker().wake_by_ref();
        }
    }

    /// Ready when the connection is to be closed.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<Inbound, Bytes>,
        ledger: &Ledger,
        idle: Duration,
    ) -> Poll<()> {
        while self.timer.poll_until(cx, self.look).is_ready() {
            let now = Instant::now();
            self.look = now + LOOK;
            if let Some(since) = ledger.idle_since() {
                let left_long_ago = self.leaving.is_some_and(|at| now - at > LOOK);
                if left_long_ago {
                    return Poll::Ready(()); // It was told to go, has nothing open, and stays.
                }
                if now.saturating_duration_since(since) > idle {
                    self.say_goodbye(connection, cx);
                }
            }
            self.cut_off |= ledger.only_gives_up(GIVEN_UP_MOST);
            if self.cut_off || !self.is_alive(cx, now) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Is somebody still there?
    fn is_alive(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let Some(ping) = &mut self.ping else { return true };
        match self.asked {
            Some(asked) => match ping.poll_pong(cx) {
                Poll::Ready(Ok(_)) => {
                    (self.asked, self.heard) = (None, now);
                    true
                }
                Poll::Ready(Err(_)) => false,
                Poll::Pending => now - asked < PING_TIMEOUT,
            },
            None if now - self.heard >= PING_INTERVAL => {
                self.asked = Some(now);
                ping.send_ping(Ping::opaque()).is_ok()
            }
            None => true,
        }
    }
}
