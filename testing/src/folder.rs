//! A folder of its own for a test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own, removed with all that is in it at the end.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one below the system's folder for temporary files.
    #[expect(clippy::new_without_default, reason = "it makes a folder, which nobody expects of a default")]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tidegate-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        // What an earlier process of this number has left is none of this one's.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("the temporary folder can be written");
        Self(path)
    }

    /// The path of a file in it, which need not exist.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file, and gives its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file in a folder of its own can be written");
        path
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_empty_at_first_and_gone_at_the_end() {
        let (one, other) = (Folder::new(), Folder::new());
        let file = one.write("a", "text");
        assert!(file.exists() && !other.path("a").exists());
        drop(one);
        assert!(!file.exists() && other.as_ref().is_dir());
    }
}
