//! A body on its way: written by the one who fetches, read by all who wait, on whatever worker they are.
//!
//! *Promise*: each reader gets all bytes once and in order, from the first one on, whenever it joined, or learns that the body
//! was cut; a body that ends well but not with the length that was told is cut. A kept body waits for nobody; one that is too
//! large to be kept waits for its slowest reader, and only for readers that are still there.
//! *Not here*: who reads from the upstream, and when it gives up; what lies between is in `buffer`.
//! *Cost*: a short lock a chunk and reader, and a copy of what came in chunks of less than 4 KiB; no copy of larger ones.

mod buffer;

use crate::waiters::{Seat, Waiters};
use buffer::Buffer;
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Why a body ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Cut(pub Arc<str>);

/// A body on its way.
#[derive(Debug)]
pub struct Flow {
    length: Option<u64>,
    window: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    buffer: Buffer,
    end: Option<Result<(), Cut>>,
    readers: Waiters,
    /// The one who fetches, where it waits for the slowest reader.
    writer: Option<Waker>,
}

/// One who reads it.
#[derive(Debug)]
pub struct FlowReader {
    flow: Arc<Flow>,
    /// Bytes that were read.
    at: u64,
    seat: Seat,
    /// The cut was told.
    is_done: bool,
}

impl Flow {
    /// Empty yet. `length`: where it is known. At most `most` bytes are kept; what is beyond is still handed to those who read
    /// already, and `is_kept` says no. `window`: bytes that the slowest of them may be behind then.
    pub fn new(length: Option<u64>, most: u64, window: u64) -> Arc<Self> {
        let state =
            State { buffer: Buffer::new(length, most), end: None, readers: Waiters::default(), writer: None };
        Arc::new(Self { length, window, state: Mutex::new(state) })
    }

    /// Adds bytes. `Pending` where the slowest reader is too far behind of what is not kept. Takes all of them or none; what comes
    /// after the end is dropped.
    pub fn poll_push(&self, cx: &mut Context<'_>, bytes: &mut Bytes) -> Poll<()> {
        let mut state = self.state();
        if state.end.is_some() {
            bytes.clear();
            return Poll::Ready(());
        }
        if state.buffer.behind() > self.window {
            let before = state.writer.replace(cx.waker().clone());
            drop(state);
            drop(before);
            return Poll::Pending;
        }
        state.buffer.push(std::mem::take(bytes));
        let woken = state.readers.take();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        Poll::Ready(())
    }

    /// The end. The first one counts.
    pub fn end(&self, result: Result<(), Cut>) {
        let mut state = self.state();
        if state.end.is_some() {
            return;
        }
        let is_short = result.is_ok() && self.length.is_some_and(|length| length != state.buffer.total());
        let result =
            if is_short { Err(Cut("the body has another length than was told".into())) } else { result };
        state.end = Some(result);
        let woken = state.readers.take();
        let writer = state.writer.take();
        drop(state);
        woken.into_iter().chain(writer).for_each(Waker::wake);
    }

    /// Reads it from its beginning; `None` where that is not kept any more.
    pub fn reader(self: &Arc<Self>) -> Option<FlowReader> {
        let is_there = self.state().buffer.join();
        is_there.then(|| FlowReader { flow: self.clone(), at: 0, seat: Seat::default(), is_done: false })
    }

    /// Is all of it kept, so far?
    pub fn is_kept(&self) -> bool {
        self.state().buffer.is_kept()
    }

    /// Does nobody read it any more? No where nobody has begun to.
    pub fn is_abandoned(&self) -> bool {
        self.state().buffer.is_abandoned()
    }

    /// Its length where that is known: it was told, or the body has ended.
    pub fn length(&self) -> Option<u64> {
        self.length.or_else(|| {
            let state = self.state();
            matches!(state.end, Some(Ok(()))).then(|| state.buffer.total())
        })
    }

    /// All of it in one piece of just its size, where it has ended well and is kept. The first call copies, unless it came in one
    /// such piece; readers and later calls share it.
    pub fn whole(&self) -> Option<Bytes> {
        let state = self.state();
        if !matches!(state.end, Some(Ok(()))) || !state.buffer.is_kept() {
            return None;
        }
        if let Some(whole) = state.buffer.piece() {
            return Some(whole);
        }
        let (blocks, total) = (state.buffer.blocks(), state.buffer.total());
        // Nothing is added after the end, so the copy needs no lock.
        drop(state);
        let mut whole = Vec::with_capacity(usize::try_from(total).ok()?);
        for block in &blocks {
            whole.extend_from_slice(block);
        }
        let whole = Bytes::from(whole);
        self.state().buffer.replace(whole.clone());
        Some(whole)
    }

    /// May somebody still begin to read it, and come to its end?
    pub(crate) fn is_open(&self) -> bool {
        let state = self.state();
        state.buffer.has_beginning() && !matches!(state.end, Some(Err(_)))
    }

    /// Has it ended, well or not?
    pub(crate) fn has_ended(&self) -> bool {
        self.state().end.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The writer, where it waits and need not any more: to be woken without the lock.
    fn writer_to_wake(&mut self, window: u64) -> Option<Waker> {
        if self.writer.is_some() && self.buffer.behind() <= window { self.writer.take() } else { None }
    }
}

impl FlowReader {
    /// The next bytes; `None` at the end. Dropping it tells the flow.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        let mut state = self.flow.state();
        if let Some(bytes) = state.buffer.read(&mut self.at) {
            let writer = state.writer_to_wake(self.flow.window);
            drop(state);
            writer.into_iter().for_each(Waker::wake);
            return Poll::Ready(Some(Ok(bytes)));
        }
        match state.end.clone() {
            None => {
                let before = state.readers.wait(&mut self.seat, cx.waker());
                drop(state);
                drop(before);
                Poll::Pending
            }
            Some(result) => {
                self.is_done = true;
                Poll::Ready(result.err().map(Err))
            }
        }
    }

    /// The length of the whole, where that is known.
    pub fn length(&self) -> Option<u64> {
        self.flow.length()
    }
}

impl Drop for FlowReader {
    fn drop(&mut self) {
        let mut state = self.flow.state();
        let waker = state.readers.leave(&mut self.seat);
        state.buffer.leave(self.at);
        let writer = state.writer_to_wake(self.flow.window);
        drop(state);
        drop(waker);
        writer.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests;
