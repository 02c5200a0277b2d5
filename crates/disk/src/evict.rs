//! Making room, and taking out.
//!
//! A file is deleted before its bytes are given to another, so the bound holds on the disk too, and not only in the books. All of it
//! runs on this room's threads: deleting a large file takes milliseconds.

use crate::format;
use crate::part::Slot;
use crate::queues::Ticket;
use crate::room::Step;
use crate::tier::Tier;
use crate::trouble::Trouble;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering;

impl Tier {
    /// Reserves bytes; others go for that where they must. `false`: there is not so much that could go.
    pub(crate) fn reserve(&self, bytes: u64) -> io::Result<bool> {
        loop {
            match self.room.reserve(bytes, |ticket| self.index.look(ticket)) {
                Step::Reserved => return Ok(true),
                Step::Full => return Ok(false),
                Step::Evict(ticket) => self.evict(ticket)?,
                Step::Raise(level) => self.raise(level)?,
            }
        }
    }

    /// Takes one out for another.
    fn evict(&self, ticket: Ticket) -> io::Result<()> {
        let _name = self.index.name(ticket.key);
        let Some(slot) = self.index.take(ticket) else { return Ok(()) };
        self.tally.evictions.fetch_add(1, Ordering::Relaxed);
        self.delete(ticket.key, &slot)
    }

    /// Takes out a file that is damaged, if it is still that body's.
    pub(crate) fn damaged(&self, ticket: Ticket) {
        let _name = self.index.name(ticket.key);
        let Some(slot) = self.index.take(ticket) else { return };
        self.tally.damaged.fetch_add(1, Ordering::Relaxed);
        Trouble::damaged(&self.folder.place(ticket.key));
        if let Err(error) = self.delete(ticket.key, &slot) {
            self.trouble.note(self.folder.path(), "delete", &error);
        }
    }

    /// Takes out a slot whose file is not there.
    pub(crate) fn lost(&self, ticket: Ticket) {
        if let Some(slot) = self.index.take(ticket) {
            self.room.left(slot.tier, slot.bytes);
            self.room.deleted(slot.open.upgrade(), slot.bytes);
        }
    }

    /// Deletes the file of a key that was removed, unless another response has taken its place.
    pub(crate) fn unlink(&self, key: u128, slot: Option<Slot>) {
        let _name = self.index.name(key);
        let is_taken = self.index.has(key);
        let done = match slot {
            Some(slot) if is_taken => {
                self.room.left(slot.tier, slot.bytes);
                self.room.deleted(slot.open.upgrade(), slot.bytes);
                Ok(())
            }
            Some(slot) => self.delete(key, &slot),
            None if is_taken => Ok(()),
            None => self.delete_file(key),
        };
        match done {
            Ok(()) => self.index.unlinked(key),
            Err(error) => self.trouble.note(self.folder.path(), "delete", &error),
        }
        self.sweep();
    }

    /// Sweeps tickets of what is gone.
    pub(crate) fn sweep(&self) {
        self.room.sweep(self.index.len(), |ticket| self.index.is_there(ticket));
    }

    /// Deletes the file of a slot that was taken out of the index. Where that fails its bytes stay in the books: they stay on the disk.
    /// With the lock of the name.
    fn delete(&self, key: u128, slot: &Slot) -> io::Result<()> {
        self.room.left(slot.tier, slot.bytes);
        // Held over the deletion, so that it is not a worker that drops it last.
        let open = slot.open.upgrade();
        self.delete_file(key)?;
        self.room.deleted(open, slot.bytes);
        Ok(())
    }

    /// Deletes the file of a key, if there is one. With the lock of the name.
    pub(crate) fn delete_file(&self, key: u128) -> io::Result<()> {
        match fs::remove_file(self.folder.place(key)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Bytes that a file takes in the books: what it takes now, and at least what it may take when all of it is on the disk.
pub(crate) fn charge(metadata: &fs::Metadata) -> u64 {
    // The system counts in 512 bytes, whatever its blocks are.
    format::footprint(metadata.len()).max(metadata.blocks().saturating_mul(512))
}
