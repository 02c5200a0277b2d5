//! The door of the room.

use crate::index::PATIENCE;
use crate::part::Asked;
use crate::pool::Job;
use crate::rewrite::Rewrite;
use crate::stream::Stream;
use crate::tier::Tier;
use crate::writer::{MAX_ALL, Writer};
use crate::{DiskError, DiskSettings, format, notes};
use bytes::Bytes;
use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Responses that are being written at a time, at most: each has an open file.
const MAX_WRITERS: usize = 1024;
/// Heads that wait to be put in the place of others, at most. More are let go: the next 304 brings the same again.
const MAX_REWRITES: usize = 64;

/// The disk tier.
pub struct Disk {
    pub(crate) tier: Arc<Tier>,
}

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
    /// Under which key it lies.
    pub(crate) key: u128,
    /// Which body of that key it is.
    pub(crate) body: u64,
}

/// What it has, and what it has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Responses now.
    pub objects: u64,
    /// Bytes now: theirs, and what is reserved for those that are being written.
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

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("path", &self.tier.folder.path()).finish_non_exhaustive()
    }
}

impl Disk {
    /// Opens the folder. Its threads run until the last handle is dropped, which waits two seconds at most for what is finished and not
    /// yet written. Blocks: the folder is made, and what was being written when the last process ended is deleted.
    pub fn open(settings: DiskSettings) -> Result<Arc<Self>, DiskError> {
        let disk = Arc::new(Self { tier: Arc::new(Tier::open(&settings)?) });
        disk.start(settings.threads).map_err(|why| DiskError::Folder { path: settings.path, why })?;
        Ok(disk)
    }

    fn start(&self, threads: usize) -> io::Result<()> {
        let pool = &self.tier.pool;
        for _ in 0..threads.max(1) {
            pool.start(&self.tier, "disk", |tier| tier.pool.work(tier))?;
        }
        pool.start(&self.tier, "disk-load", Tier::load)
    }

    /// A number of 16 bytes that belongs to the folder and was made at random with it: the seed of the keys in it.
    pub fn seed(&self) -> [u8; 16] {
        self.tier.folder.seed
    }

    /// Is there something under that key? No look at the disk. While the index is not whole a `false` may be wrong.
    pub fn has(&self, key: u128) -> bool {
        self.tier.index.has(key)
    }

    /// What lies there. Counts as a use. `None` after 100 ms of waiting too: a large file of a former process that is being checked is
    /// there for those who ask later. Drop safe. Needs a runtime with time.
    pub async fn find(&self, key: u128) -> Option<Found> {
        let answer = match self.tier.index.ask(key) {
            Asked::Here(found) => return Some(found),
            Asked::Nothing => return None,
            Asked::Wait(answer) => answer,
            Asked::Look(answer) => {
                if !self.tier.pool.find(key) {
                    self.tier.index.missed(key);
                    return None;
                }
                answer
            }
        };
        tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()?
    }

    /// Begins to write; takes the place of what was there when it is finished. `length`: of the body, where it is known. `None`
    /// where it is too large, or too much waits to be written.
    pub fn write(self: &Arc<Self>, key: u128, head: Bytes, length: Option<u64>) -> Option<Writer> {
        let tier = &self.tier;
        let total = format::total(head.len() as u64, length.unwrap_or(0))?;
        let is_large = head.len() as u64 > format::MAX_HEAD
            || length.is_some_and(|length| length > tier.max_object)
            || format::footprint(total) > tier.room.capacity;
        if is_large {
            return None;
        }
        let is_crowded = tier.backlog.load(Ordering::Relaxed) >= MAX_ALL;
        if tier.trouble.rests() || is_crowded || !enter(&tier.writers, MAX_WRITERS) {
            tier.tally.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let body = tier.index.begin(key);
        Some(Writer::new(Arc::clone(self), Stream::new(key, body, head, length)))
    }

    /// Puts another head in the place of that of a response which was found, with the same body (a 304 has come). Nothing happens
    /// where another response lies there meanwhile: its body would not fit the head.
    pub fn rewrite(&self, found: &Found, head: Bytes) {
        let tier = &self.tier;
        let fits = head.len() as u64 <= format::MAX_HEAD && !tier.trouble.rests();
        if fits && enter(&tier.rewrites, MAX_REWRITES) {
            let number = tier.index.number();
            tier.pool.push(Job::Rewrite(Box::new(Rewrite::new(found, number, head))));
        }
    }

    /// Takes it out, and what is being written under that key. It is not found from now on; its file is gone a moment later. A crash in
    /// that moment, or a disk that refuses to delete, may bring it back at the next start.
    pub fn remove(&self, key: u128) {
        let (slot, has_file) = self.tier.index.remove(key);
        if has_file {
            self.tier.pool.push(Job::Remove(key, slot));
        }
    }

    /// Keeps a small text beside the responses, which is on the disk when this returns (for the ledger of purges). Blocks. A name is a
    /// file name of at most 64 letters, digits, `-`, `_`, `.`.
    pub fn note(&self, name: &str, bytes: &[u8]) -> Result<(), io::Error> {
        let folder = &self.tier.folder;
        notes::write(folder, &notes::place(folder, name)?, bytes)
    }

    /// Such a text. Blocks.
    pub fn noted(&self, name: &str) -> Option<Vec<u8>> {
        notes::read(&notes::place(&self.tier.folder, name).ok()?).ok()?
    }

    /// What it has, and what it has done.
    pub fn counts(&self) -> Counts {
        let Tier { tally, index, room, .. } = &*self.tier;
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Counts {
            objects: index.len() as u64,
            bytes: room.used(),
            capacity: room.capacity,
            evictions: count(&tally.evictions),
            writes: count(&tally.writes),
            refused: count(&tally.refused),
            damaged: count(&tally.damaged),
            is_loaded: index.is_loaded(),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.tier.pool.end();
    }
}

/// One more, unless there are `most` already.
fn enter(count: &std::sync::atomic::AtomicUsize, most: usize) -> bool {
    let more = |now: usize| (now < most).then_some(now + 1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}
