//! A body on its way: written by the one who fetches, read by all who wait, on whatever worker they are.

use bytes::Bytes;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Why a body ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Cut(pub Arc<str>);

/// A body on its way.
#[derive(Debug)]
pub struct Flow {}

/// One who reads it.
#[derive(Debug)]
pub struct FlowReader {}

impl Flow {
    /// Empty yet. `length`: where it is known. At most `most` bytes are kept; what is beyond is still handed to those who read
    /// already, and `is_kept` says no. `window`: bytes that the slowest of them may be behind then.
    pub fn new(length: Option<u64>, most: u64, window: u64) -> Arc<Self> {
        todo!()
    }

    /// Adds bytes. `Pending` where the slowest reader is too far behind of what is not kept.
    pub fn poll_push(&self, cx: &mut Context<'_>, bytes: &mut Bytes) -> Poll<()> {
        todo!()
    }

    /// The end.
    pub fn end(&self, result: Result<(), Cut>) {
        todo!()
    }

    /// Reads it from its beginning; `None` where that is not kept any more.
    pub fn reader(self: &Arc<Self>) -> Option<FlowReader> {
        todo!()
    }

    /// Is all of it kept, so far?
    pub fn is_kept(&self) -> bool {
        todo!()
    }

    /// Does nobody read it any more?
    pub fn is_abandoned(&self) -> bool {
        todo!()
    }

    /// Its length where that is known.
    pub fn length(&self) -> Option<u64> {
        todo!()
    }

    /// All of it in one piece of just its size, where it has ended well and is kept.
    pub fn whole(&self) -> Option<Bytes> {
        todo!()
    }
}

impl FlowReader {
    /// The next bytes; `None` at the end. Dropping it tells the flow.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        todo!()
    }

    /// The length of the whole, where that is known.
    pub fn length(&self) -> Option<u64> {
        todo!()
    }
}
