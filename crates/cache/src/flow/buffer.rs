//! What of a body is in memory, and where its readers are in it. Without locks and wakers.
//!
//! Bytes lie in blocks, one behind the other. Each block counts the readers whose next byte is in it, so that moving on is two
//! counts, and the first block may go as soon as its count is zero and the body is not kept.
//! *Promise*: memory is what is kept, and little more: chunks of less than 4 KiB are gathered, because a body that comes byte by byte
//! would else take a handle and a network buffer for each.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// Chunks below this are gathered: below it the copy is cheaper than what a handle and the rest of its network buffer hold.
const SMALL: usize = 4 << 10;
/// Bytes that are gathered in one block.
const GATHERED: usize = 16 << 10;
/// A body that comes in one chunk is copied into memory of its own below this: so much is copied in a few microseconds.
const PIECE: usize = 64 << 10;

/// What of a body is in memory.
#[derive(Debug)]
pub(super) struct Buffer {
    blocks: VecDeque<Block>,
    length: Option<u64>,
    most: u64,
    total: u64,
    is_kept: bool,
    /// The only block is a piece of memory of just its size.
    is_piece: bool,
    readers: usize,
    /// Readers that have read everything so far.
    at_end: usize,
    had_readers: bool,
}

#[derive(Debug)]
struct Block {
    /// Where in the body it begins.
    start: u64,
    bytes: Gathered,
    /// Readers whose next byte is in it.
    here: usize,
}

#[derive(Debug)]
enum Gathered {
    /// As it came, or full.
    Closed(Bytes),
    /// Small chunks, and there may come more. Only the last block.
    Open(BytesMut),
}

impl Buffer {
    /// Empty. `length` where it is known; at most `most` bytes are kept.
    pub(super) fn new(length: Option<u64>, most: u64) -> Self {
        Self {
            blocks: VecDeque::new(),
            length,
            most,
            total: 0,
            is_kept: length.is_none_or(|length| length <= most),
            is_piece: false,
            readers: 0,
            at_end: 0,
            had_readers: false,
        }
    }

    /// Adds bytes.
    pub(super) fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let start = self.total;
        self.total += bytes.len() as u64;
        self.is_kept &= self.total <= self.most;
        let is_all = start == 0 && self.length == Some(self.total);
        if is_all {
            let (bytes, is_piece) = examined(bytes);
            self.is_piece = is_piece;
            self.add(start, Gathered::Closed(bytes));
        } else if bytes.len() < SMALL && self.is_kept {
            self.gather(start, &bytes);
        } else {
            self.close();
            self.add(start, Gathered::Closed(bytes));
        }
        if let Some(last) = self.blocks.back_mut() {
            last.here += std::mem::take(&mut self.at_end);
        }
        self.shed();
    }

    /// One more reads, from the beginning; no where that is gone.
    pub(super) fn join(&mut self) -> bool {
        if !self.has_beginning() {
            return false;
        }
        self.readers += 1;
        self.had_readers = true;
        *self.count_at(0) += 1;
        true
    }

    /// What comes next for a reader that has read `at` bytes, and counts them.
    pub(super) fn read(&mut self, at: &mut u64) -> Option<Bytes> {
        if *at == self.total {
            return None;
        }
        let block = &self.blocks[self.index(*at)];
        let skipped = (*at - block.start) as usize;
        let bytes = match &block.bytes {
            Gathered::Closed(bytes) => bytes.slice(skipped..),
            Gathered::Open(bytes) => Bytes::copy_from_slice(&bytes[skipped..]),
        };
        *self.count_at(*at) -= 1;
        *at += bytes.len() as u64;
        *self.count_at(*at) += 1;
        self.shed();
        Some(bytes)
    }

    /// One that has read `at` bytes reads no more.
    pub(super) fn leave(&mut self, at: u64) {
        self.readers -= 1;
        *self.count_at(at) -= 1;
        self.shed();
    }

    /// Bytes that the slowest reader is behind, of a body that is not kept. Zero where all of it is kept.
    pub(super) fn behind(&self) -> u64 {
        if self.is_kept { 0 } else { self.total - self.first() }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.had_readers && self.readers == 0
    }

    /// Is the first byte still here, or still to come?
    pub(super) fn has_beginning(&self) -> bool {
        self.first() == 0
    }

    /// All of it, where it lies in one piece of just its size.
    pub(super) fn piece(&self) -> Option<Bytes> {
        match self.blocks.front() {
            None => Some(Bytes::new()),
            Some(Block { bytes: Gathered::Closed(bytes), .. }) if self.is_piece => Some(bytes.clone()),
            Some(_) => None,
        }
    }

    /// What it lies in.
    pub(super) fn blocks(&self) -> Vec<Bytes> {
        let shared = |block: &Block| match &block.bytes {
            Gathered::Closed(bytes) => bytes.clone(),
            Gathered::Open(bytes) => Bytes::copy_from_slice(bytes),
        };
        self.blocks.iter().map(shared).collect()
    }

    /// The same bytes in one piece.
    pub(super) fn replace(&mut self, whole: Bytes) {
        debug_assert_eq!((whole.len() as u64, self.first()), (self.total, 0), "all of it");
        let here = self.blocks.iter().map(|block| block.here).sum();
        self.blocks = VecDeque::from([Block { start: 0, bytes: Gathered::Closed(whole), here }]);
        self.is_piece = true;
    }

    /// The first byte that is still here; the end where there is none.
    fn first(&self) -> u64 {
        self.blocks.front().map_or(self.total, |block| block.start)
    }

    fn add(&mut self, start: u64, bytes: Gathered) {
        self.blocks.push_back(Block { start, bytes, here: 0 });
    }

    /// Puts a small chunk behind others.
    fn gather(&mut self, start: u64, bytes: &[u8]) {
        if let Some(Block { bytes: Gathered::Open(open), .. }) = self.blocks.back_mut()
            && open.len() + bytes.len() <= GATHERED
        {
            open.extend_from_slice(bytes);
            return;
        }
        self.close();
        self.add(start, Gathered::Open(BytesMut::from(bytes)));
    }

    /// Nothing more comes into the last block.
    fn close(&mut self) {
        if let Some(Block { bytes, .. }) = self.blocks.back_mut()
            && let Gathered::Open(open) = bytes
        {
            *bytes = Gathered::Closed(std::mem::take(open).freeze());
        }
    }

    /// Drops what all have passed, where it is not kept.
    fn shed(&mut self) {
        while !self.is_kept && self.blocks.front().is_some_and(|block| block.here == 0) {
            self.blocks.pop_front();
        }
    }

    /// The block of a byte that is here.
    fn index(&self, at: u64) -> usize {
        self.blocks.partition_point(|block| block.start <= at) - 1
    }

    /// The count of the readers that are where one is who has read `at` bytes.
    fn count_at(&mut self, at: u64) -> &mut usize {
        if at == self.total {
            return &mut self.at_end;
        }
        let index = self.index(at);
        &mut self.blocks[index].here
    }
}

/// Is the memory of it just its size? That can be seen only where nobody else holds it, and only of what lies behind it in its
/// memory, not before: with at least `PIECE` bytes the head of the message, which may lie there, does not matter.
fn examined(bytes: Bytes) -> (Bytes, bool) {
    if bytes.len() < PIECE {
        return (bytes, false);
    }
    match bytes.try_into_mut() {
        Ok(owned) => {
            let is_piece = owned.capacity() == owned.len();
            (owned.freeze(), is_piece)
        }
        Err(shared) => (shared, false),
    }
}
