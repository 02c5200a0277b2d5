//! The room as its users see it, on real folders.

mod bound;
mod damage;
mod model;
mod replace;
mod restart;
mod round;
mod slow;

use crate::{Counts, Disk, DiskSettings, Found, Writer};
use bytes::Bytes;
use std::future::{Future, poll_fn};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testing::Folder;

const MIB: u64 = 1 << 20;

fn settings(path: &Path, bytes: u64) -> DiskSettings {
    DiskSettings { path: path.to_owned(), bytes, max_object: bytes / 2, threads: 2 }
}

/// An open room whose index is whole.
fn open(folder: &Folder, bytes: u64) -> Arc<Disk> {
    let disk = Disk::open(settings(folder.as_ref(), bytes)).unwrap();
    until("the index is whole", || disk.counts().is_loaded);
    disk
}

/// The room without threads: nothing is done in it but what the test does.
fn without_threads(folder: &Folder, bytes: u64) -> Arc<Disk> {
    let tier = crate::tier::Tier::open(&settings(folder.as_ref(), bytes)).unwrap();
    Arc::new(Disk { tier: Arc::new(tier) })
}

/// Polls until something holds, and not for ever.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

async fn push(writer: &mut Writer, bytes: &[u8]) -> bool {
    let bytes = Bytes::copy_from_slice(bytes);
    poll_fn(|cx| writer.poll_push(cx, &bytes)).await
}

/// Writes a response and waits until it is there or refused.
fn store(disk: &Arc<Disk>, key: u128, head: &[u8], body: &[u8]) {
    let before = ended(disk.counts());
    let mut writer = disk.write(key, Bytes::copy_from_slice(head), Some(body.len() as u64)).unwrap();
    wait(async {
        for chunk in body.chunks(100_000) {
            if !push(&mut writer, chunk).await {
                break;
            }
        }
    });
    writer.finish();
    until("the response is written", || ended(disk.counts()) > before);
}

fn ended(counts: Counts) -> u64 {
    counts.writes + counts.refused
}

fn find(disk: &Disk, key: u128) -> Option<Found> {
    wait(disk.find(key))
}

/// Looks until a check of a large file, or of one on a busy machine, is done.
fn find_in_time(disk: &Disk, key: u128) -> Found {
    let mut found = None;
    until("it is found", || {
        found = find(disk, key);
        found.is_some()
    });
    found.unwrap()
}

fn body(found: &Found) -> Vec<u8> {
    let mut bytes = vec![0; found.length as usize];
    found.file.read_exact_at(&mut bytes, found.offset).unwrap();
    bytes
}

/// Bytes that look like nothing else: another start for each key.
fn noise(key: u128, length: usize) -> Vec<u8> {
    let mut state = key as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(next).collect()
}

/// A key that is spread as real ones are.
fn key(number: u64) -> u128 {
    let mixed = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    mixed ^ (mixed >> 64)
}

fn place(folder: &Folder, key: u128) -> PathBuf {
    folder.path(&format!("{:02x}/{key:032x}", (key >> 120) as u8))
}

/// Bytes on the disk of all files, those that are being written included, as `du` counts.
fn usage(folder: &Path) -> u64 {
    let mut bytes = 0;
    for part in std::fs::read_dir(folder).unwrap() {
        let part = part.unwrap();
        if !part.file_type().unwrap().is_dir() || part.file_name() == "notes" {
            continue;
        }
        for file in std::fs::read_dir(part.path()).unwrap() {
            // It may be renamed or deleted while we look.
            let Ok(metadata) = file.unwrap().metadata() else { continue };
            bytes += metadata.blocks() * 512;
        }
    }
    bytes
}

fn files(folder: &Path) -> usize {
    let folders =
        std::fs::read_dir(folder).unwrap().filter_map(|part| std::fs::read_dir(part.unwrap().path()).ok());
    folders.map(Iterator::count).sum()
}
