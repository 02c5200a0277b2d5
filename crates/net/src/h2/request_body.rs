//! The body of an HTTP/2 request, with the same demands on its pace as in HTTP/1.

use crate::body::BodyError;
use crate::pace::{Pace, PaceLimits};
use crate::timer::Timer;
use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The body of an HTTP/2 request.
#[derive(Debug)]
pub(crate) struct RequestBody {
    incoming: Incoming,
    pace: Pace,
    timer: Timer,
    received: Rc<Cell<u64>>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, limits: PaceLimits, received: Rc<Cell<u64>>) -> Box<Self> {
        Box::new(Self { incoming, pace: Pace::new(limits), timer: Timer::default(), received })
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, |d| d.len() as u64);
                self.received.set(self.received.get() + bytes);
                let keeps_up = self.pace.moved(bytes);
                Poll::Ready(Some(if keeps_up { Ok(frame) } else { Err(BodyError::ClientSlow) }))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(BodyError::ClientGone))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                self.pace.poll_too_slow(cx, &mut self.timer).map(|()| Some(Err(BodyError::ClientSlow)))
            }
        }
    }
}
