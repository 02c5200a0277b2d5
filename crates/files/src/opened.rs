//! A file that was opened, with all that is told of it.
//!
//! Its validators follow from size and time of modification, so that several nodes with copies of one folder
//! (`rsync --times`, one image) tell the same. That is strong enough: file systems tell the time of modification in nanoseconds,
//! and a change that is younger than a second is told as weak, since another may follow within the clock's tick. Two cases ask for
//! more. Builds that set all times to one value tell nothing with it: there the inode and the time of change are added. And where
//! the file system tells whole seconds only, a young file's validator holds the time of the look, so that it matches nothing later.

use crate::beneath::{Beneath, Found};
use bytes::Bytes;
use rustix::fs::Stat;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Files up to this size are kept in memory, in bytes.
const SMALL: u64 = 16 * 1024;
/// A change that is younger than this may be followed by another that does not show.
const SETTLED: Duration = Duration::from_secs(1);
/// Times of modification before that (1990) were set by a build that wants all its results to be the same.
const MADE_UP: i64 = 631_152_000;

/// Tells one state of a file from all others on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, u32),
    changed: (i64, u32),
}

/// A file that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    stamp: Stamp,
    pub(crate) content: Content,
    /// In bytes.
    pub(crate) length: u64,
    /// What tells it from its other states (RFC 9110 section 8.8.3), without quotation marks.
    pub(crate) tag: String,
    /// The tag is strong: no two contents share it.
    pub(crate) is_settled: bool,
    /// The value of `Last-Modified`.
    pub(crate) modified: String,
}

/// Where its bytes are.
#[derive(Debug)]
pub(crate) enum Content {
    /// All of them in memory.
    Small(Bytes),
    /// In the file.
    Large(Arc<File>),
}

/// What a look has shown.
#[derive(Debug)]
pub(crate) enum Seen {
    /// What was known already.
    Same,
    /// A file.
    File(Opened),
    /// A folder.
    Folder,
    /// Nothing that may be served.
    Nothing,
}

/// Looks what lies under a name. `known`: what an earlier look has shown, if that still stands for itself.
pub(crate) fn look(beneath: &Beneath, name: &[u8], known: Option<Stamp>) -> io::Result<Seen> {
    Ok(match beneath.look(name)? {
        Found::File(_, stat) if known == Some(Stamp::of(&stat)) => Seen::Same,
        Found::File(file, stat) => Seen::File(Opened::new(file, Stamp::of(&stat), SystemTime::now())?),
        Found::Folder => Seen::Folder,
        Found::Nothing => Seen::Nothing,
    })
}

impl Opened {
    fn new(file: File, stamp: Stamp, now: SystemTime) -> io::Result<Self> {
        let is_settled = stamp.is_settled(now);
        let content = match small(&file, stamp)? {
            Some(bytes) => Content::Small(bytes),
            None => Content::Large(Arc::new(file)),
        };
        // RFC 9110 section 8.8.2.1: never later than the answer's own date.
        let modified = stamp.modified().min(now);
        Ok(Self {
            stamp,
            content,
            length: stamp.size,
            tag: stamp.tag(is_settled, now),
            is_settled,
            modified: httpdate::fmt_http_date(modified),
        })
    }

    /// What a later look is compared with. Not for a file whose tag is weak, and changes by itself.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.is_settled.then_some(self.stamp)
    }
}

impl Stamp {
    #[allow(
        clippy::allow_attributes,
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        reason = "the C library's types differ by machine"
    )]
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as u32),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as u32),
        }
    }

    fn modified(&self) -> SystemTime {
        let since = Duration::new(u64::try_from(self.modified.0).unwrap_or(0), self.modified.1);
        SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Has it stood as it is for a while? By the time of change, which nobody sets.
    fn is_settled(&self, now: SystemTime) -> bool {
        let since = Duration::new(u64::try_from(self.changed.0).unwrap_or(0), self.changed.1);
        SystemTime::UNIX_EPOCH.checked_add(since + SETTLED).is_some_and(|settled| settled <= now)
    }

    fn tag(&self, is_settled: bool, now: SystemTime) -> String {
        let (seconds, nanos) = self.modified;
        let mut tag = format!("{seconds:x}-{nanos:x}-{:x}", self.size);
        if seconds < MADE_UP {
            let (seconds, nanos) = self.changed;
            // Writing to a `String` cannot fail.
            let _ = write!(tag, "-{:x}-{seconds:x}-{nanos:x}", self.inode);
        }
        if !is_settled && nanos == 0 {
            let look = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
            let _ = write!(tag, "-{look:x}");
        }
        tag
    }
}

/// All bytes of a small file, where they can be had in one piece: `None` while somebody writes to it.
fn small(file: &File, stamp: Stamp) -> io::Result<Option<Bytes>> {
    if stamp.size > SMALL {
        return Ok(None);
    }
    let mut bytes = vec![0; stamp.size as usize];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let is_same = Stamp::of(&rustix::fs::fstat(file)?) == stamp;
    Ok(is_same.then(|| bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp { device: 1, inode: 2, size: 3, modified: (2_000_000_000, 5), changed: (2_000_000_000, 5) }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_tag_is_the_same_on_every_machine_that_has_the_same_copy() {
        let copy = Stamp { device: 9, inode: 9, changed: (2_100_000_000, 9), ..stamp() };
        assert_eq!(stamp().tag(true, at(0)), copy.tag(true, at(7)));
    }

    #[test]
    fn a_tag_changes_with_size_and_time_of_modification() {
        let tag = stamp().tag(true, at(0));
        assert_ne!(tag, Stamp { size: 4, ..stamp() }.tag(true, at(0)));
        assert_ne!(tag, Stamp { modified: (2_000_000_000, 6), ..stamp() }.tag(true, at(0)));
        assert_ne!(tag, Stamp { modified: (2_000_000_001, 5), ..stamp() }.tag(true, at(0)));
    }

    #[test]
    fn times_that_a_build_has_set_to_one_value_are_not_trusted() {
        let built = Stamp { modified: (1, 0), ..stamp() };
        let again = Stamp { inode: 7, changed: (2_000_000_009, 0), ..built };
        assert_ne!(built.tag(true, at(0)), again.tag(true, at(0)));
    }

    #[test]
    fn a_file_is_settled_a_second_after_its_last_change_whatever_its_time_of_modification() {
        assert!(!stamp().is_settled(at(2_000_000_000)) && !stamp().is_settled(at(2_000_000_001)));
        assert!(stamp().is_settled(at(2_000_000_002)));
        let touched = Stamp { modified: (3_000_000_000, 0), ..stamp() };
        assert!(touched.is_settled(at(2_000_000_002)));
    }

    #[test]
    fn the_tag_of_a_young_file_matches_nothing_later_where_times_are_whole_seconds() {
        let coarse = Stamp { modified: (2_000_000_000, 0), ..stamp() };
        assert_ne!(coarse.tag(false, at(2_000_000_000)), coarse.tag(true, at(2_000_000_003)));
        assert_eq!(stamp().tag(false, at(2_000_000_000)), stamp().tag(true, at(2_000_000_003)));
    }
}
