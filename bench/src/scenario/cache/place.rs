//! Folders for what servers keep in files, and what lies in them.

use crate::contender::{Cached, Contender, Tier};
use crate::lab::Lab;
use crate::port::free_port;
use crate::server::Server;
use anyhow::Result;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file system in memory, on every Linux.
const SHARED_MEMORY: &str = "/dev/shm";

/// Bytes for an object of 1 KiB, which is enough for every server.
const AMPLE: u64 = 6 * 1024;

/// What a server is asked for to see that it is ready, and connections to see that they are of use.
pub(super) const OPEN: &str = "/64/open/0";

/// A folder that goes when this is dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// In memory, where there is such a file system; else with the other files of the bench.
    pub(super) fn in_memory(lab: &Lab) -> Result<Self> {
        let path = Path::new(SHARED_MEMORY).join(format!("tidegate-bench-{}", std::process::id()));
        match std::fs::create_dir_all(&path) {
            Ok(()) => Ok(Self(path)),
            Err(_) => Self::on_disk(lab, "kept"),
        }
    }

    /// With the other files of the bench.
    pub(super) fn on_disk(lab: &Lab, name: &str) -> Result<Self> {
        Ok(Self(lab.folder_for(name)?))
    }

    /// Its path, with nothing in it.
    pub(super) fn emptied(&self) -> io::Result<PathBuf> {
        std::fs::remove_dir_all(&self.0)?;
        std::fs::create_dir_all(&self.0)?;
        Ok(self.0.clone())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over goes with the folder of the bench, or when the machine restarts.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Bytes that files below a folder take, in whole blocks.
pub(super) fn taken(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let each = entries.flatten().filter_map(|entry| {
        let about = entry.metadata().ok()?;
        // A block is 512 bytes here, whatever the file system's is: see stat(3type).
        Some(about.blocks() * 512 + if about.is_dir() { taken(&entry.path()) } else { 0 })
    });
    each.sum()
}

/// What a cache in memory has room for.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) bytes: u64,
    pub(super) objects: u64,
    /// More is asked for than there is room for.
    pub(super) overflows: bool,
}

impl Room {
    /// More than enough for so many objects of 1 KiB.
    pub(super) fn ample(objects: u64) -> Self {
        Self { bytes: (objects * AMPLE).max(64 << 20), objects: 2 * objects, overflows: false }
    }
}

/// A server of the cache in memory, and all that it holds there.
pub(super) struct InMemory {
    pub(super) server: Server,
    pub(super) cached: Cached,
}

impl InMemory {
    /// Starts a server with that room.
    pub(super) fn start(
        lab: &Lab,
        server: (Contender, &Path),
        origin: u16,
        room: Room,
        folder: &Folder,
    ) -> Result<Self> {
        let tier = Tier::Memory { bytes: room.bytes, files: folder.emptied()? };
        let (objects, overflows) = (room.objects, room.overflows);
        let cached = Cached { port: free_port()?, origin, admin: free_port()?, tier, objects, overflows };
        Ok(Self { server: lab.start_cached(server, &cached, OPEN)?, cached })
    }

    /// Bytes that it has in memory: its own, and files there.
    pub(super) fn holds(&self) -> u64 {
        self.server.usage().resident + taken(self.cached.files())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_take_whole_blocks_and_a_folder_goes_with_what_is_in_it() {
        let path = std::env::temp_dir().join(format!("tidegate-bench-test-{}-place", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let folder = Folder(path.clone());
        let empty = taken(&path);
        std::fs::create_dir(path.join("a")).unwrap();
        std::fs::write(path.join("a/b"), [7; 10_000]).unwrap();
        assert!(taken(&path) >= empty + 10_000, "{} more than {empty}", taken(&path));
        assert_eq!(std::fs::read_dir(folder.emptied().unwrap()).unwrap().count(), 0);
        drop(folder);
        assert!(!path.exists());
    }
}
