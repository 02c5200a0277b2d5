//! A body that is on its way to the cache, read by one client: all of it, or a part.

use bytes::Bytes;
use cache::{ByteRange, FlowReader};
use http_body::{Frame, SizeHint};
use net::{Body, BodyError};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

struct Poured {
    reader: FlowReader,
    /// Bytes to pass over first.
    skip: u64,
    /// Bytes that are still to come, where that is known.
    left: Option<u64>,
    ended: bool,
}

/// What the reader gets, from its beginning; or that part of it.
pub(crate) fn poured(reader: FlowReader, part: Option<ByteRange>) -> Body {
    let (skip, left) = match part {
        Some(part) => (part.first, Some(part.last - part.first + 1)),
        None => (0, reader.length()),
    };
    if left == Some(0) {
        return Body::empty();
    }
    Body::made(Box::pin(Poured { reader, skip, left, ended: false }))
}

impl http_body::Body for Poured {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        loop {
            if this.ended || this.left == Some(0) {
                this.ended = true;
                return Poll::Ready(None);
            }
            let mut bytes = match ready!(this.reader.poll_next(cx)) {
                Some(Ok(bytes)) => bytes,
                Some(Err(cut)) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(BodyError::UpstreamCut(cut.to_string()))));
                }
                None => {
                    this.ended = true;
                    return Poll::Ready(this.left.filter(|left| *left > 0).map(|_| Err(cut_short())));
                }
            };
            let passed = usize::try_from(this.skip).unwrap_or(usize::MAX).min(bytes.len());
            this.skip -= passed as u64;
            let _ = bytes.split_to(passed);
            if let Some(left) = &mut this.left {
                bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= bytes.len() as u64;
            }
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn cut_short() -> BodyError {
    BodyError::UpstreamCut("it ended before its end".to_owned())
}
