//! Pushes a body into a connection, framed as its head has told.

use super::emit::{self, Told};
use super::wire::Outbox;
use crate::body::{Body, BodyError};
use crate::file::Sent;
use crate::stream::Stream;
use bytes::Bytes;
use message::Fields;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;

/// Why pushing ended early.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// The body failed, or was not as long as it had told.
    Body(BodyError),
    /// The connection failed.
    Io(io::Error),
}

/// What happened in one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The body gives nothing more now, and all that it gave has left.
    BodyWaits,
    /// The connection takes nothing more now.
    WireFull,
    /// Everything has left.
    Finished,
}

/// What a body gives now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gives {
    /// There is no room for more.
    More,
    /// Nothing.
    Nothing,
    /// A file that the kernel sends, behind what was given before.
    File,
}

/// Where an outbox is written to. A trait, because a server shares its stream with the body that is still arriving and
/// may borrow it for the moment of a write only.
pub(crate) trait Sink {
    fn with<T>(&mut self, write: impl FnOnce(&mut Stream) -> T) -> T;
}

impl Sink for Stream {
    fn with<T>(&mut self, write: impl FnOnce(&mut Stream) -> T) -> T {
        write(self)
    }
}

/// A body on its way out.
#[derive(Debug)]
pub(crate) struct Pump {
    told: Told,
    left: u64,
    ended: bool,
    /// The kernel sends files by itself.
    direct: bool,
    /// Bytes of body that were handed to the connection.
    pub(crate) bytes: u64,
    /// Bytes that the connection has taken, heads and framing included.
    pub(crate) written: u64,
    /// What was taken of the body, for another attempt; `None` once it is more than is worth keeping.
    kept: Option<Vec<Bytes>>,
}

/// Bodies up to this size can be sent again when an attempt fails before it was answered.
const KEEP_MOST: u64 = 64 * 1024;
/// Pieces that are kept at most. Each holds the block that it was read into, however small it is itself.
const KEEP_PIECES: usize = 16;

impl Pump {
    pub(crate) fn new(told: Told) -> Self {
        let left = if let Told::Length(n) = told { n } else { 0 };
        Self { told, left, ended: false, direct: false, bytes: 0, written: 0, kept: None }
    }

    /// A body on its way to `stream`, which takes files from the kernel where it can.
    pub(crate) fn to_stream(told: Told, body: &Body, stream: &Stream) -> Self {
        let direct = body.has_direct() && matches!(told, Told::Length(_)) && matches!(stream, Stream::Tcp(_));
        Self { direct, ..Self::new(told) }
    }

    /// The same, and what is taken is kept for another attempt while it is small.
    pub(crate) fn keeping(told: Told) -> Self {
        Self { kept: Some(Vec::new()), ..Self::new(told) }
    }

    /// What was taken so far, if all of it was kept.
    pub(crate) fn take_kept(&mut self) -> Option<Vec<Bytes>> {
        self.kept.take()
    }

    /// A body of which nothing is sent, whatever its head has told.
    pub(crate) fn nothing() -> Self {
        Self { ended: true, ..Self::new(Told::Nothing) }
    }

    /// Nothing more comes: only what was taken is still to leave.
    pub(crate) fn cut(&mut self) {
        self.ended = true;
    }

    /// Has the whole body been handed to the connection? It may still wait in the outbox.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Moves what can be moved now. Pieces that are ready at the same time leave in one write.
    pub(crate) fn turn(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body,
        outbox: &mut Outbox,
        sink: &mut impl Sink,
    ) -> Result<Turn, PumpError> {
        loop {
            let gives = self.collect(cx, body, outbox)?;
            if outbox.is_empty() {
                // TLS keeps records of its own that must leave too.
                match sink.with(|stream| Pin::new(stream).poll_flush(cx)) {
                    Poll::Pending => return Ok(Turn::WireFull),
                    Poll::Ready(Err(e)) => return Err(PumpError::Io(e)),
                    Poll::Ready(Ok(())) if self.ended => return Ok(Turn::Finished),
                    Poll::Ready(Ok(())) if gives == Gives::Nothing => return Ok(Turn::BodyWaits),
                    Poll::Ready(Ok(())) if gives == Gives::File => match self.send(cx, body, sink)? {
                        Some(turn) => return Ok(turn),
                        None => continue,
                    },
                    Poll::Ready(Ok(())) => continue,
                }
            }
            match sink.with(|stream| outbox.poll_write_to(cx, stream)) {
                Poll::Pending => return Ok(Turn::WireFull),
                Poll::Ready(Err(e)) => return Err(PumpError::Io(e)),
                Poll::Ready(Ok(n)) => self.written += n as u64,
            }
        }
    }

    /// Has the kernel send some of the file that comes next. `None`: the turn goes on.
    fn send(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body,
        sink: &mut impl Sink,
    ) -> Result<Option<Turn>, PumpError> {
        let sent = sink.with(|stream| match (stream, body.direct_mut()) {
            (Stream::Tcp(tcp), Some(file)) => file.send(cx, tcp),
            _ => Sent::Unsuited,
        });
        match sent {
            Sent::Bytes(count) => {
                self.written += count;
                self.bytes += count;
                self.left = self.left.checked_sub(count).ok_or_else(Self::misfit)?;
                self.ended = self.left == 0;
                Ok(None)
            }
            Sent::WireFull => Ok(Some(Turn::WireFull)),
            Sent::Waits => Ok(Some(Turn::BodyWaits)),
            Sent::Unsuited => {
                self.direct = false;
                Ok(None)
            }
            Sent::File(e) => Err(PumpError::Body(e)),
            Sent::Wire(e) => Err(PumpError::Io(e)),
        }
    }

    /// Collects frames while there is room.
    fn collect(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body,
        outbox: &mut Outbox,
    ) -> Result<Gives, PumpError> {
        while !self.ended && outbox.has_room() {
            if self.direct && body.is_direct() {
                return Ok(Gives::File);
            }
            match body.poll_next(cx) {
                Poll::Pending => return Ok(Gives::Nothing),
                Poll::Ready(None) => self.end(outbox, None)?,
                Poll::Ready(Some(Err(e))) => return Err(PumpError::Body(e)),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.put(outbox, data)?,
                    Err(frame) => {
                        self.kept = None;
                        let trailers = frame.into_trailers().map(|map| Fields::from_map(&map)).ok();
                        self.end(outbox, trailers.as_ref())?;
                    }
                },
            }
        }
        Ok(Gives::More)
    }

    fn put(&mut self, outbox: &mut Outbox, data: Bytes) -> Result<(), PumpError> {
        self.bytes += data.len() as u64;
        match &mut self.kept {
            Some(kept) if self.bytes <= KEEP_MOST && kept.len() < KEEP_PIECES => kept.push(data.clone()),
            _ => self.kept = None,
        }
        match self.told {
            Told::Chunked => outbox.push_chunk(data),
            Told::Nothing => outbox.push(data),
            Told::Length(_) => {
                self.left = self.left.checked_sub(data.len() as u64).ok_or_else(Self::misfit)?;
                outbox.push(data);
                self.ended = self.left == 0;
            }
        }
        Ok(())
    }

    fn end(&mut self, outbox: &mut Outbox, trailers: Option<&Fields>) -> Result<(), PumpError> {
        match self.told {
            Told::Chunked => emit::last_chunk(outbox.small(), trailers),
            Told::Length(_) if self.left > 0 => return Err(Self::misfit()),
            _ => {}
        }
        self.ended = true;
        Ok(())
    }

    fn misfit() -> PumpError {
        PumpError::Body(BodyError::Made("a body was not as long as its head had told".into()))
    }
}
