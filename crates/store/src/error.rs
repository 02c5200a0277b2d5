//! What can go wrong with the file, each with the file's name: the operator has to find it.
//!
//! *Not here*: what becomes of the program. A store that cannot be opened stops the start; one that fails later is told.

use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

/// Why the store could not do what it was asked for. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or the file cannot be made, opened or given to its owner alone.
    #[error("{}: {source}", path.display())]
    File {
        /// The folder or the file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is damaged, or no database at all.
    #[error("{}: the file is damaged ({detail}); move it away to begin with an empty one, or bring back a copy", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was seen.
        detail: String,
    },
    /// A database, but of another program.
    #[error("{}: not a file of Tidegate", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer Tidegate has written it.
    #[error("{}: written by a newer Tidegate (layout {found}, this one knows {known})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The layout in the file.
        found: u32,
        /// The newest layout that this program knows.
        known: u32,
    },
    /// Another process has held it for too long.
    #[error("{}: held by another process", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// No room on the disk.
    #[error("{}: the disk is full", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// One record in it cannot be read. The others can.
    #[error("{}: the record {id:?} cannot be read: {detail}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The record.
        id: String,
        /// Why.
        detail: String,
    },
    /// Anything else that SQLite says.
    #[error("{}: {detail}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What it says.
        detail: String,
    },
}

impl StoreError {
    /// What SQLite says of the file at `path`.
    pub(crate) fn sql(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, detail: error.to_string() }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            _ => Self::Other { path, detail: error.to_string() },
        }
    }
}
