//! Log files that may be moved away by somebody else, and are put aside when they are large.
//!
//! A log file belongs to nobody: `logrotate` may rename it, a second process may write to it during an upgrade. So it is
//! opened for appending, and whoever writes to it compares the path with what is open from time to time.
//! *Promise*: what was written stays in the file it was written to; of those put aside only the oldest is lost.
//! *Not here*: writing, and when to look. Cost: two system calls a look.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// When a file is put aside for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotate {
    /// Bytes above which the file is renamed to `NAME.1`, the older ones to `NAME.2` and so on.
    pub max_size: u64,
    /// How many renamed files are kept.
    pub keep: u32,
}

/// Opens the end of a log file, and makes it where it is missing. Logs hold personal data: nobody but the owner and its
/// group may read them.
pub fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// Puts an open log file aside where it has grown large. True where the path no longer names it, whoever has moved it away:
/// it is to be opened again. `size` becomes the file's, in bytes; devices and pipes have none and are never put aside.
///
/// On an error from putting it aside `size` is 0, so that a writer that asks by size tries again `max_size` bytes later.
pub fn tend_log(path: &Path, file: &File, size: &mut u64, rotate: Option<Rotate>) -> io::Result<bool> {
    let open = file.metadata()?;
    let is_same = match fs::metadata(path) {
        Ok(named) => (named.dev(), named.ino()) == (open.dev(), open.ino()),
        Err(e) if e.kind() == ErrorKind::NotFound => false,
        Err(e) => return Err(e),
    };
    if !is_same {
        return Ok(true);
    }
    *size = open.len();
    match rotate {
        Some(rotate) if *size >= rotate.max_size && open.is_file() => {
            *size = 0;
            put_aside(path, rotate.keep)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// `log` becomes `log.1`, `log.1` becomes `log.2`, and so on; what would be older than `keep` is overwritten.
fn put_aside(path: &Path, keep: u32) -> io::Result<()> {
    if keep == 0 {
        return fs::remove_file(path);
    }
    for n in (1..keep).rev() {
        match fs::rename(numbered(path, n), numbered(path, n + 1)) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    fs::rename(path, numbered(path, 1))
}

fn numbered(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}
