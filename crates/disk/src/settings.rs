//! Where, and how large.

use std::path::PathBuf;

/// Where, and how large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskSettings {
    /// A folder of its own. Made where it is not there; one process at a time uses it.
    pub path: PathBuf,
    /// Bytes of all responses together, as they take room on the disk. Notes, and the folders themselves (some MiB), come on top.
    pub bytes: u64,
    /// Largest body, in bytes.
    pub max_object: u64,
    /// Threads that read and write.
    pub threads: usize,
}

/// Why there is no disk tier.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The folder cannot be made, read or written.
    #[error("{path}: {why}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// Another process uses it.
    #[error("{0} is in use by another process: give each its own folder")]
    InUse(PathBuf),
}
