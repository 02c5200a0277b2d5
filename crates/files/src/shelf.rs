//! What was found under names, remembered for a second, so that a hit costs no look at the disk.
//!
//! Bounded by count: files and folders on one side, names under which nothing lies on the other, so that a scan for holes drives
//! out no file. A large file that is remembered is an open descriptor, a small one is its bytes; all are let go where descriptors are
//! short. After a second a name is looked up
//! again, and what still stands for itself is kept; what nobody has asked for in a minute is let go, so that files which were
//! deleted do not stay on the disk for our sake. Each look happens on a thread that may wait, with a deadline.
//!
//! Hot path: a hash of the name, a read lock of one shard, a count of references.

use crate::beneath::Beneath;
use crate::opened::{Opened, Seen, Stamp, look};
use crate::root::Unserved;
use net::blocking;
use quick_cache::sync::Cache;
use rustix::io::Errno;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Most that is remembered, of each side.
const MOST: usize = 1024;
/// How long something is believed, in milliseconds.
const BELIEVED: u64 = 1000;
/// How long what nobody asks for is kept, and how often that is looked after, in milliseconds.
const UNASKED: u64 = 60_000;
/// How long the disk may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What lies under names.
pub(crate) struct Shelf {
    beneath: Arc<Beneath>,
    there: Cache<Box<[u8]>, Arc<Kept>>,
    absent: Cache<Box<[u8]>, Arc<Kept>>,
    began: Instant,
    /// When what nobody asks for was last let go, in milliseconds since the beginning.
    swept: AtomicU64,
}

/// What a look has shown, and when.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) place: Place,
    /// Milliseconds since the shelf's beginning.
    looked: AtomicU64,
}

/// What lies under a name.
#[derive(Debug)]
pub(crate) enum Place {
    /// A file.
    File(Opened),
    /// A folder.
    Folder,
    /// Nothing that may be served.
    Nothing,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("beneath", &self.beneath).finish_non_exhaustive()
    }
}

impl Kept {
    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Opened> {
        if let Place::File(opened) = &self.place { Some(opened) } else { None }
    }

    fn is_fresh(&self, now: u64) -> bool {
        now.saturating_sub(self.looked.load(Ordering::Relaxed)) < BELIEVED
    }
}

impl Shelf {
    pub(crate) fn new(beneath: Beneath) -> Self {
        Self {
            beneath: Arc::new(beneath),
            there: Cache::new(MOST),
            absent: Cache::new(MOST),
            began: Instant::now(),
            swept: AtomicU64::new(0),
        }
    }

    /// What lies under that name, now or a second ago.
    pub(crate) async fn look(&self, name: &[u8]) -> Result<Arc<Kept>, Unserved> {
        let kept = self.there.get(name);
        let now = self.now();
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_fresh(now)) {
            return Ok(Arc::clone(kept));
        }
        if kept.is_none()
            && let Some(absent) = self.absent.get(name).filter(|kept| kept.is_fresh(now))
        {
            return Ok(absent);
        }
        // Boxed: what is served from memory should not hold the room of a look.
        Box::pin(self.look_again(name, kept)).await
    }

    async fn look_again(&self, name: &[u8], kept: Option<Arc<Kept>>) -> Result<Arc<Kept>, Unserved> {
        let known = kept.as_ref().and_then(|kept| kept.file()?.stamp());
        let now = self.now();
        self.sweep(now);
        let seen = match self.ask(name, known).await {
            // What is remembered holds descriptors that are needed now.
            Err(e) if is_short_of_descriptors(&e) => {
                self.there.clear();
                self.ask(name, known).await
            }
            seen => seen,
        };
        let seen = seen.map_err(|e| Unserved::Failed(format!("{}: {e}", name.escape_ascii())))?;
        let place = match (seen, kept) {
            (Seen::Same, Some(kept)) => {
                kept.looked.store(now, Ordering::Relaxed);
                return Ok(kept);
            }
            (Seen::File(opened), _) => Place::File(opened),
            (Seen::Folder, _) => Place::Folder,
            (Seen::Nothing | Seen::Same, _) => Place::Nothing,
        };
        let (here, other) = match place {
            Place::Nothing => (&self.absent, &self.there),
            _ => (&self.there, &self.absent),
        };
        let kept = Arc::new(Kept { place, looked: AtomicU64::new(now) });
        other.remove(name);
        here.insert(name.into(), Arc::clone(&kept));
        Ok(kept)
    }

    /// Looks, on a thread that may wait.
    async fn ask(&self, name: &[u8], known: Option<Stamp>) -> io::Result<Seen> {
        let (beneath, name) = (Arc::clone(&self.beneath), name.to_vec());
        match timeout(PATIENCE, blocking(move || look(&beneath, &name, known))).await {
            Ok(Ok(seen)) => seen,
            Ok(Err(e)) => Err(io::Error::other(e)),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the disk was silent")),
        }
    }

    /// Lets go what nobody has asked for in a while, now and then.
    fn sweep(&self, now: u64) {
        let last = self.swept.load(Ordering::Relaxed);
        let is_due = now.saturating_sub(last) >= UNASKED;
        if is_due && self.swept.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.there.retain(|_, kept| now.saturating_sub(kept.looked.load(Ordering::Relaxed)) < UNASKED);
        }
    }

    /// How much is remembered: what is there, and what is not.
    #[cfg(test)]
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.there.len(), self.absent.len())
    }

    fn now(&self) -> u64 {
        base::turn::now().saturating_duration_since(self.began).as_millis() as u64
    }
}

/// Are too many files open, in this process or on this machine?
fn is_short_of_descriptors(e: &io::Error) -> bool {
    matches!(Errno::from_io_error(e), Some(Errno::MFILE | Errno::NFILE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::Folder;

    #[tokio::test]
    async fn what_nobody_has_asked_for_in_a_minute_is_let_go() {
        let folder = Folder::new();
        folder.write("a", "a");
        folder.write("b", "b");
        let shelf = Shelf::new(Beneath::new(folder.as_ref(), false).unwrap());
        let (a, b) = (shelf.look(b"a").await.unwrap(), shelf.look(b"b").await.unwrap());
        assert_eq!(shelf.held(), (2, 0));
        b.looked.store(50_000, Ordering::Relaxed);
        shelf.sweep(59_000);
        assert_eq!(shelf.held(), (2, 0));
        shelf.sweep(70_000);
        assert_eq!(shelf.held(), (1, 0));
        assert!(Arc::strong_count(&a) == 1 && Arc::strong_count(&b) == 2);
    }
}
