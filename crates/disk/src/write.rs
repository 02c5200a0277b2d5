//! Writing, as a thread does it: room first, then bytes into a temporary file, then its name.
//!
//! The rename is the moment in which the response is there; before it nothing of it can be found, after it all of it. Nothing is
//! flushed: the files of a process that was killed are whole, since the kernel has all of it, and after a loss of power the check of
//! the first find decides.

use crate::evict;
use crate::format::{self, HEADER, Header};
use crate::part::Slot;
use crate::pool::Job;
use crate::queues::{Ticket, Tier as Queue};
use crate::stream::{Batch, End, Progress, Stream};
use crate::tier::Tier;
use std::fs::{self, File};
use std::hash::Hasher;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Room that is reserved ahead where a length is not known, in bytes.
const AHEAD: u64 = 1 << 20;

/// Why a response is not written.
enum Refused {
    /// The disk says no.
    Disk(io::Error),
    /// There is nothing that could go for it.
    Full,
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl Tier {
    /// A slice of a response.
    pub(crate) fn write(&self, stream: &Arc<Stream>) {
        let mut progress = stream.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = stream.take();
        let done = match batch.end {
            End::Dropped | End::Failed => Ok(()),
            End::Open | End::Finished => self.write_batch(stream, &mut progress, &batch),
        };
        self.backlog.fetch_sub(batch.bytes, Ordering::Relaxed);
        if let Err(refused) = done {
            self.backlog.fetch_sub(stream.fail(), Ordering::Relaxed);
            self.close(stream, &mut progress);
            return self.refused(&refused);
        }
        match batch.end {
            End::Open => {
                drop(progress);
                if stream.taken(batch.bytes) {
                    self.pool.push(Job::Write(Arc::clone(stream)));
                }
            }
            End::Finished => {
                let done = self.put(stream, &mut progress);
                self.close(stream, &mut progress);
                match done {
                    Ok(true) => {
                        self.tally.writes.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(false) => {}
                    Err(error) => self.refused(&Refused::Disk(error)),
                }
            }
            End::Dropped | End::Failed => self.close(stream, &mut progress),
        }
    }

    fn refused(&self, refused: &Refused) {
        if let Refused::Disk(error) = refused {
            self.trouble.note(self.folder.path(), "write", error);
        }
        self.tally.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn write_batch(&self, stream: &Stream, progress: &mut Progress, batch: &Batch) -> Result<(), Refused> {
        let is_first = progress.file.is_none();
        if is_first {
            // Before room is made: where nothing can be written nobody has to go.
            progress.file = Some(self.folder.create()?);
        }
        let is_last = batch.end == End::Finished;
        let after = progress.written + batch.bytes;
        if !self.make_room(stream, progress, after)? {
            return Err(Refused::Full);
        }
        for chunk in &batch.chunks {
            progress.sum.write(chunk);
        }
        let length = stream.length.or(is_last.then_some(after));
        // A length that is not known yet: zeros, which are no header, until it is.
        let header = length.map(|length| Header::new(stream.key, &stream.head, length).encode());
        let header = header.unwrap_or([0; HEADER as usize]);
        let trailer = progress.sum.finish().to_le_bytes();
        let mut parts = Vec::with_capacity(batch.chunks.len() + 3);
        if is_first {
            parts.extend([IoSlice::new(&header), IoSlice::new(&stream.head)]);
        }
        parts.extend(batch.chunks.iter().map(|chunk| IoSlice::new(chunk)));
        if is_last {
            parts.push(IoSlice::new(&trailer));
        }
        let Some((file, _)) = &progress.file else { return Ok(()) };
        write_all(file, &mut parts)?;
        progress.written = after;
        if is_last && !is_first && stream.length.is_none() {
            file.write_all_at(&header, 0)?;
        }
        Ok(())
    }

    /// Reserves what the file needs for a body of `written` bytes so far.
    fn make_room(&self, stream: &Stream, progress: &mut Progress, written: u64) -> io::Result<bool> {
        let head = stream.head.len() as u64;
        let footprint = |body| format::footprint(format::total(head, body).unwrap_or(u64::MAX));
        let needed = footprint(stream.length.unwrap_or(written));
        if needed <= progress.reserved {
            return Ok(true);
        }
        let ahead = match stream.length {
            Some(_) => needed,
            None => footprint(written.saturating_add(AHEAD)),
        };
        for wanted in [ahead, needed] {
            if self.reserve(wanted - progress.reserved)? {
                progress.reserved = wanted;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives the file its name, and takes it into the index. `false`: the key was removed since it was begun.
    fn put(&self, stream: &Stream, progress: &mut Progress) -> io::Result<bool> {
        let Some((file, temporary)) = progress.file.take() else { return Ok(false) };
        // Closed first: some file systems take back then what they have set aside for more.
        drop(file);
        let ticket = Ticket { key: stream.key, body: stream.body };
        let place = self.folder.place(stream.key);
        let _name = self.index.name(stream.key);
        if !self.index.is_valid(stream.key, stream.body) {
            return remove(&temporary).map(|()| false);
        }
        let bytes = rename(&temporary, &place)?;
        let queue = if self.room.is_back(stream.key) { Queue::Main } else { Queue::Small };
        let slot = Slot {
            body: stream.body,
            head: stream.body,
            bytes,
            tier: queue,
            is_trusted: true,
            ..Slot::default()
        };
        // Removed in this very moment: so is the file.
        let Ok((queue, old)) = self.index.put(stream.key, slot) else {
            return self.delete_file(stream.key).map(|()| false);
        };
        self.room.enter(ticket, queue, std::mem::take(&mut progress.reserved), bytes);
        if let Some(old) = old {
            self.room.left(old.tier, old.bytes);
            self.room.deleted(old.open.upgrade(), old.bytes);
            self.sweep();
        }
        Ok(true)
    }

    /// It has ended: takes away what is left of it.
    fn close(&self, stream: &Stream, progress: &mut Progress) {
        if let Some((file, temporary)) = progress.file.take() {
            drop(file);
            self.discard(&temporary);
        }
        self.room.release(std::mem::take(&mut progress.reserved));
        self.index.end(stream.key);
        self.writers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes a temporary file away.
    pub(crate) fn discard(&self, temporary: &Path) {
        if let Err(error) = remove(temporary) {
            self.trouble.note(self.folder.path(), "delete", &error);
        }
    }
}

/// Gives a file its name. The bytes it takes. Where that fails the file is gone.
pub(crate) fn rename(temporary: &Path, place: &Path) -> io::Result<u64> {
    let renamed = fs::metadata(temporary).and_then(|metadata| {
        fs::rename(temporary, place)?;
        Ok(evict::charge(&metadata))
    });
    if renamed.is_err() {
        // What cannot be removed either is taken away at the next start.
        let _ = fs::remove_file(temporary);
    }
    renamed
}

/// Writes all parts, one behind the other.
pub(crate) fn write_all(mut file: &File, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Empty parts at the front would make a write of nothing look like a full disk.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.write_vectored(parts) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut parts, count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
