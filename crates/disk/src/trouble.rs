//! A disk that refuses: writing rests a while, one line tells the operator, and then it is tried again.
//!
//! *Not here*: reading, which goes on; what is full or read-only can be read.

use observe::log::{Level, Throttle};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long writing rests. Long enough that a full disk costs nothing, short enough that nobody has to restart anything.
const REST: Duration = Duration::from_secs(5);

static TROUBLES: Throttle = Throttle::new();

/// Does the disk refuse?
pub(crate) struct Trouble {
    start: Instant,
    /// Milliseconds since the start until which writing rests.
    until: AtomicU64,
}

impl Trouble {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), until: AtomicU64::new(0) }
    }

    /// Does writing rest?
    pub(crate) fn rests(&self) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until > 0 && self.now() < until
    }

    /// Something was refused: told, and writing rests where others would be refused too.
    pub(crate) fn note(&self, path: &Path, doing: &str, error: &io::Error) {
        let path = path.display();
        if concerns_all(error) {
            self.until.store(self.now() + REST.as_millis() as u64, Ordering::Relaxed);
            let rest = REST.as_secs();
            let line = format_args!("disk cache {path}: {doing}: {error}; nothing is written for {rest} s");
            TROUBLES.write(Level::Warning, line);
        } else {
            TROUBLES.write(Level::Warning, format_args!("disk cache {path}: {doing}: {error}"));
        }
    }

    /// A file was damaged, and is dropped.
    pub(crate) fn damaged(path: &Path) {
        TROUBLES
            .write(Level::Warning, format_args!("disk cache: {} is damaged and was dropped", path.display()));
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Ends the rest.
    #[cfg(test)]
    pub(crate) fn forget(&self) {
        self.until.store(0, Ordering::Relaxed);
    }
}

/// Would the disk refuse others as well? Not where something foreign lies in one place, or one file is larger than the system allows.
fn concerns_all(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::DirectoryNotEmpty
            | ErrorKind::FileTooLarge
            | ErrorKind::NotFound
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_lets_writing_rest_and_one_file_that_is_too_large_does_not() {
        let trouble = Trouble::new();
        trouble.note(Path::new("/x"), "write", &ErrorKind::FileTooLarge.into());
        assert!(!trouble.rests());
        for code in [rustix::io::Errno::NOSPC, rustix::io::Errno::IO, rustix::io::Errno::ROFS] {
            trouble.forget();
            trouble.note(Path::new("/x"), "write", &io::Error::from_raw_os_error(code.raw_os_error()));
            assert!(trouble.rests(), "{code}");
        }
    }
}
