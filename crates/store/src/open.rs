//! Opening the file: its folder, its mode, its layout, and a look whether it is whole.
//!
//! The file is its owner's alone (0600): it has hashes of keys and names of consumers in it. SQLite gives its two companions
//! (`-wal`, `-shm`) the same mode. The write-ahead log lets one process write while others read. A damaged file is an error
//! here, at the start, and not in the hour in which a key is revoked.

use crate::StoreError;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The file's name in the data folder.
pub const FILE: &str = "tidegate.db";
/// How long a call waits for another process that writes. A write takes milliseconds; seconds mean that a disk hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// Says whose file it is, in a field of SQLite's header that is made for this: "tdgt".
const APPLICATION: i32 = 0x7464_6774;
/// The layout that this program writes.
const LAYOUT: u32 = 1;

/// Layout 1. `seq` grows with each change of any record, so a reader can ask for what is new.
const TABLES: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE counter (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL) STRICT;
    INSERT INTO counter VALUES (1, 0);
    CREATE TABLE record (
        family TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (family, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX record_order ON record (family, seq);
    CREATE TABLE last_use (id TEXT PRIMARY KEY, unix INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE quota (
        key BLOB NOT NULL, span INTEGER NOT NULL, start INTEGER NOT NULL, used INTEGER NOT NULL,
        PRIMARY KEY (key, span)
    ) STRICT, WITHOUT ROWID;
";

/// The open file. Threads share it; calls come one after the other.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
}

/// How sure a write has to be before it is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// On the disk: it survives the loss of power.
    Disk,
    /// With the kernel: it survives the end of the process, and the loss of power may take the last of it, whole.
    Kernel,
}

impl Store {
    /// Opens the file in `folder`; makes both where they are missing. Waits for another process that opens it at the same time.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        make_folder(folder)?;
        let path = folder.join(FILE);
        make_file(&path)?;
        let connection = connect(&path).map_err(|error| StoreError::sql(&path, &error))?;
        let store = Self { path, connection: Mutex::new(connection) };
        store.check()?;
        store.lay_out()?;
        Ok(store)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(&self.lock()).map_err(|error| StoreError::sql(&self.path, &error))
    }

    /// Reads and writes, all or nothing, while no other process writes.
    pub(crate) fn write<T>(
        &self,
        promise: Promise,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.lock();
        let whole = || {
            let level = if promise == Promise::Disk { "FULL" } else { "NORMAL" };
            connection.pragma_update(None, "synchronous", level)?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        whole().map_err(|error| StoreError::sql(&self.path, &error))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // Whoever panicked with it has rolled back: SQLite's transactions end with the value that holds them.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is it whole, and ours?
    fn check(&self) -> Result<(), StoreError> {
        let found: String = self.read(|db| db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))?;
        if found != "ok" {
            return Err(StoreError::Corrupt { path: self.path.clone(), detail: found });
        }
        // In this order: another process may lay out an empty file at this very moment.
        let is_empty = "SELECT count(*) = 0 FROM sqlite_schema";
        let is_empty: bool = self.read(|db| db.query_row(is_empty, [], |row| row.get(0)))?;
        let application: i32 = self.read(|db| db.query_row("PRAGMA application_id", [], |row| row.get(0)))?;
        if !is_empty && application != APPLICATION {
            return Err(StoreError::Foreign { path: self.path.clone() });
        }
        Ok(())
    }

    /// Makes the tables, where no other process has done so meanwhile.
    fn lay_out(&self) -> Result<(), StoreError> {
        let found = self.write(Promise::Disk, |db| {
            let found: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            if found == 0 {
                db.execute_batch(TABLES)?;
                db.pragma_update(None, "application_id", APPLICATION)?;
                db.pragma_update(None, "user_version", LAYOUT)?;
            }
            Ok(found)
        })?;
        if found > LAYOUT {
            return Err(StoreError::Newer { path: self.path.clone(), found, known: LAYOUT });
        }
        Ok(())
    }
}

fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| StoreError::File { path: folder.to_owned(), source })
}

/// The file is there and its owner's alone, before a byte stands in it.
fn make_file(path: &Path) -> Result<(), StoreError> {
    let narrow = || {
        let file = fs::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        Ok(())
    };
    narrow().map_err(|source| StoreError::File { path: path.to_owned(), source })
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Two processes that turn an empty file to write-ahead logging at once meet in a lock that SQLite does not wait for.
    let start = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => break other?,
        }
    }
    // A file that was written by others on purpose must not make us run or read anything beyond its tables.
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

#[cfg(test)]
pub(crate) mod scratch;
#[cfg(test)]
mod tests;
