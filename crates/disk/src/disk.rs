//! The door of the room.

use crate::{DiskError, DiskSettings};
use bytes::Bytes;
use std::fs::File;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The disk tier.
#[derive(Debug)]
pub struct Disk {}

/// A response that lies on disk.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its head, as it was given to [`Disk::write`].
    pub head: Bytes,
    /// The file, open; it stays readable though it is taken out meanwhile.
    pub file: Arc<File>,
    /// Where in the file the body begins.
    pub offset: u64,
    /// The body's bytes.
    pub length: u64,
}

/// A response that is being written. Dropped before [`Writer::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Writer {}

/// What it has, and what it has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Responses now.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that there may be.
    pub capacity: u64,
    /// Responses that were taken out for others.
    pub evictions: u64,
    /// Responses that were written.
    pub writes: u64,
    /// Responses that were not written: the disk was too slow, or refused.
    pub refused: u64,
    /// Files that were damaged, and dropped.
    pub damaged: u64,
    /// The index is whole: all files of former processes are known.
    pub is_loaded: bool,
}

impl Disk {
    /// Opens the folder. Its threads run until the last handle is dropped.
    pub fn open(settings: DiskSettings) -> Result<Arc<Self>, DiskError> {
        todo!()
    }

    /// A number of 16 bytes that belongs to the folder and was made at random with it: the seed of the keys in it.
    pub fn seed(&self) -> [u8; 16] {
        todo!()
    }

    /// Is there something under that key? No look at the disk. While the index is not whole a `false` may be wrong.
    pub fn has(&self, key: u128) -> bool {
        todo!()
    }

    /// What lies there. Counts as a use.
    pub async fn find(&self, key: u128) -> Option<Found> {
        todo!()
    }

    /// Begins to write; takes the place of what was there when it is finished. `length`: of the body, where it is known. `None`
    /// where it is too large, or too much waits to be written.
    pub fn write(self: &Arc<Self>, key: u128, head: Bytes, length: Option<u64>) -> Option<Writer> {
        todo!()
    }

    /// Puts another head in the place of the one that is there, with the same body (a 304 has come).
    pub fn rewrite(&self, key: u128, head: Bytes) {
        todo!()
    }

    /// Takes it out.
    pub fn remove(&self, key: u128) {
        todo!()
    }

    /// Keeps a small text beside the responses, which is on the disk when this returns (for the ledger of purges). Blocks.
    pub fn note(&self, name: &str, bytes: &[u8]) -> Result<(), std::io::Error> {
        todo!()
    }

    /// Such a text. Blocks.
    pub fn noted(&self, name: &str) -> Option<Vec<u8>> {
        todo!()
    }

    /// What it has, and what it has done.
    pub fn counts(&self) -> Counts {
        todo!()
    }
}

impl Writer {
    /// Adds bytes of the body. `Pending` while too much of it waits to be written. `Ready(false)`: the disk refuses, or it is too
    /// large; what was written is gone, and nothing more is needed.
    pub fn poll_push(&mut self, cx: &mut Context<'_>, bytes: &Bytes) -> Poll<bool> {
        todo!()
    }

    /// All bytes are here: the file takes its place, a moment later.
    pub fn finish(self) {
        todo!()
    }
}
