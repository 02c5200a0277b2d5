//! Files whose change replaces the instances of a service.
//!
//! Looked at once a second by name, time and length, which works on every file system, for at most [`FILES_MOST`] files.
//! A change counts once nothing has changed for [`QUIET`], so a build that writes many files is one change.
//! *Not here*: what is hidden, and what builds and package managers fill: `node_modules`, `target`, `__pycache__`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);
/// No change for so long.
const QUIET: Duration = Duration::from_millis(500);
/// Files and folders that are looked at.
const FILES_MOST: usize = 5000;
/// Folders that are passed over, beside hidden ones.
const PASSED_OVER: [&str; 3] = ["node_modules", "target", "__pycache__"];

/// Watches for ever, and tells of changes.
pub(super) async fn watch(paths: Vec<PathBuf>, changed: impl Fn()) {
    let mut known = look(&paths).await;
    loop {
        sleep(LOOK).await;
        let mut now = look(&paths).await;
        if now == known {
            continue;
        }
        loop {
            sleep(QUIET).await;
            let later = look(&paths).await;
            if later == now {
                break;
            }
            now = later;
        }
        // Changed and changed back is no change.
        if now != known {
            known = now;
            changed();
        }
    }
}

/// On another thread: a disk may take its time.
async fn look(paths: &[PathBuf]) -> Option<u64> {
    let paths = paths.to_vec();
    tokio::task::spawn_blocking(move || mark(&paths)).await.ok()
}

/// A number that changes when anything there does.
fn mark(paths: &[PathBuf]) -> u64 {
    let mut left = FILES_MOST;
    let mut sum = 0_u64;
    let mut folders: Vec<PathBuf> = Vec::new();
    for path in paths {
        sum = sum.wrapping_add(one(path, &mut folders));
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if left == 0 {
                return sum;
            }
            left -= 1;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with('.') && !PASSED_OVER.contains(&&*name) {
                // The order in which a folder is read means nothing, so what is found is added up.
                sum = sum.wrapping_add(one(&entry.path(), &mut folders));
            }
        }
    }
    sum
}

fn one(path: &Path, folders: &mut Vec<PathBuf>) -> u64 {
    // Links are not followed: what they form may have no end.
    let Ok(meta) = fs::symlink_metadata(path) else { return 0 };
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    if meta.is_dir() {
        folders.push(path.to_owned());
    } else {
        (meta.mtime(), meta.mtime_nsec(), meta.len(), meta.ino()).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::Folder;

    #[test]
    fn whatever_changes_below_is_noticed_and_what_tools_write_is_not() {
        let folder = Folder::new();
        let write = |name: &str, text: &str| {
            let path = folder.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let mark = || mark(&[folder.path("")]);
        let empty = mark();
        write("app/deep/main.py", "1");
        let first = mark();
        assert_ne!(first, empty);
        for ignored in [".git/index", "node_modules/x/y.js", "target/debug/app", "app/__pycache__/main.pyc"] {
            write(ignored, "1");
        }
        let with_ignored = mark();
        write(".git/index", "22");
        write("app/__pycache__/main.pyc", "22");
        assert_eq!(mark(), with_ignored);
        assert_eq!(with_ignored, first);
        write("app/deep/main.py", "22");
        let second = mark();
        assert_ne!(second, first);
        fs::rename(folder.path("app/deep/main.py"), folder.path("app/deep/other.py")).unwrap();
        assert_ne!(mark(), second);
    }

    #[test]
    fn a_folder_without_end_is_looked_at_within_a_bound() {
        let folder = Folder::new();
        std::os::unix::fs::symlink(folder.path(""), folder.path("again")).unwrap();
        assert_ne!(mark(&[folder.path("")]), 0);
        assert_eq!(mark(&[folder.path("not-there")]), 0);
    }
}
