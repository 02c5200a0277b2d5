//! A client's connection as the HTTP/2 library sees it: what was read from it already comes again first, and the control
//! frames in what comes are paid for out of its [`Budget`].
//!
//! Once that is spent nothing more is handed on, so whoever polls the connection can say goodbye.

use super::budget::Budget;
use super::frames::Frames;
use crate::stream::Stream;
use bytes::{Buf, BytesMut};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream with what was read from it put back.
pub(super) struct Inbound {
    stream: Stream,
    inbox: BytesMut,
    frames: Frames,
    budget: Rc<Budget>,
}

impl Inbound {
    /// `inbox`: what was read from the stream, from its first byte on.
    pub(super) fn new(stream: Stream, inbox: BytesMut, budget: Rc<Budget>) -> Self {
        Self { stream, inbox, frames: Frames::new(), budget }
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.inbox.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let n = self.inbox.len().min(buf.remaining());
        buf.put_slice(&self.inbox[..n]);
        self.inbox.advance(n);
        if self.inbox.is_empty() {
            self.inbox = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Inbound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.budget.is_spent() {
            return Poll::Pending; // Whoever polls us looks at the budget next.
        }
        let before = buf.filled().len();
        ready!(this.poll_bytes(cx, buf))?;
        let control = this.frames.control_in(&buf.filled()[before..]);
        if control > 0 {
            this.budget.spend(control);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Inbound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
