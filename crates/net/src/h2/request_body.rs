//! The body of an HTTP/2 request, with the same demands on its pace as in HTTP/1.

use crate::body::BodyError;
use crate::pace::{Pace, PaceLimits};
use crate::timer::Timer;
use crate::trailers::retain_allowed;
use bytes::Bytes;
use h2::RecvStream;
use http_body::Frame;
use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// The body of an HTTP/2 request.
#[derive(Debug)]
pub(crate) struct RequestBody {
    incoming: RecvStream,
    length: Option<u64>,
    pace: Pace,
    timer: Timer,
    received: Rc<Cell<u64>>,
    trailers: bool,
}

impl RequestBody {
    /// `length`: what `Content-Length` says, which the library holds the client to.
    pub(crate) fn new(
        incoming: RecvStream,
        length: Option<u64>,
        limits: PaceLimits,
        received: Rc<Cell<u64>>,
    ) -> Box<Self> {
        let (pace, timer) = (Pace::new(limits), Timer::default());
        Box::new(Self { incoming, length, pace, timer, received, trailers: false })
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.trailers {
            let trailers = ready!(self.incoming.poll_trailers(cx));
            self.trailers = false;
            return Poll::Ready(match trailers {
                Ok(None) => None,
                Ok(Some(mut trailers)) => {
                    retain_allowed(&mut trailers);
                    Some(Ok(Frame::trailers(trailers)))
                }
                Err(_) => Some(Err(BodyError::ClientGone)),
            });
        }
        match self.incoming.poll_data(cx) {
            Poll::Ready(Some(Ok(data))) => {
                let bytes = data.len();
                self.received.set(self.received.get() + bytes as u64);
                // Taken: the client may send as much again.
                let released = self.incoming.flow_control().release_capacity(bytes);
                Poll::Ready(Some(match (released, self.pace.moved(bytes as u64)) {
                    (Err(_), _) => Err(BodyError::ClientGone),
                    (Ok(()), false) => Err(BodyError::ClientSlow),
                    (Ok(()), true) => Ok(Frame::data(data)),
                }))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(BodyError::ClientGone))),
            Poll::Ready(None) => {
                self.trailers = true;
                self.poll_next(cx)
            }
            Poll::Pending => {
                self.pace.poll_too_slow(cx, &mut self.timer).map(|()| Some(Err(BodyError::ClientSlow)))
            }
        }
    }
}
