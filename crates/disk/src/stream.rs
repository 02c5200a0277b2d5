//! A response on its way from a worker to a thread: bytes that wait, and who is woken when there are fewer.
//!
//! *Invariant*: at most one thread works on a stream: it is in a lane, or with a thread, only while `is_scheduled`. What has ended
//! stays ended. *Not here*: the file (`write.rs`), how many bytes may wait (`writer.rs`).

use bytes::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use twox_hash::XxHash3_64;

/// Bytes that are written in one go, about.
const SLICE: u64 = 1 << 20;

/// A response on its way.
pub(crate) struct Stream {
    pub(crate) key: u128,
    /// Its number in the index.
    pub(crate) body: u64,
    pub(crate) head: Bytes,
    /// Of the body, where it is known.
    pub(crate) length: Option<u64>,
    waiting: Mutex<Waiting>,
    /// Only for the thread that works on it.
    pub(crate) progress: Mutex<Progress>,
}

/// How far the file is.
#[derive(Default)]
pub(crate) struct Progress {
    /// The file, and where it is. None before the first bytes.
    pub(crate) file: Option<(File, PathBuf)>,
    /// Bytes of the body that were written.
    pub(crate) written: u64,
    /// Bytes of room that are reserved.
    pub(crate) reserved: u64,
    /// Of what was written of the body. Boxed inside.
    pub(crate) sum: XxHash3_64,
}

#[derive(Default)]
struct Waiting {
    chunks: VecDeque<Bytes>,
    bytes: u64,
    waker: Option<Waker>,
    end: End,
    is_scheduled: bool,
}

/// Does it go on?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// More may come.
    #[default]
    Open,
    /// All is here.
    Finished,
    /// It is not wanted any more.
    Dropped,
    /// The disk has refused.
    Failed,
}

/// What a thread takes in one go.
pub(crate) struct Batch {
    pub(crate) chunks: Vec<Bytes>,
    pub(crate) bytes: u64,
    /// How it ends, where nothing comes behind these.
    pub(crate) end: End,
}

impl Stream {
    pub(crate) fn new(key: u128, body: u64, head: Bytes, length: Option<u64>) -> Self {
        Self { key, body, head, length, waiting: Mutex::default(), progress: Mutex::default() }
    }

    /// Has the disk refused?
    pub(crate) fn has_failed(&self) -> bool {
        self.lock().end == End::Failed
    }

    /// May `most` bytes and no more wait? If not, `waker` is woken when a thread has taken some.
    pub(crate) fn has_room(&self, most: u64, waker: &Waker) -> bool {
        let mut waiting = self.lock();
        if waiting.bytes == 0 || waiting.bytes < most || waiting.end != End::Open {
            return true;
        }
        match &mut waiting.waker {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        false
    }

    /// Adds bytes. Says whether it has to be put in a lane, and whether the bytes were taken.
    pub(crate) fn add(&self, chunk: Bytes) -> (bool, bool) {
        let mut waiting = self.lock();
        if waiting.end != End::Open {
            return (false, false);
        }
        waiting.bytes += chunk.len() as u64;
        waiting.chunks.push_back(chunk);
        (!std::mem::replace(&mut waiting.is_scheduled, true), true)
    }

    /// Says that nothing more comes: [`End::Finished`] or [`End::Dropped`]. Bytes that wait for nothing then, and whether it has to be
    /// put in a lane.
    pub(crate) fn end(&self, end: End) -> (u64, bool) {
        let mut waiting = self.lock();
        if waiting.end != End::Open {
            return (0, false);
        }
        waiting.end = end;
        let bytes = if end == End::Dropped { waiting.clear() } else { 0 };
        (bytes, !std::mem::replace(&mut waiting.is_scheduled, true))
    }

    /// The disk refuses: bytes that wait for nothing then.
    pub(crate) fn fail(&self) -> u64 {
        let mut waiting = self.lock();
        waiting.end = End::Failed;
        let bytes = waiting.clear();
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
        bytes
    }

    /// Takes what waits, up to a slice.
    pub(crate) fn take(&self) -> Batch {
        let mut waiting = self.lock();
        let mut batch = Batch { chunks: Vec::new(), bytes: 0, end: End::Open };
        while batch.bytes < SLICE
            && let Some(chunk) = waiting.chunks.pop_front()
        {
            batch.bytes += chunk.len() as u64;
            batch.chunks.push(chunk);
        }
        if waiting.chunks.is_empty() {
            batch.end = waiting.end;
        }
        batch
    }

    /// So many bytes were written. Says whether there are more, or an end: then it is still scheduled.
    pub(crate) fn taken(&self, bytes: u64) -> bool {
        let mut waiting = self.lock();
        // Less, where it was dropped meanwhile.
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        waiting.is_scheduled = !waiting.chunks.is_empty() || waiting.end != End::Open;
        let (waker, is_scheduled) = (waiting.waker.take(), waiting.is_scheduled);
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
        is_scheduled
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Forgets the bytes that no thread has taken. Those that one has taken it gives back itself.
    fn clear(&mut self) -> u64 {
        let bytes = self.chunks.iter().map(|chunk| chunk.len() as u64).sum();
        self.chunks = VecDeque::new();
        self.bytes -= bytes;
        bytes
    }
}
