//! A connection with what was read from it and not yet taken, and what is to be written and has not left.
//!
//! A connection that waits holds no buffer: small reads go through one scratch buffer of the thread, and only what
//! arrived is kept. Large bodies are read straight into blocks that are handed on without a copy.

use crate::stream::Stream;
use bytes::{Buf, Bytes, BytesMut};
use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Bytes of one small read: a head and a small body come in one.
const SCRATCH: usize = 16 * 1024;
/// Largest block of one large read. 128 KiB was the knee of throughput against memory for 1 MiB bodies.
const LARGE_READ: usize = 128 * 1024;
/// Pieces up to this size are copied behind each other and leave in one write; larger ones are written where they lie.
const COPY_MOST: usize = 8 * 1024;
/// Once this much waits to be written, nothing more is put beside it.
const OUTBOX_FULL: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// One connection's two directions.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: Stream,
    pub(crate) inbox: BytesMut,
    pub(crate) outbox: Outbox,
    /// Whatever shall live as long as the connection.
    #[expect(dead_code, reason = "held, never looked at")]
    pub(crate) lease: Option<Box<dyn Any>>,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, inbox: BytesMut::new(), outbox: Outbox::default(), lease: None }
    }

    /// Reads what is there into the inbox. `wanted`: how many bytes are known to follow, if any. 0: the other side has
    /// closed its direction.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, wanted: u64) -> Poll<io::Result<usize>> {
        if wanted > SCRATCH as u64 {
            let block = usize::try_from(wanted).unwrap_or(LARGE_READ).min(LARGE_READ);
            // What is handed on holds its whole block. A sender of single bytes shall not be given one for each.
            if self.inbox.capacity() - self.inbox.len() < block / 2 {
                self.inbox.reserve(block);
            }
            return pin!(self.stream.read_buf(&mut self.inbox)).poll(cx);
        }
        BUFFER.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            self.inbox.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    /// Writes the outbox until it is empty.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbox.is_empty() {
            ready!(self.outbox.poll_write_to(cx, &mut self.stream))?;
        }
        // TLS keeps records of its own that must leave too.
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}

/// What waits to be written: small pieces in one block, then at most one large piece with what closes it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    small: Vec<u8>,
    at: usize,
    big: Bytes,
    after: &'static [u8],
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.small.len() && self.big.is_empty() && self.after.is_empty()
    }

    /// Writes once: how many bytes left.
    pub(crate) fn poll_write_to(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<io::Result<usize>> {
        let written = if self.big.is_empty() && self.after.is_empty() {
            ready!(Pin::new(stream).poll_write(cx, &self.small[self.at..]))?
        } else {
            let slices =
                [IoSlice::new(&self.small[self.at..]), IoSlice::new(&self.big), IoSlice::new(self.after)];
            ready!(Pin::new(stream).poll_write_vectored(cx, &slices))?
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        Poll::Ready(Ok(written))
    }

    /// May more be put in before the next write?
    pub(crate) fn has_room(&self) -> bool {
        self.big.is_empty() && self.after.is_empty() && self.small.len() - self.at < OUTBOX_FULL
    }

    /// The block of small pieces, to write a head into. Only while no large piece waits.
    pub(crate) fn small(&mut self) -> &mut Vec<u8> {
        debug_assert!(
            self.big.is_empty() && self.after.is_empty(),
            "a small piece would overtake the large one"
        );
        &mut self.small
    }

    /// Puts a piece of a body in.
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.push_closed(piece, b"");
    }

    /// Puts a chunk of the chunked coding in.
    pub(crate) fn push_chunk(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return; // An empty chunk would end the body.
        }
        super::emit::chunk_size(self.small(), piece.len());
        self.push_closed(piece, b"\r\n");
    }

    fn push_closed(&mut self, piece: Bytes, after: &'static [u8]) {
        if piece.len() <= COPY_MOST {
            let small = self.small();
            small.extend_from_slice(&piece);
            small.extend_from_slice(after);
        } else {
            debug_assert!(self.big.is_empty(), "one large piece at a time");
            self.big = piece;
            self.after = after;
        }
    }

    /// Forgets the memory of a connection that goes idle.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.small = Vec::new();
            self.at = 0;
        }
    }

    fn advance(&mut self, mut n: usize) {
        let small = n.min(self.small.len() - self.at);
        self.at += small;
        n -= small;
        let big = n.min(self.big.len());
        self.big.advance(big);
        self.after = &self.after[n - big..];
        if self.at == self.small.len() {
            self.small.clear();
            self.at = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while !outbox.is_empty() {
            let all = [&outbox.small[outbox.at..], &outbox.big[..], outbox.after].concat();
            let n = step.min(all.len());
            out.extend_from_slice(&all[..n]);
            outbox.advance(n);
        }
        out
    }

    #[test]
    fn pieces_leave_in_order_however_they_are_cut() {
        for step in [1, 2, 7, 100_000] {
            let mut outbox = Outbox::default();
            outbox.small().extend_from_slice(b"head\r\n");
            outbox.push_chunk(Bytes::from_static(b"small"));
            outbox.push_chunk(Bytes::from(vec![b'x'; COPY_MOST + 1]));
            assert!(!outbox.has_room());
            let mut want = b"head\r\n5\r\nsmall\r\n2001\r\n".to_vec();
            want.extend(vec![b'x'; COPY_MOST + 1]);
            want.extend(b"\r\n");
            assert!(drain(&mut outbox, step) == want, "in steps of {step}");
            assert!(outbox.has_room());
        }
    }
}
