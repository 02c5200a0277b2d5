//! The worker's end of a response that is being written.
//!
//! Bytes are handed to a thread in pieces of 64 KiB, so a small response is one hand-over and one write. Small chunks are copied
//! together: a slice of ten bytes would else keep the whole buffer alive that it was read into. Large ones are handed over as they are.
//!
//! *Invariant*: what waits is bounded, for one writer and for all together: 4 MiB and 64 MiB, and one chunk beyond for each.
//! *Cost*: a copy of small chunks; a lock for each 64 KiB.

use crate::Disk;
use crate::pool::Job;
use crate::stream::{End, Stream};
use bytes::{Bytes, BytesMut};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

/// Bytes of a writer that wait, at most.
const MAX_OWN: u64 = 4 << 20;
/// Bytes of all that wait, at most: then each waits until none of its own does.
pub(crate) const MAX_ALL: u64 = 64 << 20;
/// Chunks of this size are not copied.
const LARGE: usize = 16 << 10;
/// Small chunks are handed over when there are so many bytes.
const PIECE: usize = 64 << 10;

/// A response that is being written. Dropped before [`Writer::finish`], it leaves nothing behind.
pub struct Writer {
    disk: Arc<Disk>,
    stream: Arc<Stream>,
    /// Small chunks.
    gathered: BytesMut,
    /// Bytes of the body so far.
    length: u64,
    is_over: bool,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Writer {
    pub(crate) fn new(disk: Arc<Disk>, stream: Stream) -> Self {
        Self { disk, stream: Arc::new(stream), gathered: BytesMut::new(), length: 0, is_over: false }
    }

    /// Adds bytes of the body. `Pending` while too much of it waits to be written: who cannot wait for the disk drops the writer.
    /// `Ready(false)`: the disk refuses, or it is too
    /// large; what was written is gone, and nothing more is needed.
    pub fn poll_push(&mut self, cx: &mut Context<'_>, bytes: &Bytes) -> Poll<bool> {
        let tier = &self.disk.tier;
        let after = self.length.saturating_add(bytes.len() as u64);
        if self.is_over || self.stream.has_failed() || after > self.stream.length.unwrap_or(tier.max_object) {
            self.give_up();
            return Poll::Ready(false);
        }
        let is_crowded = tier.backlog.load(Ordering::Relaxed) >= MAX_ALL;
        if !self.stream.has_room(if is_crowded { 1 } else { MAX_OWN }, cx.waker()) {
            return Poll::Pending;
        }
        tier.backlog.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.length = after;
        if bytes.len() < LARGE {
            self.gathered.extend_from_slice(bytes);
        } else {
            self.hand_over();
            self.add(bytes.clone());
        }
        if self.gathered.len() >= PIECE {
            self.hand_over();
        }
        Poll::Ready(true)
    }

    /// All bytes are here: the file takes its place, a moment later. Where the length was known and is another, it does not.
    pub fn finish(mut self) {
        if self.stream.length.is_some_and(|length| length != self.length) {
            return;
        }
        self.hand_over();
        self.end(End::Finished);
    }

    fn hand_over(&mut self) {
        if !self.gathered.is_empty() {
            let chunk = self.gathered.split().freeze();
            self.add(chunk);
        }
    }

    fn add(&self, chunk: Bytes) {
        let bytes = chunk.len() as u64;
        let (is_idle, is_taken) = self.stream.add(chunk);
        if !is_taken {
            self.disk.tier.backlog.fetch_sub(bytes, Ordering::Relaxed);
        }
        if is_idle {
            self.schedule();
        }
    }

    fn give_up(&mut self) {
        self.disk.tier.backlog.fetch_sub(self.gathered.len() as u64, Ordering::Relaxed);
        self.gathered = BytesMut::new();
        self.end(End::Dropped);
    }

    fn end(&mut self, end: End) {
        self.is_over = true;
        let (bytes, is_idle) = self.stream.end(end);
        self.disk.tier.backlog.fetch_sub(bytes, Ordering::Relaxed);
        if is_idle {
            self.schedule();
        }
    }

    fn schedule(&self) {
        self.disk.tier.pool.push(Job::Write(Arc::clone(&self.stream)));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_over {
            self.give_up();
        }
    }
}
