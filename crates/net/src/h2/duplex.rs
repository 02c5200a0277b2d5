//! One HTTP/2 stream as a pair of byte streams: a tunnel that was opened with extended CONNECT (RFC 8441).

use super::budget::Budget;
use bytes::{Buf, Bytes};
use h2::{Reason, RecvStream, SendStream};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream's two directions.
#[derive(Debug)]
pub struct Duplex {
    incoming: RecvStream,
    outgoing: SendStream<Bytes>,
    /// What came and was not read yet.
    inbox: Bytes,
    /// What is sent pays for the windows that the client opens.
    budget: Rc<Budget>,
}

impl Duplex {
    pub(crate) fn new(incoming: RecvStream, outgoing: SendStream<Bytes>, budget: Rc<Budget>) -> Self {
        Self { incoming, outgoing, inbox: Bytes::new(), budget }
    }
}

impl AsyncRead for Duplex {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.inbox.is_empty() {
            match ready!(self.incoming.poll_data(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(Ok(data)) => self.inbox = data,
                // RFC 8441 section 5: a reset with CANCEL stands for a closed connection.
                Some(Err(e)) if matches!(e.reason(), Some(Reason::CANCEL | Reason::NO_ERROR)) => {
                    return Poll::Ready(Ok(()));
                }
                Some(Err(e)) => return Poll::Ready(Err(failed(e))),
            }
        }
        let n = self.inbox.len().min(buf.remaining());
        buf.put_slice(&self.inbox[..n]);
        self.inbox.advance(n);
        Poll::Ready(self.incoming.flow_control().release_capacity(n).map_err(failed))
    }
}

impl AsyncWrite for Duplex {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.outgoing.reserve_capacity(buf.len());
        while self.outgoing.capacity() == 0 {
            match ready!(self.outgoing.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(e)) => return Poll::Ready(Err(failed(e))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let n = self.outgoing.capacity().min(buf.len());
        self.outgoing.send_data(Bytes::copy_from_slice(&buf[..n]), false).map_err(failed)?;
        self.budget.sent(n);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection's own task writes what was handed to it.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A stream that has ended already needs no second end.
        let _ = self.outgoing.send_data(Bytes::new(), true);
        Poll::Ready(Ok(()))
    }
}

fn failed(error: h2::Error) -> io::Error {
    if error.is_io() {
        error.into_io().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())
    } else {
        io::Error::other(error)
    }
}
