//! Another head before the same body: a 304 has come, and the fields that it brings are kept.
//!
//! A new file, with the body copied by the kernel (which shares the blocks where the file system can) and then renamed, so readers and
//! crashes see the old file or the new one. Both heads of a body may be wanted in turn; the one that was asked for last stays.
//! In slices, as all long work.

use crate::Found;
use crate::format::{self, Header, TRAILER};
use crate::pool::Job;
use crate::tier::Tier;
use crate::write::{rename, write_all};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// Bytes that are copied in one go.
const SLICE: u64 = 4 << 20;

/// A head that is to be put in the place of another.
pub(crate) struct Rewrite {
    key: u128,
    body: u64,
    /// The number of this head.
    number: u64,
    head: Bytes,
    copy: Option<Copy>,
}

/// A copy under way.
struct Copy {
    from: File,
    to: File,
    temporary: PathBuf,
    /// Bytes still to be copied: of the body, and the checksum behind it.
    left: u64,
    reserved: u64,
}

impl Rewrite {
    pub(crate) fn new(found: &Found, number: u64, head: Bytes) -> Self {
        Self { key: found.key, body: found.body, number, head, copy: None }
    }
}

impl Tier {
    /// A slice of it.
    pub(crate) fn rewrite(&self, mut rewrite: Box<Rewrite>) {
        match self.rewrite_slice(&mut rewrite) {
            Ok(false) => return self.pool.push(Job::Rewrite(rewrite)),
            Ok(true) => {}
            Err(error) => {
                self.tally.refused.fetch_add(1, Ordering::Relaxed);
                self.trouble.note(self.folder.path(), "write", &error);
            }
        }
        if let Some(copy) = rewrite.copy.take() {
            drop(copy.to);
            self.discard(&copy.temporary);
            self.room.release(copy.reserved);
        }
        self.rewrites.fetch_sub(1, Ordering::Relaxed);
    }

    /// Is it over?
    fn rewrite_slice(&self, rewrite: &mut Rewrite) -> io::Result<bool> {
        if rewrite.copy.is_none() {
            rewrite.copy = self.begin_copy(rewrite)?;
        }
        let Some(copy) = &mut rewrite.copy else { return Ok(true) };
        copy.step()?;
        if copy.left > 0 {
            return Ok(false);
        }
        self.put_head(rewrite)?;
        Ok(true)
    }

    /// Opens both files, and writes what comes before the body. `None`: that body does not lie there any more, or there is no room.
    fn begin_copy(&self, rewrite: &Rewrite) -> io::Result<Option<Copy>> {
        let name = self.index.name(rewrite.key);
        if self.index.slot(rewrite.key).is_none_or(|slot| slot.body != rewrite.body) {
            return Ok(None);
        }
        let mut from = match self.folder.read(rewrite.key) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        drop(name);
        let mut bytes = [0; format::HEADER as usize];
        from.read_exact(&mut bytes)?;
        let old = Header::decode(&bytes, rewrite.key, from.metadata()?.len());
        let Some(old) = old else { return Ok(None) };
        let header = Header::new(rewrite.key, &rewrite.head, old.body);
        let reserved = format::footprint(header.total().unwrap_or(u64::MAX));
        let (to, temporary) = self.folder.create()?;
        let mut copy = Copy { from, to, temporary, left: old.body + TRAILER, reserved: 0 };
        let begun = self.reserve(reserved).and_then(|is_reserved| {
            copy.reserved = if is_reserved { reserved } else { return Ok(false) };
            copy.from.seek(SeekFrom::Start(old.body_at()))?;
            write_all(&copy.to, &mut [IoSlice::new(&header.encode()), IoSlice::new(&rewrite.head)])?;
            Ok(true)
        });
        if !matches!(begun, Ok(true)) {
            self.discard(&copy.temporary);
            self.room.release(copy.reserved);
        }
        Ok(begun?.then_some(copy))
    }

    /// Gives the copy its name, unless the body was replaced meanwhile.
    fn put_head(&self, rewrite: &mut Rewrite) -> io::Result<()> {
        let key = rewrite.key;
        let _name = self.index.name(key);
        let is_current = |slot: crate::part::Slot| slot.body == rewrite.body && slot.head < rewrite.number;
        if !self.index.slot(key).is_some_and(is_current) {
            return Ok(());
        }
        let Some(copy) = rewrite.copy.take() else { return Ok(()) };
        drop(copy.to);
        let renamed = rename(&copy.temporary, &self.folder.place(key));
        let bytes = renamed.inspect_err(|_| self.room.release(copy.reserved))?;
        let Some(old) = self.index.put_head(key, rewrite.body, rewrite.number, bytes) else {
            // Removed in this very moment: so is the file.
            self.room.release(copy.reserved);
            return self.delete_file(key);
        };
        self.room.resize(old.tier, old.bytes, copy.reserved, bytes);
        self.room.deleted(old.open.upgrade(), old.bytes);
        Ok(())
    }
}

impl Copy {
    fn step(&mut self) -> io::Result<()> {
        let wanted = self.left.min(SLICE);
        // copy_file_range(2) where the system has it for these files.
        let copied = io::copy(&mut (&self.from).take(wanted), &mut &self.to)?;
        self.left -= copied;
        if copied < wanted { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}
