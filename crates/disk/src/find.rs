//! Finding, as a thread does it: open, read the head, see whether it is whole.

use crate::Found;
use crate::evict;
use crate::format::{HEADER, Header};
use crate::pool::Job;
use crate::queues::Ticket;
use crate::tier::Tier;
use crate::verify::Check;
use bytes::Bytes;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of the first read: header and head of nearly all responses.
const FIRST: usize = 4096;
/// Files that are being checked at a time, at most.
const MAX_CHECKS: usize = 64;

/// A file that was opened for a key.
struct Opened {
    file: Arc<File>,
    length: u64,
    body: u64,
    is_trusted: bool,
}

impl Tier {
    /// Looks for a key, and tells all who wait.
    pub(crate) fn look(&self, key: u128) {
        if !self.index.is_wanted(key) {
            return self.index.missed(key);
        }
        let opened = match self.open_file(key) {
            Ok(Some(opened)) => opened,
            Ok(None) => return self.index.missed(key),
            Err(error) => {
                self.trouble.note(self.folder.path(), "read", &error);
                return self.index.missed(key);
            }
        };
        let ticket = Ticket { key, body: opened.body };
        let (is_trusted, found) = (opened.is_trusted, read_head(key, &opened));
        // From here on only what was found holds the file: what is damaged is not read any more when it is deleted.
        drop(opened);
        match found {
            Ok(Some(found)) if is_trusted => self.index.found(&found),
            Ok(Some(found)) => self.begin_check(found),
            // A read error is damage as well: what cannot be read is of no use.
            Ok(None) | Err(_) => {
                self.damaged(ticket);
                self.index.missed(key);
            }
        }
    }

    fn begin_check(&self, found: Found) {
        if self.checks.fetch_add(1, Ordering::Relaxed) >= MAX_CHECKS {
            self.checks.fetch_sub(1, Ordering::Relaxed);
            return self.index.missed(found.key);
        }
        self.check(Box::new(Check::new(found)));
    }

    /// One slice of a check.
    pub(crate) fn check(&self, mut check: Box<Check>) {
        let is_whole = match check.step() {
            Ok(None) if self.pool.is_ending() => false,
            Ok(None) => return self.pool.push(Job::Check(check)),
            Ok(Some(is_whole)) => is_whole,
            Err(_) => false,
        };
        self.checks.fetch_sub(1, Ordering::Relaxed);
        let found = check.found();
        if is_whole {
            return self.index.found(found);
        }
        let ticket = Ticket { key: found.key, body: found.body };
        drop(check);
        if !self.pool.is_ending() {
            self.damaged(ticket);
        }
        self.index.missed(ticket.key);
    }

    /// Opens the file of a key. While the index is being loaded, a file that it does not know yet is taken in.
    fn open_file(&self, key: u128) -> io::Result<Option<Opened>> {
        let _name = self.index.name(key);
        let slot = self.index.slot(key);
        let file = match slot.as_ref().and_then(|slot| slot.open.upgrade()) {
            Some(file) => file,
            None => match self.folder.read(key) {
                Ok(file) => Arc::new(file),
                Err(error) if is_absent(&error) => {
                    if let Some(slot) = slot {
                        self.lost(Ticket { key, body: slot.body });
                    }
                    return Ok(None);
                }
                Err(error) => return Err(error),
            },
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            if let Some(slot) = slot {
                self.lost(Ticket { key, body: slot.body });
            }
            return Ok(None);
        }
        let slot = match slot {
            Some(slot) => slot,
            None => match self.adopt(key, evict::charge(&metadata)) {
                Some(slot) => slot,
                None => return Ok(None),
            },
        };
        self.index.opened(key, Arc::downgrade(&file));
        Ok(Some(Opened { file, length: metadata.len(), body: slot.body, is_trusted: slot.is_trusted }))
    }
}

/// Reads the head, and sees whether it is whole. `None`: the file is damaged.
fn read_head(key: u128, opened: &Opened) -> io::Result<Option<Found>> {
    let mut bytes = vec![0; FIRST.min(opened.length as usize)];
    opened.file.read_exact_at(&mut bytes, 0)?;
    let Some(header) = Header::decode(&bytes, key, opened.length) else { return Ok(None) };
    let end = header.body_at() as usize;
    let have = bytes.len();
    bytes.resize(end, 0);
    if end > have {
        opened.file.read_exact_at(&mut bytes[have..], have as u64)?;
    }
    let head = Bytes::from(bytes).slice(HEADER as usize..);
    let file = Arc::clone(&opened.file);
    let found = Found { head, file, offset: end as u64, length: header.body, key, body: opened.body };
    Ok(header.agrees(&found.head).then_some(found))
}

/// Is there no file that could be ours? A link, or what cannot be opened as a file, is none.
fn is_absent(error: &io::Error) -> bool {
    let is_foreign = [rustix::io::Errno::LOOP, rustix::io::Errno::NXIO, rustix::io::Errno::ISDIR];
    error.kind() == ErrorKind::NotFound
        || is_foreign.iter().any(|code| error.raw_os_error() == Some(code.raw_os_error()))
}
