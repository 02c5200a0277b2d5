//! Is the client still there while its answer is awaited?
//!
//! The end of what a client sends (FIN) does not say that it has left: `nc` and some health checkers end their side
//! right behind the request and read on. A client that has left in good order looks the same until something is written
//! to it, which its kernel answers with a reset. So the end of a complete request leaves the exchange a bounded time,
//! and a reset ends it at once.
//!
//! *Not here*: the end of a request that is not complete, which the body's reader sees.
//! Hot path: nothing beyond the read that waits for the next request anyway.

use super::request_body::Shared;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Pipelined bytes that may wait while a request is being answered.
const PIPELINE_MOST: usize = 64 * 1024;
/// How long a client that sends no more waits for the head of its answer. One that has left costs an endpoint so much
/// work for nothing, so it is what a health check takes and no more.
pub(super) const ANSWER_GRACE: Duration = Duration::from_secs(1);
/// How long the answer to a client that sends no more may be silent. Each piece that is written finds out whether
/// somebody is there, so only silence is bounded.
pub(super) const SILENCE_GRACE: Duration = Duration::from_secs(5);
/// How often the socket of a client that sends no more is looked at for a reset.
const LOOK: Duration = Duration::from_millis(50);

impl Shared {
    /// Ready when the client has gone: its connection is broken, or it sends no more and nothing has moved for `grace`.
    /// Bytes of later requests are kept.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>, grace: Duration) -> Poll<()> {
        if !self.decoder.is_done() {
            // Whoever pulls the body will see it. That may be another task, which then wakes this one at the body's end.
            if !self.watcher.as_ref().is_some_and(|watcher| watcher.will_wake(cx.waker())) {
                self.watcher = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        while self.ended.is_none() && self.wire.inbox.len() < PIPELINE_MOST {
            match ready!(self.wire.poll_fill(cx, 0)) {
                Ok(1..) => {}
                Ok(_) => self.ended = Some(Instant::now()),
                Err(_) => return Poll::Ready(()),
            }
        }
        match self.ended {
            Some(since) => self.poll_gone_behind_end(cx, since + grace),
            None => Poll::Pending,
        }
    }

    fn poll_gone_behind_end(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        loop {
            let now = Instant::now();
            if now >= deadline || self.wire.stream.is_severed() {
                return Poll::Ready(());
            }
            ready!(self.timer.poll_until(cx, deadline.min(now + LOOK)));
        }
    }

    /// Something was written to a client that sends no more: its time begins anew.
    pub(super) fn moved(&mut self) {
        if self.ended.is_some() {
            self.ended = Some(Instant::now());
        }
    }

    /// Will the client send no request beyond those that are here?
    pub(super) fn sends_no_more(&self) -> bool {
        self.ended.is_some() && self.wire.inbox.is_empty()
    }

    /// Wakes the task that watches the client, where that is not the one that polls now.
    pub(super) fn wake_watcher(&mut self, cx: &Context<'_>) {
        if let Some(watcher) = self.watcher.take().filter(|watcher| !watcher.will_wake(cx.waker())) {
            watcher.wake();
        }
    }
}
