//! The body of an HTTP/2 response, with what rides along, and a watch on clients that do not take it.
//!
//! hyper pulls a frame only when the client's window has room. So the time between a frame that was given and the next
//! pull is the client's, and a client that never opens its window (slow read) shows as a long one.

use crate::body::{Body, BodyError};
use crate::pace::{Pace, PaceLimits};
use crate::service::{Delivery, End, Ride};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

/// What a connection's guardian knows of its streams.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    streams: RefCell<Vec<Weak<Stream>>>,
    ended: Cell<Option<Instant>>,
}

/// One stream, from its request to the last byte of its response.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Since when its client has taken nothing of what it was given.
    waiting: Cell<Option<Instant>>,
    /// Bytes of the request's body.
    pub(crate) received: Rc<Cell<u64>>,
    ledger: Weak<Ledger>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(ledger) = self.ledger.upgrade() {
            ledger.ended.set(Some(Instant::now()));
        }
    }
}

impl Ledger {
    pub(crate) fn open(self: &Rc<Self>) -> Rc<Stream> {
        let stream = Rc::new(Stream {
            waiting: Cell::default(),
            received: Rc::default(),
            ledger: Rc::downgrade(self),
        });
        let mut streams = self.streams.borrow_mut();
        // The list is as long as twice what is open at the same time.
        if streams.len() == streams.capacity() {
            streams.retain(|s| s.strong_count() > 0);
        }
        streams.push(Rc::downgrade(&stream));
        stream
    }

    /// Since when no stream is open, if that is so. `began`: when the connection did.
    pub(crate) fn idle_since(&self, began: Instant) -> Option<Instant> {
        self.streams.borrow_mut().retain(|s| s.strong_count() > 0);
        self.streams.borrow().is_empty().then(|| self.ended.get().unwrap_or(began))
    }

    /// Since when some stream's client has taken nothing, if one has not.
    pub(crate) fn stalled_since(&self) -> Option<Instant> {
        self.streams.borrow().iter().filter_map(|s| s.upgrade()?.waiting.get()).min()
    }
}

/// A response's body on its way to an HTTP/2 client.
#[derive(Debug)]
pub(crate) struct Riding<R: Ride> {
    body: Body,
    ride: Option<R>,
    stream: Rc<Stream>,
    bytes: u64,
    given: u64,
    end: End,
    pace: Pace,
}

impl<R: Ride> Riding<R> {
    pub(crate) fn new(body: Body, ride: Option<R>, stream: Rc<Stream>, write: PaceLimits) -> Self {
        let end = if body.is_empty() { End::Complete } else { End::ClientGone };
        Self { body, ride, stream, bytes: 0, given: 0, end, pace: Pace::new(write) }
    }
}

impl<R: Ride> http_body::Body for Riding<R> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(since) = this.stream.waiting.take()
            && !this.pace.moved_after(since.elapsed(), this.given)
        {
            this.end = End::ClientSlow;
            return Poll::Ready(Some(Err(BodyError::ClientSlow)));
        }
        let polled = this.body.poll_next(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.given = frame.data_ref().map_or(0, |d| d.len() as u64);
                this.bytes += this.given;
                if this.body.is_empty() {
                    this.end = End::Complete;
                } else {
                    this.stream.waiting.set(Some(Instant::now()));
                }
            }
            Poll::Ready(Some(Err(e))) => this.end = if e.is_clients() { End::ClientGone } else { End::Cut },
            Poll::Ready(None) => this.end = End::Complete,
            Poll::Pending => {}
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

impl<R: Ride> Drop for Riding<R> {
    fn drop(&mut self) {
        if let Some(ride) = self.ride.take() {
            ride.depart(Delivery {
                bytes_in: self.stream.received.get(),
                bytes_out: self.bytes,
                end: self.end,
            });
        }
    }
}
