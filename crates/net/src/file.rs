//! A part of a file as a body: read as it is asked for, or sent by the kernel without a copy.
//!
//! No worker waits for the disk. What lies in memory is read at once (`RWF_NOWAIT`); what does not is read on a thread
//! that may wait ([`crate::blocking`]). The promise on the length is kept: a file that has become shorter is a cut, one
//! that has grown gives no more than was told.
//!
//! *Not here*: which file, and whether it may be served (`files`).
//! Hot path: a system call and a block of memory for each 64 KiB; see [`send`] for the way without either.

mod pages;
mod send;
mod warmth;

pub(crate) use send::Sent;

use crate::blocking::{Blocking, blocking};
use crate::body::BodyError;
use crate::timer::Timer;
use bytes::Bytes;
use http_body::Frame;
use pages::Now;
use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Bytes of one read. What a worker's second cache holds beside everything else; larger ones gained nothing.
const CHUNK: u64 = 64 * 1024;
/// Bytes after which others get their turn, though more could be had.
const TURN: u64 = 1024 * 1024;
/// From this length on a body is sent by the kernel. Below it, one read and a write together with the head cost less than
/// a write of the head, two looks at the pages and `sendfile`: measured over loopback, 6.2 us against 7.3 at 16 KiB, 8.6
/// against 7.7 at 32 KiB, 231 against 94 at 1 MiB.
const DIRECT: u64 = 32 * 1024;
/// How long the disk may take for one read.
const PATIENCE: Duration = Duration::from_secs(30);

/// A part of a file that is left to be sent.
#[derive(Debug)]
pub(crate) struct FileBody {
    file: Arc<File>,
    /// Where its next byte is.
    at: u64,
    left: u64,
    /// What came since others had their turn.
    run: u64,
    /// The kernel may send it.
    direct: bool,
    /// What lies before this offset was in memory when it was looked for.
    warm_to: u64,
    /// Its file system cannot say what lies in memory.
    is_mute: bool,
    waits: Option<Waits>,
}

/// A thread reads.
#[derive(Debug)]
struct Waits {
    work: Work,
    timer: Timer,
    until: Instant,
}

#[derive(Debug)]
enum Work {
    /// The next chunk.
    Chunk(Blocking<io::Result<Bytes>>),
    /// The next step, into the kernel's memory.
    Warm(Blocking<io::Result<()>>),
}

impl FileBody {
    pub(crate) fn new(file: Arc<File>, at: u64, left: u64) -> Self {
        Self { file, at, left, run: 0, direct: left >= DIRECT, warm_to: at, is_mute: false, waits: None }
    }

    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if self.waits.is_none() && self.run >= TURN {
            self.run = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = ready!(self.poll_read(cx));
        Poll::Ready(Some(read.and_then(|bytes| self.give(bytes))))
    }

    /// Ready with the next bytes.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, BodyError>> {
        let most = self.left.min(CHUNK);
        loop {
            if self.waits.is_some() {
                // Empty: what comes next is in memory now.
                if let Some(bytes) = ready!(self.poll_work(cx))? {
                    return Poll::Ready(Ok(bytes));
                }
            }
            if self.at < self.warm_to && self.is_mute {
                let most = most.min(self.warm_to - self.at);
                return Poll::Ready(pages::read(&self.file, self.at, most as usize).map_err(|e| failed(&e)));
            }
            match pages::read_now(&self.file, self.at, most as usize).map_err(|e| failed(&e))? {
                Now::Here(bytes) => return Poll::Ready(Ok(bytes)),
                Now::Absent => {
                    let (file, at) = (Arc::clone(&self.file), self.at);
                    self.wait_for(Work::Chunk(blocking(move || pages::read(&file, at, most as usize))));
                }
                Now::Unknown => self.warm_blindly(),
            }
        }
    }

    /// Sees to it that the step ahead is in memory, on a file system that cannot say whether it is.
    fn warm_blindly(&mut self) {
        self.is_mute = true;
        let (file, at) = (Arc::clone(&self.file), self.at);
        self.warm_to = warmth::end_of_step(at);
        if !warmth::is_recent(&file, at) {
            self.wait_for(Work::Warm(blocking(move || {
                let to = warmth::end_of_step(at);
                pages::warm(&file, to - warmth::STEP, to)?;
                warmth::remember(&file, at);
                Ok(())
            })));
        }
    }

    /// Hands on what was read.
    fn give(&mut self, bytes: Bytes) -> Result<Frame<Bytes>, BodyError> {
        let count = bytes.len() as u64;
        if count == 0 {
            return Err(shorter());
        }
        self.passed(count);
        Ok(Frame::data(bytes))
    }

    fn passed(&mut self, count: u64) {
        self.at += count;
        self.left -= count;
        self.run += count;
    }

    fn wait_for(&mut self, work: Work) {
        self.waits = Some(Waits { work, timer: Timer::default(), until: Instant::now() + PATIENCE });
    }

    /// Ready when the thread has read: with the chunk, or without one where it has only brought it into memory.
    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        let Some(waits) = &mut self.waits else { return Poll::Ready(Ok(None)) };
        let done = match &mut waits.work {
            Work::Chunk(work) => Pin::new(work).poll(cx).map_ok(|read| read.map(Some)),
            Work::Warm(work) => Pin::new(work).poll(cx).map_ok(|warm| warm.map(|()| None)),
        };
        let Poll::Ready(done) = done else {
            ready!(waits.timer.poll_until(cx, waits.until));
            return Poll::Ready(Err(BodyError::Made("the disk was silent".into())));
        };
        self.waits = None;
        // Others had their turn meanwhile.
        self.run = 0;
        Poll::Ready(match done {
            Ok(read) => read.map_err(|e| failed(&e)),
            Err(e) => Err(BodyError::Made(e.to_string())),
        })
    }
}

fn shorter() -> BodyError {
    BodyError::Made("a file has become shorter while it was sent".into())
}

fn failed(e: &io::Error) -> BodyError {
    BodyError::Made(format!("a file cannot be read: {e}"))
}

#[cfg(test)]
mod tests;
