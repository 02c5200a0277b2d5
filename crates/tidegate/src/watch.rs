//! The config file, and whether it has changed since it was last read, by whomever.

use config::{Loaded, Report};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// What changes when a file does: its time, its length and which file it is.
type Stamp = (SystemTime, u64, u64);

/// A config file that is read again and again.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    /// Of the file as it was last read; `None` where it was not there.
    read: Mutex<Option<Stamp>>,
}

impl ConfigFile {
    /// The file of that name.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.into(), read: Mutex::default() }
    }

    /// Reads it.
    pub(crate) fn load(&self) -> Result<Loaded, Report> {
        // Looked at before it is read: what changes in between is read once too often, not once too rarely.
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = stamp(&self.path);
        config::load(&self.path)
    }

    /// Is there another file than the one that was read? One that is away is being replaced: what counts is the one
    /// that comes.
    pub(crate) fn has_changed(&self) -> bool {
        let now = stamp(&self.path);
        now.is_some() && now != *self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_read_has_not_changed_until_it_has() {
        let path = std::env::temp_dir().join(format!("tidegate-watch-{}.yaml", std::process::id()));
        std::fs::write(&path, "nonsense").expect("the temporary folder can be written");
        let file = ConfigFile::at(&path);
        assert!(file.has_changed(), "it was never read");
        assert!(file.load().is_err());
        assert!(!file.has_changed(), "it is as bad as it was");
        std::fs::write(&path, "other nonsense").expect("the temporary folder can be written");
        assert!(file.has_changed());
        assert!(file.load().is_err());
        std::fs::remove_file(&path).expect("it is there");
        assert!(!file.has_changed(), "it is away");
    }
}
