//! The body of a request that may be sent more than once.
//!
//! The client's body is read once. What the first attempt takes is kept beside, up to a bound; a later attempt reads
//! what was kept and goes on where the first one stopped. A body that outgrows the bound is passed on as it is and
//! cannot be sent again. Wrapping costs one allocation and copies each piece; requests without a body, and those that
//! may not be repeated, are never wrapped.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use net::{Body, BodyError};
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A body with the memory of what was read from it.
#[derive(Clone, Debug)]
pub struct Replay(Rc<RefCell<Source>>);

#[derive(Debug)]
struct Source {
    body: Body,
    length: Option<u64>,
    kept: BytesMut,
    trailers: Option<HeaderMap>,
    most: usize,
    state: State,
    /// The reader that was given out last. An attempt that was given up may go on reading for a while, and must not
    /// take the wake-ups of the next one.
    reader: u32,
}

#[derive(Clone, Debug)]
enum State {
    /// More may come; all that came was kept.
    Open,
    /// All of it was kept.
    Whole,
    /// It is too large to be kept. What was kept is gone.
    TooLarge,
    /// It broke off.
    Broken(BodyError),
}

/// One attempt's way through it.
struct Reader {
    source: Rc<RefCell<Source>>,
    at: usize,
    number: u32,
    trailers_given: bool,
}

impl Replay {
    /// Over that body, of which up to `most` bytes are kept.
    pub(crate) fn over(body: Body, most: usize) -> Self {
        let length = body.length();
        let source = Source {
            length,
            body,
            kept: BytesMut::new(),
            trailers: None,
            most,
            state: State::Open,
            reader: 0,
        };
        Self(Rc::new(RefCell::new(source)))
    }

    /// The body from its beginning, for one attempt. Only while [`Replay::is_whole`].
    pub(crate) fn reader(&self) -> Body {
        let mut source = self.0.borrow_mut();
        source.reader += 1;
        let number = source.reader;
        Body::made(Box::pin(Reader { source: Rc::clone(&self.0), at: 0, number, trailers_given: false }))
    }

    /// Can it be sent from its beginning?
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.0.borrow().state, State::Open | State::Whole)
    }

    /// Has all of it arrived, and was it kept? Then two attempts may read it side by side.
    pub fn is_complete(&self) -> bool {
        matches!(self.0.borrow().state, State::Whole)
    }

    /// A copy of the whole body; `None` unless it [is complete](Self::is_complete).
    pub fn copy(&self) -> Option<Body> {
        self.is_complete().then(|| self.reader())
    }
}

impl Source {
    /// The next frame of the client's body, kept where there is room.
    fn poll_fresh(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = self.body.poll_next(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.keep(data);
                } else if let Some(trailers) = frame.trailers_ref() {
                    self.trailers = Some(trailers.clone());
                    // Nothing can follow, and not everybody asks.
                    if matches!(self.state, State::Open) {
                        self.state = State::Whole;
                    }
                }
            }
            Poll::Ready(None) if matches!(self.state, State::Open) => self.state = State::Whole,
            Poll::Ready(Some(Err(e))) => self.state = State::Broken(e.clone()),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn keep(&mut self, data: &Bytes) {
        if matches!(self.state, State::Open) {
            if self.kept.len() + data.len() <= self.most {
                self.kept.extend_from_slice(data);
                // Who knows the length does not ask for more.
                if self.length == Some(self.kept.len() as u64) {
                    self.state = State::Whole;
                }
            } else {
                self.state = State::TooLarge;
                self.kept = BytesMut::new();
            }
        }
    }
}

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let mut source = this.source.borrow_mut();
        if let State::Broken(e) = &source.state {
            return Poll::Ready(Some(Err(e.clone())));
        }
        if this.at < source.kept.len() {
            let again = Bytes::copy_from_slice(&source.kept[this.at..]);
            this.at = source.kept.len();
            return Poll::Ready(Some(Ok(Frame::data(again))));
        }
        if let State::Whole = source.state {
            let trailers = source.trailers.clone().filter(|_| !this.trailers_given);
            this.trailers_given = true;
            return Poll::Ready(trailers.map(|t| Ok(Frame::trailers(t))));
        }
        if this.number != source.reader {
            return Poll::Ready(Some(Err(BodyError::Made("another attempt has the body now".to_owned()))));
        }
        let polled = source.poll_fresh(cx);
        this.at = source.kept.len();
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            this.trailers_given |= frame.is_trailers();
        }
        polled
    }

    fn size_hint(&self) -> SizeHint {
        let source = self.source.borrow();
        // What is told is told before the first frame: the length of the whole body.
        source.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn read(body: Body) -> Result<Bytes, BodyError> {
        Ok(body.collect().await?.to_bytes())
    }

    fn pieces<const N: usize>(
        pieces: [&'static str; N],
    ) -> impl http_body::Body<Data = Bytes, Error = BodyError> {
        let frames = pieces.into_iter().map(|piece| Ok(Frame::data(Bytes::from(piece))));
        http_body_util::StreamBody::new(futures_util::stream::iter(frames))
    }

    #[tokio::test]
    async fn a_small_body_can_be_sent_from_its_beginning_as_often_as_wanted() {
        let replay = Replay::over(Body::full("hello"), 64);
        assert_eq!(replay.reader().length(), Some(5));
        assert!(replay.is_whole() && !replay.is_complete() && replay.copy().is_none());
        for _ in 0..3 {
            assert_eq!(read(replay.reader()).await.unwrap(), "hello");
            assert!(replay.is_complete());
        }
        assert_eq!(read(replay.copy().unwrap()).await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn an_attempt_that_stopped_in_the_middle_is_followed_by_one_that_has_all() {
        let replay = Replay::over(Body::made(Box::pin(pieces(["one ", "two ", "three "]))), 64);
        let mut first = replay.reader();
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "one ");
        drop(first);
        assert!(replay.is_whole());
        assert_eq!(read(replay.reader()).await.unwrap(), "one two three ");
    }

    #[tokio::test]
    async fn an_attempt_that_was_given_up_takes_nothing_from_the_next() {
        let replay = Replay::over(Body::made(Box::pin(pieces(["one ", "two "]))), 64);
        let mut first = replay.reader();
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "one ");
        let second = replay.reader();
        assert!(first.frame().await.unwrap().is_err());
        assert_eq!(read(second).await.unwrap(), "one two ");
    }

    #[tokio::test]
    async fn a_body_of_known_length_is_complete_with_its_last_byte() {
        let replay = Replay::over(Body::full("hello"), 64);
        let _ = replay.reader().frame().await.unwrap();
        assert!(replay.is_complete());
    }

    #[tokio::test]
    async fn a_body_beyond_the_bound_passes_once_and_is_not_whole_again() {
        let replay = Replay::over(Body::full("0123456789"), 9);
        assert_eq!(read(replay.reader()).await.unwrap(), "0123456789");
        assert!(!replay.is_whole() && replay.copy().is_none());
    }

    #[tokio::test]
    async fn a_body_that_broke_off_is_broken_for_every_attempt() {
        let mut body = Body::full("0123456789");
        body.limit(4);
        let replay = Replay::over(body, 64);
        assert!(matches!(read(replay.reader()).await, Err(BodyError::TooLarge(4))));
        assert!(!replay.is_whole());
        assert!(matches!(read(replay.reader()).await, Err(BodyError::TooLarge(4))));
    }

    #[tokio::test]
    async fn trailers_come_again_too() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        let frames = vec![Ok(Frame::data(Bytes::from("data"))), Ok(Frame::trailers(trailers))];
        let body = Body::made(Box::pin(http_body_util::StreamBody::new(futures_util::stream::iter(frames))));
        let replay = Replay::over(body, 64);
        let mut first = replay.reader();
        assert!(first.frame().await.unwrap().unwrap().is_data());
        assert!(first.frame().await.unwrap().unwrap().is_trailers(), "whoever has the trailers asks no more");
        for _ in 0..2 {
            let all = replay.reader().collect().await.unwrap();
            assert_eq!(all.trailers().unwrap()["x-sum"], "7");
            assert_eq!(all.to_bytes(), "data");
        }
    }
}
