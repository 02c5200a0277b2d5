//! The body of an HTTP/2 upstream's answer: counted as an open exchange, and never silent for longer than it may be.

use super::client::Open;
use crate::body::{Body, BodyError};
use crate::timer::Timer;
use crate::trailers::retain_allowed;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The body of an answer that came over HTTP/2.
pub(super) struct ResponseBody {
    incoming: Body,
    idle: Duration,
    timer: Timer,
    waiting_since: Option<Instant>,
    _open: Open,
}

impl ResponseBody {
    /// `idle`: the longest silence.
    pub(super) fn new(incoming: Body, idle: Duration, open: Open) -> Self {
        Self { incoming, idle, timer: Timer::default(), waiting_since: None, _open: open }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        match this.incoming.poll_next(cx) {
            Poll::Pending => {
                let since = *this.waiting_since.get_or_insert_with(Instant::now);
                this.timer.poll_until(cx, since + this.idle).map(|()| Some(Err(BodyError::UpstreamSilent)))
            }
            Poll::Ready(mut frame) => {
                this.waiting_since = None;
                if let Some(trailers) = frame.as_mut().and_then(|f| f.as_mut().ok()?.trailers_mut()) {
                    retain_allowed(trailers);
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.incoming)
    }
}
