//! A response that is sent no faster than its route allows.

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use limit::Pacer;
use net::{Body, BodyError};
use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::time::{Sleep, sleep};

/// Bytes that are handed on at a time at most: small beside a second's worth, so that sending is even.
const PIECE: usize = 16 * 1024;

/// A body that waits between pieces.
pub(crate) struct Paced {
    body: Body,
    pacer: Pacer,
    since: Instant,
    /// What came and is not sent yet.
    left: Bytes,
    wait: Option<Pin<Box<Sleep>>>,
}

/// The same body, no faster than so many bytes a second.
pub(crate) fn paced(body: Body, rate: NonZeroU64) -> Body {
    if body.is_empty() {
        return body;
    }
    let pacer = Pacer::new(rate, rate.get().max(PIECE as u64));
    Body::made(Box::pin(Paced { body, pacer, since: Instant::now(), left: Bytes::new(), wait: None }))
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Some(wait) = &mut this.wait {
            ready!(wait.as_mut().poll(cx));
            this.wait = None;
        }
        if this.left.is_empty() {
            match ready!(this.body.poll_next(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.left = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = this.left.split_to(this.left.len().min(PIECE));
        let now = u64::try_from(this.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let wait = this.pacer.wait_for(piece.len() as u64, now);
        if !wait.is_zero() {
            this.wait = Some(Box::pin(sleep(wait)));
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        // What is left here was counted by the body that it came from.
        match self.body.length() {
            Some(rest) => SizeHint::with_exact(rest + self.left.len() as u64),
            None => SizeHint::default(),
        }
    }
}
