//! A process that is killed while it writes, fifty times, always on the same folder.
//!
//! The oracle: a head says which key, which round and which length it was written with, and all of the body follows from these. So
//! whatever is found can be told from what never was written under its key, and from what was written in part.

use crate::support::{body, find, key, noise, until, usage, wait, write};
use bytes::Bytes;
use disk::{Disk, DiskSettings, Found};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use testing::Folder;

/// Where the one that is killed finds its folder.
const FOLDER: &str = "TIDEGATE_TEST_DISK_FOLDER";
const BOUND: u64 = 8 << 20;
const KEYS: u64 = 300;

fn settings(path: &Path) -> DiskSettings {
    DiskSettings { path: path.to_owned(), bytes: BOUND, max_object: 1 << 20, threads: 2 }
}

/// Numbers that nobody has chosen.
struct Lots(u64);

impl Lots {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn head(number: u64, round: u64, length: u64, extra: usize) -> Bytes {
    let mut head = [number.to_le_bytes(), round.to_le_bytes(), length.to_le_bytes()].concat();
    head.resize(24 + extra, b'x');
    head.into()
}

/// Is that whole, and was it written under this key?
fn assert_written(number: u64, found: &Found) {
    let part = |at: usize| u64::from_le_bytes(found.head[at..at + 8].try_into().unwrap());
    let (of, round, length) = (part(0), part(8), part(16));
    assert_eq!((of, length), (number, found.length));
    assert!(body(found) == noise(number << 32 | round, length as usize), "key {number}, round {round}");
}

/// The one that is killed.
#[test]
#[ignore = "a part of the test below, which starts it"]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let disk = Disk::open(settings(&folder)).unwrap();
    let rounds = AtomicU64::new(u64::from(std::process::id()) << 8);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| write_for_ever(&disk, &rounds));
        }
    });
}

fn write_for_ever(disk: &Arc<Disk>, rounds: &AtomicU64) {
    loop {
        let round = rounds.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff;
        let mut lots = Lots(round);
        let number = lots.below(KEYS);
        let length = if lots.below(4) == 0 { lots.below(400_000) } else { lots.below(20_000) };
        match lots.below(10) {
            0 => disk.remove(key(number)),
            1 | 2 => {
                if let Some(found) = find(disk, key(number)) {
                    assert_written(number, &found);
                    let longer = [&found.head[..24], &vec![b'y'; lots.below(9000) as usize]].concat();
                    disk.rewrite(&found, longer.into());
                }
            }
            _ => {
                let body = noise(number << 32 | round, length as usize);
                let head = head(number, round, length, lots.below(100) as usize);
                write(disk, key(number), head, &body, round.is_multiple_of(2));
            }
        }
    }
}

#[test]
fn a_process_that_is_killed_fifty_times_leaves_whole_responses_or_none_within_the_bound() {
    let folder = Folder::new();
    let mut lots = Lots(7);
    let (mut survivors, mut warm) = (0, 0);
    for round in 0..50 {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program)
            .args(["--ignored", "--exact", "crash::writes_until_it_is_killed"])
            .env(FOLDER, folder.as_ref())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Not a wait for anything: the moment of death is what is varied.
        std::thread::sleep(Duration::from_millis(1 + lots.below(250)));
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(ended, None, "it has ended by itself, in round {round}");
        assert!(round == 0 || usage(folder.as_ref()) <= BOUND, "round {round}");
        let whole = examine(folder.as_ref());
        survivors += whole;
        warm += u64::from(whole > 0);
    }
    assert!(warm > 40 && survivors > 1000, "{survivors} survivors, {warm} of 50 starts were warm");
}

/// Opens what is left, looks at all of it, and says how many responses there are.
fn examine(folder: &Path) -> u64 {
    let disk = Disk::open(settings(folder)).unwrap();
    let early: Vec<_> = (0..20).filter_map(|number| Some((number, find(&disk, key(number))?))).collect();
    until("the index is whole", || disk.counts().is_loaded);
    assert_eq!(std::fs::read_dir(folder.join("tmp")).unwrap().count(), 0);
    let mut whole = 0;
    wait(async {
        for number in 0..KEYS {
            let Some(found) = disk.find(key(number)).await else { continue };
            assert_written(number, &found);
            whole += 1;
        }
    });
    for (number, found) in early {
        assert_written(number, &found);
    }
    let counts = disk.counts();
    // A process that is killed damages nothing: only a loss of power does.
    assert_eq!((counts.damaged, counts.evictions), (0, 0));
    assert!(counts.bytes <= BOUND && usage(folder) <= counts.bytes, "{counts:?}");
    whole
}
