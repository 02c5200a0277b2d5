//! The body of a request as it arrives, and the way back for interim answers.

use super::chunk::Step;
use super::decode::Decoder;
use super::emit;
use super::framing::Framing;
use super::wire::Wire;
use crate::body::BodyError;
use crate::pace::{Pace, PaceLimits};
use crate::stream::Stream;
use crate::timer::Timer;
use bytes::{Bytes, BytesMut};
use http_body::Frame;
use message::ResponseHead;
use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// What a connection and the body that is arriving on it share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) wire: Wire,
    pub(crate) decoder: Decoder,
    pub(crate) timer: Timer,
    pub(crate) pace: Pace,
    /// The client waits for `100 Continue`.
    pub(crate) owes_continue: bool,
    /// Bytes of body received for the request at hand.
    pub(crate) received: u64,
    /// The client sends no more: since when, or when something was last written to it.
    pub(crate) ended: Option<Instant>,
    /// The task that watches the client, while the body is pulled.
    pub(crate) watcher: Option<Waker>,
}

impl Shared {
    pub(crate) fn new(stream: Stream, inbox: BytesMut, read: PaceLimits) -> Self {
        let wire = Wire { inbox, ..Wire::new(stream) };
        Self {
            wire,
            decoder: Decoder::Done,
            timer: Timer::default(),
            pace: Pace::new(read),
            owes_continue: false,
            received: 0,
            ended: None,
            watcher: None,
        }
    }

    /// Puts an interim answer into the outbox, where there is room.
    pub(crate) fn send_interim(&mut self, head: &ResponseHead) {
        if self.wire.outbox.has_room() {
            emit::interim_head(self.wire.outbox.small(), head);
        }
    }
}

/// The body of an HTTP/1 request.
#[derive(Debug)]
pub(crate) struct RequestBody {
    shared: Rc<RefCell<Shared>>,
    length: Option<u64>,
}

impl RequestBody {
    pub(crate) fn new(shared: Rc<RefCell<Shared>>, framing: Framing) -> Self {
        let length = if let Framing::Length(n) = framing { Some(n) } else { None };
        Self { shared, length }
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let state = &mut *self.shared.borrow_mut();
        if state.owes_continue {
            state.owes_continue = false;
            // A client that has begun to send has not waited.
            if state.wire.inbox.is_empty() {
                state.wire.outbox.small().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                // What does not leave now leaves with the connection's next turn.
                if state.wire.poll_flush(cx).is_pending() {
                    state.wake_watcher(cx);
                }
            }
        }
        loop {
            let step = state.decoder.step(&mut state.wire.inbox);
            if state.decoder.is_done() {
                state.wake_watcher(cx);
            }
            match step {
                Err(reject) => {
                    return Poll::Ready(Some(Err(BodyError::Malformed(reject))));
                }
                Ok(Step::Done(None)) => return Poll::Ready(None),
                Ok(Step::Done(Some(trailers))) => {
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers.to_map()))));
                }
                Ok(Step::Data(data)) => {
                    state.received += data.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(Step::Need) => {}
            }
            let wanted = state.decoder.wanted();
            match state.wire.poll_fill(cx, wanted) {
                Poll::Ready(Ok(n @ 1..)) => {
                    if !state.pace.moved(n as u64) {
                        return Poll::Ready(Some(Err(BodyError::ClientSlow)));
                    }
                }
                Poll::Ready(_) => return Poll::Ready(Some(Err(BodyError::ClientGone))),
                Poll::Pending => {
                    return state
                        .pace
                        .poll_too_slow(cx, &mut state.timer)
                        .map(|()| Some(Err(BodyError::ClientSlow)));
                }
            }
        }
    }
}
