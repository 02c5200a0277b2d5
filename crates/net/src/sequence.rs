//! Several bodies one after the other: the parts of a multipart answer, or a file with something around it.

use crate::body::{Body, BodyError};
use bytes::Bytes;
use http_body::Frame;
use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

/// The bodies that are left. None of them is empty.
#[derive(Debug)]
pub(crate) struct Sequence {
    parts: VecDeque<Body>,
}

impl Sequence {
    pub(crate) fn new(parts: Vec<Body>) -> Self {
        Self { parts: parts.into_iter().filter(|part| !part.is_empty()).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// All that is left, where each part knows its own length.
    pub(crate) fn length(&self) -> Option<u64> {
        self.parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.length()?))
    }

    /// The part that comes next.
    pub(crate) fn front_mut(&mut self) -> Option<&mut Body> {
        self.parts.front_mut()
    }

    pub(crate) fn front(&self) -> Option<&Body> {
        self.parts.front()
    }

    /// Is one of the parts like that?
    pub(crate) fn any(&self, is: impl Fn(&Body) -> bool) -> bool {
        self.parts.iter().any(is)
    }

    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        while let Some(part) = self.parts.front_mut() {
            let frame = ready!(part.poll_next(cx));
            if part.is_empty() {
                self.parts.pop_front();
            }
            match frame {
                // The trailers of a part are not those of the whole.
                Some(Ok(frame)) if !frame.is_data() => {}
                Some(given) => return Poll::Ready(Some(given)),
                None => {}
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, StreamBody};

    fn frames(frames: Vec<Frame<Bytes>>) -> Body {
        let frames = futures_util::stream::iter(frames.into_iter().map(Ok));
        Body::made(Box::pin(StreamBody::new(frames)))
    }

    #[tokio::test]
    async fn parts_come_in_order_and_lengths_are_added_up() {
        let nested = Body::sequence(vec![Body::full("c"), Body::full("d")]);
        let parts = vec![Body::empty(), Body::full("ab"), nested, Body::announced(7), Body::full("e")];
        let mut body = Body::sequence(parts);
        assert_eq!(body.length(), Some(5));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ab");
        assert_eq!(body.length(), Some(3));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "cde");
    }

    #[tokio::test]
    async fn a_sequence_is_empty_with_its_last_byte() {
        assert!(Body::sequence(vec![]).is_empty());
        assert!(Body::sequence(vec![Body::empty()]).is_empty());
        let mut body = Body::sequence(vec![Body::full("a"), Body::full("b")]);
        body.frame().await.unwrap().unwrap();
        assert!(!body.is_empty());
        body.frame().await.unwrap().unwrap();
        assert!(body.is_empty());
    }

    #[tokio::test]
    async fn a_part_of_unknown_length_makes_the_length_unknown_and_its_trailers_stay_behind() {
        let part = frames(vec![Frame::data("a".into()), Frame::trailers(http::HeaderMap::new())]);
        let body = Body::sequence(vec![part, Body::full("b")]);
        assert_eq!(body.length(), None);
        let all = body.collect().await.unwrap();
        assert!(all.trailers().is_none());
        assert_eq!(all.to_bytes(), "ab");
    }

    #[tokio::test]
    async fn the_failure_of_a_part_is_the_failure_of_the_whole() {
        let mut failing = Body::full("0123456789");
        failing.limit(9);
        let body = Body::sequence(vec![Body::full("a"), failing, Body::full("b")]);
        assert!(matches!(body.collect().await, Err(BodyError::TooLarge(9))));
    }
}
