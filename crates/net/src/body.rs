//! Bodies: one type for every version and direction, pulled frame by frame, never buffered whole.
//!
//! It is an `http_body::Body`, so compression, caches and libraries can wrap it. A body that is dropped before its end
//! closes what it came from: an HTTP/1 connection is not reused, an HTTP/2 stream is reset.

use crate::file::FileBody;
use crate::sequence::Sequence;
use crate::{h1, h2};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Why a body ended before its end.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BodyError {
    /// The client closed its connection or reset its stream.
    #[error("the client went away")]
    ClientGone,
    /// The client sent, or took, too slowly.
    #[error("the client was too slow")]
    ClientSlow,
    /// The client's body is malformed.
    #[error("{0}")]
    Malformed(h1::Reject),
    /// The body is larger than its route allows.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// The upstream closed in the middle of its answer, or sent a malformed one.
    #[error("the upstream cut its answer short: {0}")]
    UpstreamCut(String),
    /// The upstream fell silent in the middle of its answer.
    #[error("the upstream fell silent in the middle of its answer")]
    UpstreamSilent,
    /// A stage of the road failed to make the body.
    #[error("{0}")]
    Made(String),
}

impl BodyError {
    /// Is the client the cause?
    pub fn is_clients(&self) -> bool {
        matches!(self, Self::ClientGone | Self::ClientSlow | Self::Malformed(_) | Self::TooLarge(_))
    }
}

/// A body that some stage of the road made or wrapped.
pub type BoxedBody = Pin<Box<dyn http_body::Body<Data = Bytes, Error = BodyError>>>;

/// The body of a request or a response.
#[derive(Debug, Default)]
pub struct Body {
    kind: Kind,
    /// How many bytes may still come, and the limit as it was set.
    limit: Option<(u64, u64)>,
    /// What was taken before and comes again.
    again: Option<Box<Again>>,
}

/// Frames that a failed attempt had taken, for the next attempt.
#[derive(Debug)]
struct Again {
    frames: std::collections::VecDeque<Bytes>,
    length: Option<u64>,
}

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    /// Nothing follows, but the head tells how long it would be (answers to HEAD, 304).
    Announced(u64),
    Full(Bytes),
    ClientH1(h1::RequestBody),
    UpstreamH1(Box<h1::ResponseBody>),
    ClientH2(Box<h2::RequestBody>),
    UpstreamH2(hyper::body::Incoming),
    Made(BoxedBody),
    File(Box<FileBody>),
    Sequence(Box<Sequence>),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Announced(_) => "Announced",
            Self::Full(_) => "Full",
            Self::ClientH1(_) => "ClientH1",
            Self::UpstreamH1(_) => "UpstreamH1",
            Self::ClientH2(_) => "ClientH2",
            Self::UpstreamH2(_) => "UpstreamH2",
            Self::Made(_) => "Made",
            Self::File(_) => "File",
            Self::Sequence(_) => "Sequence",
        })
    }
}

impl From<Kind> for Body {
    fn from(kind: Kind) -> Self {
        Self { kind, limit: None, again: None }
    }
}

impl Body {
    /// No body.
    pub fn empty() -> Self {
        Self::default()
    }

    /// No body, in answer to a request that wanted to know its length only.
    pub fn announced(length: u64) -> Self {
        Kind::Announced(length).into()
    }

    /// These bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { Self::empty() } else { Kind::Full(bytes).into() }
    }

    /// A body made or wrapped by a stage of the road.
    pub fn made(body: BoxedBody) -> Self {
        Kind::Made(body).into()
    }

    /// `length` bytes of a file from `offset` on, read as they are taken; on plain HTTP/1 over TCP the kernel sends them
    /// without a copy. A file that has become shorter meanwhile ends the body as [`BodyError::Made`].
    pub fn file(file: Arc<File>, offset: u64, length: u64) -> Self {
        if length == 0 {
            return Self::empty();
        }
        Kind::File(Box::new(FileBody::new(file, offset, length))).into()
    }

    /// These bodies, one after the other. Its length is the sum of theirs, where all are known.
    pub fn sequence(parts: Vec<Self>) -> Self {
        let sequence = Sequence::new(parts);
        if sequence.is_empty() { Self::empty() } else { Kind::Sequence(Box::new(sequence)).into() }
    }

    pub(crate) fn client_h1(body: h1::RequestBody) -> Self {
        Kind::ClientH1(body).into()
    }

    pub(crate) fn upstream_h1(body: Box<h1::ResponseBody>) -> Self {
        Kind::UpstreamH1(body).into()
    }

    pub(crate) fn client_h2(body: Box<h2::RequestBody>) -> Self {
        Kind::ClientH2(body).into()
    }

    pub(crate) fn upstream_h2(body: hyper::body::Incoming) -> Self {
        if http_body::Body::is_end_stream(&body) { Self::empty() } else { Kind::UpstreamH2(body).into() }
    }

    /// Refuses more than `bytes` bytes: the frame that goes beyond is [`BodyError::TooLarge`].
    pub fn limit(&mut self, bytes: u64) {
        self.limit = Some((bytes, bytes));
    }

    /// Puts frames that were taken back in front, so that they come again. `length`: of the whole body.
    pub(crate) fn put_back(&mut self, frames: Vec<Bytes>, length: Option<u64>) {
        if frames.is_empty() {
            return;
        }
        let mut frames = std::collections::VecDeque::from(frames);
        if let Some(again) = self.again.take() {
            // An attempt that failed early has left some of what was put back before it.
            frames.extend(again.frames);
        }
        self.again = Some(Box::new(Again { frames, length }));
    }

    /// Is there nothing to send?
    pub fn is_empty(&self) -> bool {
        self.again.is_none() && matches!(self.kind, Kind::Empty | Kind::Announced(_))
    }

    /// Has it files that the kernel may send by itself?
    pub(crate) fn has_direct(&self) -> bool {
        match &self.kind {
            Kind::File(_) => self.is_direct(),
            Kind::Sequence(sequence) => !self.is_bound() && sequence.any(Self::has_direct),
            _ => false,
        }
    }

    /// Is what comes next of it a file that the kernel may send by itself?
    pub(crate) fn is_direct(&self) -> bool {
        match &self.kind {
            Kind::File(file) => !self.is_bound() && file.is_direct(),
            Kind::Sequence(sequence) => !self.is_bound() && sequence.front().is_some_and(Self::is_direct),
            _ => false,
        }
    }

    /// That file.
    pub(crate) fn direct_mut(&mut self) -> Option<&mut FileBody> {
        match &mut self.kind {
            Kind::File(file) => Some(file),
            Kind::Sequence(sequence) => sequence.front_mut()?.direct_mut(),
            _ => None,
        }
    }

    /// Must each of its bytes pass through [`Self::poll_next`]?
    fn is_bound(&self) -> bool {
        self.limit.is_some() || self.again.is_some()
    }

    /// Is there no body, and no word of how long one would be?
    pub(crate) fn tells_nothing(&self) -> bool {
        self.again.is_none() && matches!(self.kind, Kind::Empty)
    }

    /// Its length in bytes where that is known before its end; for an announced one, what was announced.
    pub fn length(&self) -> Option<u64> {
        if let Some(again) = &self.again {
            return again.length;
        }
        match &self.kind {
            Kind::Empty => Some(0),
            Kind::Announced(n) => Some(*n),
            Kind::Full(bytes) => Some(bytes.len() as u64),
            Kind::ClientH1(body) => body.length(),
            Kind::UpstreamH1(body) => body.length(),
            Kind::ClientH2(body) => body.length(),
            Kind::UpstreamH2(body) => http_body::Body::size_hint(body).exact(),
            Kind::Made(body) => body.size_hint().exact(),
            Kind::File(file) => Some(file.left()),
            Kind::Sequence(sequence) => sequence.length(),
        }
    }

    /// Polls the next frame. Inherent, so that callers need no pin: a `Body` can always be moved.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(again) = &mut self.again {
            match again.frames.pop_front() {
                Some(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                None => self.again = None,
            }
        }
        let polled = match &mut self.kind {
            Kind::Empty | Kind::Announced(_) => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.kind = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::ClientH1(body) => body.poll_next(cx),
            Kind::UpstreamH1(body) => body.poll_next(cx),
            Kind::ClientH2(body) => body.poll_next(cx),
            Kind::UpstreamH2(body) => http_body::Body::poll_frame(Pin::new(body), cx)
                .map(|frame| frame.map(|f| f.map_err(|e| BodyError::UpstreamCut(e.to_string())))),
            Kind::Made(body) => body.as_mut().poll_frame(cx),
            Kind::File(file) => {
                let polled = file.poll_next(cx);
                if file.left() == 0 {
                    self.kind = Kind::Empty;
                }
                polled
            }
            Kind::Sequence(sequence) => {
                let polled = sequence.poll_next(cx);
                if sequence.is_empty() {
                    self.kind = Kind::Empty;
                }
                polled
            }
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some((left, limit)), Some(data)) = (&mut self.limit, frame.data_ref()) {
                    let Some(rest) = left.checked_sub(data.len() as u64) else {
                        let limit = *limit;
                        self.kind = Kind::Empty;
                        return Poll::Ready(Some(Err(BodyError::TooLarge(limit))));
                    };
                    *left = rest;
                }
            }
            Poll::Ready(None | Some(Err(_))) => self.kind = Kind::Empty,
            Poll::Pending => {}
        }
        polled
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.poll_next(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.length() {
            Some(_) if self.is_empty() => SizeHint::with_exact(0),
            Some(n) => SizeHint::with_exact(n),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests;
