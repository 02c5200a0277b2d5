//! The body of a request on its way to an HTTP/2 upstream, and when it last moved.
//!
//! The library pulls the body in a task of its own, so whoever waits for the answer learns here whether the client is
//! the one that is waited for: then its own pace bounds the wait, and the endpoint's time does not run.
//!
//! Hot path: one reading of the clock for each frame of a body, none for requests without one.

use crate::body::{Body, BodyError};
use base::turn;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

/// When a request last moved.
#[derive(Debug)]
pub(super) struct Progress(Cell<State>);

#[derive(Clone, Copy, Debug)]
enum State {
    /// The upstream has been waited for since then.
    Upstream(Instant),
    /// The client is waited for.
    Client,
}

impl Progress {
    /// `began`: when the request was set out with.
    pub(super) fn new(began: Instant) -> Rc<Self> {
        Rc::new(Self(Cell::new(State::Upstream(began))))
    }

    /// From when the endpoint's time runs.
    pub(super) fn since(&self, now: Instant) -> Instant {
        match self.0.get() {
            State::Upstream(since) => since,
            State::Client => now,
        }
    }

    fn moved(&self) {
        self.0.set(State::Upstream(turn::now()));
    }
}

/// A body that tells of its progress.
#[derive(Debug)]
pub(super) struct Upload {
    body: Body,
    progress: Rc<Progress>,
}

impl Upload {
    pub(super) fn new(body: Body, progress: Rc<Progress>) -> Self {
        Self { body, progress }
    }

    /// The body, where it comes back unsent.
    pub(super) fn into_body(mut self) -> Body {
        std::mem::take(&mut self.body)
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = self.body.poll_next(cx);
        match polled {
            Poll::Ready(_) => self.progress.moved(),
            Poll::Pending => self.progress.0.set(State::Client),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.body)
    }
}

impl Drop for Upload {
    /// An upstream that wants no more of a body waits for nobody.
    fn drop(&mut self) {
        if matches!(self.progress.0.get(), State::Client) {
            self.progress.moved();
        }
    }
}
