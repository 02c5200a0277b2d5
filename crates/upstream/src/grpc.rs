//! The status of a gRPC call stands in its trailers: what an endpoint's health is judged by comes with the last frame.
//!
//! The head of such an answer says nothing: were it counted as good, a row of failures would never get longer than one.
//! Only answers that say they are gRPC are watched, for one allocation each.

use crate::judge;
use crate::permit::{Permit, Pupil};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use message::Name;
use net::{Answer, Body, BodyError};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The answer, watched to its trailers where they hold the outcome.
pub(crate) fn watched(mut answer: Answer, permit: &mut Permit) -> Answer {
    if is_open_call(&answer) {
        let body = std::mem::take(&mut answer.body);
        answer.body = Body::made(Box::pin(Watched { body, pupil: Some(permit.pupil()) }));
    }
    answer
}

/// Is it an answer whose outcome is still to come?
pub(crate) fn is_open_call(answer: &Answer) -> bool {
    !answer.body.is_empty()
        && answer.head.fields.get(Name::ContentType).is_some_and(|t| t.starts_with(b"application/grpc"))
        && !answer.head.fields.has(Name::GrpcStatus)
}

struct Watched {
    body: Body,
    pupil: Option<Pupil>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = self.body.poll_next(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
            && let Some(pupil) = self.pupil.take()
        {
            let status = trailers.get("grpc-status").and_then(|s| s.to_str().ok()?.trim().parse().ok());
            if let Some(seen) = status.and_then(|s| judge::by_grpc(s, Duration::ZERO).seen) {
                pupil.learn(seen);
            }
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
