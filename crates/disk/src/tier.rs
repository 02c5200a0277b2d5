//! All parts together, as the threads see them.

use crate::folder::Folder;
use crate::index::Index;
use crate::pool::{Job, Pool};
use crate::room::Room;
use crate::trouble::Trouble;
use crate::{DiskError, DiskSettings, notes};
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};

/// The note that says how many bytes there may be: see `room.rs`.
const LEVEL: &str = "level";

/// What is shared between the door and the threads.
pub(crate) struct Tier {
    pub(crate) folder: Folder,
    pub(crate) index: Index,
    pub(crate) room: Room,
    pub(crate) pool: Arc<Pool>,
    pub(crate) trouble: Trouble,
    pub(crate) tally: Tally,
    /// Bytes that wait to be written.
    pub(crate) backlog: AtomicU64,
    /// Responses that are being written.
    pub(crate) writers: AtomicUsize,
    /// Rewrites that wait or are under way.
    pub(crate) rewrites: AtomicUsize,
    /// Files that are being checked.
    pub(crate) checks: AtomicUsize,
    /// Largest body, in bytes.
    pub(crate) max_object: u64,
    /// Held while the level is written, so that a lower one never takes the place of a higher one.
    leveling: Mutex<()>,
}

/// What was done since the start.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) evictions: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) damaged: AtomicU64,
}

impl Tier {
    /// Opens the folder. No thread runs yet.
    pub(crate) fn open(settings: &DiskSettings) -> Result<Self, DiskError> {
        let failed = |why| DiskError::Folder { path: settings.path.clone(), why };
        let folder = Folder::open(&settings.path)?;
        let level = notes::read(&folder.path().join(LEVEL)).map_err(failed)?;
        let level = level.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
        // Where a folder has files and no level, any number of bytes may be in it.
        let unknown = if folder.is_new { 0 } else { level.unwrap_or(settings.bytes).min(settings.bytes) };
        Ok(Self {
            folder,
            index: Index::new(),
            room: Room::new(settings.bytes, unknown, unknown),
            pool: Arc::default(),
            trouble: Trouble::new(),
            tally: Tally::default(),
            backlog: AtomicU64::new(0),
            writers: AtomicUsize::new(0),
            rewrites: AtomicUsize::new(0),
            checks: AtomicUsize::new(0),
            max_object: settings.max_object,
            leveling: Mutex::default(),
        })
    }

    /// Does what a thread has taken from a lane.
    pub(crate) fn run(&self, job: Job) {
        match job {
            Job::Find(key) => self.look(key),
            Job::Check(check) => self.check(check),
            Job::Write(stream) => self.write(&stream),
            Job::Rewrite(rewrite) => self.rewrite(rewrite),
            Job::Remove(key, slot) => self.unlink(key, slot),
        }
    }

    /// Raises the level on the disk, where nobody has done so meanwhile.
    pub(crate) fn raise(&self, level: u64) -> io::Result<()> {
        let _one = self.leveling.lock().unwrap_or_else(PoisonError::into_inner);
        if self.room.level() < level {
            self.write_level(level)?;
            self.room.raised(level);
        }
        Ok(())
    }

    /// The walk over the files is over. Lowers the level where it is much too high, unless the walk has seen only a part: then the
    /// bytes that it has not seen go on to count.
    pub(crate) fn settle(&self, is_partial: bool) {
        let _one = self.leveling.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_partial
            && let Some(level) = self.room.loaded()
            && let Err(error) = self.write_level(level)
        {
            self.trouble.note(self.folder.path(), "write", &error);
        }
        self.index.loaded();
    }

    fn write_level(&self, level: u64) -> io::Result<()> {
        notes::write(&self.folder, &self.folder.path().join(LEVEL), level.to_string().as_bytes())
    }
}
