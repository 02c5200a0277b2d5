//! The files of former processes, taken into the index while requests are served.
//!
//! Only names and sizes are looked at: 256 files at a time and then a rest, so that the walk leaves the disk to the requests. What the
//! walk has not come to yet is looked for by name when it is asked for. What files hold is checked when they are first used.
//! Things in the folder that are not ours are left alone, and told.

use crate::evict;
use crate::folder::{FOLDERS, key_of};
use crate::part::Slot;
use crate::queues::Ticket;
use crate::tier::Tier;
use observe::log;
use std::fs;
use std::io;
use std::time::Duration;

/// Files that are looked at between two rests.
const BATCH: u64 = 256;
/// How long a rest is. With the batch: 25 600 files a second at most, a million in 40 seconds.
const REST: Duration = Duration::from_millis(10);

/// What a walk has seen.
#[derive(Default)]
struct Walk {
    seen: u64,
    foreign: u64,
    is_over: bool,
    /// A folder could not be read.
    is_partial: bool,
}

impl Tier {
    /// Takes in all files. Ends early where the room is closed.
    pub(crate) fn load(&self) {
        let mut walk = Walk::default();
        for part in 0..FOLDERS {
            if let Err(error) = self.load_part(part as u8, &mut walk) {
                self.trouble.note(self.folder.path(), "read", &error);
                walk.is_partial = true;
            }
            if walk.is_over {
                return;
            }
        }
        self.settle(walk.is_partial);
        if walk.foreign > 0 {
            let path = self.folder.path().display();
            log::warning(format_args!("disk cache {path}: {} foreign files are left alone", walk.foreign));
        }
    }

    fn load_part(&self, part: u8, walk: &mut Walk) -> io::Result<()> {
        for entry in fs::read_dir(self.folder.part(part))? {
            let entry = entry?;
            let key = entry.file_name().to_str().and_then(|name| key_of(part, name));
            match key {
                Some(key) if entry.file_type()?.is_file() => {
                    if let Err(error) = self.load_file(key) {
                        self.trouble.note(self.folder.path(), "load", &error);
                    }
                }
                _ => walk.foreign += 1,
            }
            walk.seen += 1;
            if walk.seen.is_multiple_of(BATCH) && !self.pool.pause(REST) {
                walk.is_over = true;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes in one file, or deletes it where its key was removed meanwhile.
    fn load_file(&self, key: u128) -> io::Result<()> {
        let name = self.index.name(key);
        if self.index.has(key) {
            return Ok(());
        }
        let metadata = match fs::symlink_metadata(self.folder.place(key)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata?,
        };
        if self.adopt(key, evict::charge(&metadata)).is_none() {
            return self.delete_file(key);
        }
        drop(name);
        // More than there may be: the bound was lowered, or files have come in otherwise.
        self.reserve(0).map(drop)
    }

    /// Takes a file into the index, and its bytes into the books. With the lock of its name.
    pub(crate) fn adopt(&self, key: u128, bytes: u64) -> Option<Slot> {
        let slot = self.index.adopt(key, bytes)?;
        self.room.adopt(Ticket { key, body: slot.body }, slot.tier, bytes);
        Some(slot)
    }
}
