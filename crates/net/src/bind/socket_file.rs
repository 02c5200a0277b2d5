//! The file of a Unix socket, which outlives the socket and has to be removed by hand.
//!
//! By the time it is to go, somebody else may have put another file in its place. So a file is known by its device and
//! its number, and only that one is removed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A socket file that this process, or one before it, has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and number (inode).
    identity: (u64, u64),
}

impl SocketFile {
    /// The file that is there now.
    pub fn at(path: &Path) -> io::Result<Self> {
        identity(path).map(|identity| Self { path: path.into(), identity })
    }

    /// The file that was there with this device and number.
    pub fn known(path: PathBuf, identity: (u64, u64)) -> Self {
        Self { path, identity }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its device and its number (inode).
    pub fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Removes it, unless another file is there by now. Tells whether it was removed.
    pub fn remove(&self) -> io::Result<bool> {
        match identity(&self.path) {
            Ok(there) if there == self.identity => fs::remove_file(&self.path).map(|()| true),
            Ok(_) => Ok(false),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()))
}
