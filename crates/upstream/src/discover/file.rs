//! Endpoints from a file that somebody else writes.
//!
//! It is looked at each second and read when it has changed: its times, its length or the file itself, as when a new
//! one is moved in its place or a link is turned. A file that is away or cannot be understood changes nothing; that
//! is told once.
//! *Not here*: the format. Whoever knows it gives the function that reads it.

use super::{Found, Look};
use crate::service::EndpointSettings;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Reads a file's list of endpoints. The text says what is wrong with it.
pub type Parse = Arc<dyn Fn(&Path) -> Result<Vec<EndpointSettings>, String> + Send + Sync>;

/// Endpoints in a file.
#[derive(Clone)]
pub struct FileSettings {
    /// Which.
    pub path: PathBuf,
    /// How it is read. What it gives must follow from the file alone: settings with the same path are the same.
    pub parse: Parse,
}

impl PartialEq for FileSettings {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for FileSettings {}

impl std::fmt::Debug for FileSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSettings").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What is remembered between looks.
#[derive(Debug, Default)]
pub(super) struct Seen {
    stamp: Option<Stamp>,
    trouble: Option<String>,
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    changed: (i64, i64),
    length: u64,
    file: (u64, u64),
}

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let meta = std::fs::metadata(path)?;
        Ok(Self {
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            length: meta.len(),
            file: (meta.dev(), meta.ino()),
        })
    }
}

/// Looks once.
pub(super) fn look(settings: &FileSettings, seen: &mut Seen) -> Look {
    let mut endpoints = None;
    match Stamp::of(&settings.path) {
        Err(e) => {
            seen.stamp = None;
            seen.trouble = Some(e.to_string());
        }
        Ok(stamp) if seen.stamp == Some(stamp) => {}
        // The stamp is older than what is read: a change in between is seen at the next look.
        Ok(stamp) => {
            seen.stamp = Some(stamp);
            let parsed = (settings.parse)(&settings.path);
            seen.trouble = parsed.as_ref().err().cloned();
            let listed = |settings| Found { settings, priority: None };
            endpoints = parsed.ok().map(|list| list.into_iter().map(listed).collect());
        }
    }
    let trouble = seen.trouble.as_ref().map(|why| format!("file `{}`: {why}", settings.path.display()));
    Look { endpoints, trouble, again: Some(LOOK) }
}
