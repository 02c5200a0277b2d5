//! Disks that refuse: full, read-only, no files so large.

use crate::support::{body, find, find_in_time, key, noise, store, until};
use disk::{Disk, DiskSettings};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testing::Folder;

const MIB: u64 = 1 << 20;
/// Where the one with limits finds its folder.
const FOLDER: &str = "TIDEGATE_TEST_DISK_LIMITED";

fn open(path: &Path) -> Arc<Disk> {
    let settings = DiskSettings { path: path.to_owned(), bytes: 64 * MIB, max_object: 32 * MIB, threads: 2 };
    let disk = Disk::open(settings).unwrap();
    until("the index is whole", || disk.counts().is_loaded);
    disk
}

/// A file system of 4 MiB in memory, unmounted at the end.
struct Small(Folder);

impl Small {
    /// `None`, and a word why, where this user may mount nothing.
    #[expect(
        clippy::explicit_write,
        reason = "the harness hides what `eprintln!` says in a test that does not fail"
    )]
    fn mount(test: &str) -> Option<Self> {
        let folder = Folder::new();
        let mut mount = Command::new("mount");
        let done = mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.as_ref()).output();
        let why = match done {
            Ok(done) if done.status.success() => return Some(Self(folder)),
            Ok(done) => String::from_utf8_lossy(&done.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        writeln!(std::io::stderr(), "SKIPPED {test}: mount (needs root): {why}").unwrap();
        None
    }

    fn remount(&self, how: &str) {
        let done = Command::new("mount").args(["-o", how]).arg(self.0.as_ref()).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily, should a test have failed with a file open.
        let _ = Command::new("umount").arg("-l").arg(self.0.as_ref()).stderr(Stdio::null()).status();
    }
}

#[test]
fn a_full_disk_refuses_rests_goes_on_to_serve_and_is_written_again_when_there_is_room() {
    let Some(small) = Small::mount("a full disk") else { return };
    let disk = open(small.0.as_ref());
    let mut number = 0;
    while store(&disk, key(number), &noise(number, 300_000)) {
        number += 1;
        assert!(number < 20, "4 MiB do not hold 6");
    }
    assert!(number > 5 && disk.counts().refused == 1);
    assert_eq!(std::fs::read_dir(small.0.path("tmp")).unwrap().count(), 0);

    let rest = Instant::now();
    assert!(disk.write(key(99), "head".into(), Some(10)).is_none(), "writing rests");
    assert_eq!(disk.counts().refused, 2);
    for number in 0..number {
        assert_eq!(body(&find_in_time(&disk, key(number))), noise(number, 300_000));
    }
    assert_eq!(disk.counts().evictions, 0, "nobody goes for one that cannot be written");

    for number in 0..number / 2 {
        disk.remove(key(number));
    }
    until("it is tried again", || disk.write(key(99), "head".into(), Some(10)).is_some());
    assert!(rest.elapsed() > Duration::from_secs(3), "{:?}", rest.elapsed());
    assert!(store(&disk, key(100), &noise(100, 300_000)));
    drop(disk);
}

#[test]
fn a_disk_that_has_become_read_only_still_serves() {
    let Some(small) = Small::mount("a read-only disk") else { return };
    let disk = open(small.0.as_ref());
    assert!(store(&disk, key(1), b"one") && store(&disk, key(2), b"two"));
    small.remount("remount,ro");
    assert!(!store(&disk, key(3), b"three"));
    assert_eq!(body(&find_in_time(&disk, key(1))), b"one");
    disk.remove(key(2));
    assert!(find(&disk, key(2)).is_none(), "what is removed is not found though its file stays");
    assert!(disk.note("purges", b"x").is_err());
    small.remount("remount,rw");
    until("it is written again", || disk.write(key(4), "head".into(), Some(10)).is_some());
}

/// The one with limits.
#[test]
#[ignore = "a part of the test below, which starts it"]
fn writes_with_a_limit_on_the_size_of_files() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let disk = open(&folder);
    assert!(store(&disk, key(1), &noise(1, 10_000)));
    assert!(!store(&disk, key(2), &noise(2, 9_000_000)), "larger than the limit");
    assert_eq!(disk.counts().refused, 1);
    assert!(store(&disk, key(3), &noise(3, 10_000)), "what is small is written on");
    assert!(disk.counts().bytes < MIB, "nothing of the large one is left in the books");
    assert_eq!(std::fs::read_dir(folder.join("tmp")).unwrap().count(), 0, "nor on the disk");
    assert_eq!(body(&find_in_time(&disk, key(3))), noise(3, 10_000));
}

#[test]
fn a_file_that_is_larger_than_the_system_allows_is_refused_alone() {
    let folder = Folder::new();
    // Blocks of 512 bytes or of 1024, as the shell has it: 1 or 2 MiB. The signal that comes with the error would end the process.
    let script = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" --ignored --exact refuse::writes_with_a_limit_on_the_size_of_files";
    let done = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, folder.as_ref())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}
