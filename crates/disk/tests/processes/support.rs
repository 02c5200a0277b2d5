//! What the tests of whole processes share.

use bytes::Bytes;
use disk::{Disk, Found};
use std::future::{Future, poll_fn};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Polls until something holds, and not for ever.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Hands a response to the disk. `false`: it was turned away before its end.
pub(crate) fn write(disk: &Arc<Disk>, key: u128, head: Bytes, body: &[u8], is_known: bool) -> bool {
    let length = is_known.then_some(body.len() as u64);
    let Some(mut writer) = disk.write(key, head, length) else { return false };
    let is_taken = wait(async {
        for chunk in body.chunks(40_000) {
            let chunk = Bytes::copy_from_slice(chunk);
            if !poll_fn(|cx| writer.poll_push(cx, &chunk)).await {
                return false;
            }
        }
        true
    });
    if is_taken {
        writer.finish();
    }
    is_taken
}

/// The same, and waits for what comes of it. Is it there?
pub(crate) fn store(disk: &Arc<Disk>, key: u128, body: &[u8]) -> bool {
    let ended = || disk.counts().writes + disk.counts().refused;
    let before = ended();
    write(disk, key, Bytes::from_static(b"head"), body, true);
    until("it is written or refused", || ended() > before);
    disk.has(key)
}

pub(crate) fn find(disk: &Disk, key: u128) -> Option<Found> {
    wait(disk.find(key))
}

/// Looks until it is found, on a busy machine too.
pub(crate) fn find_in_time(disk: &Disk, key: u128) -> Found {
    let mut found = None;
    until("it is found", || {
        found = find(disk, key);
        found.is_some()
    });
    found.unwrap()
}

pub(crate) fn body(found: &Found) -> Vec<u8> {
    let mut bytes = vec![0; found.length as usize];
    found.file.read_exact_at(&mut bytes, found.offset).unwrap();
    bytes
}

/// Bytes that look like nothing else: others for each seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A key that is spread as real ones are.
pub(crate) fn key(number: u64) -> u128 {
    let mixed = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    mixed ^ (mixed >> 64)
}

/// Bytes on the disk of all responses, those that were being written included, as `du` counts. Nothing may move meanwhile.
pub(crate) fn usage(folder: &Path) -> u64 {
    let mut bytes = 0;
    for part in std::fs::read_dir(folder).unwrap() {
        let part = part.unwrap();
        if part.file_type().unwrap().is_dir() && part.file_name() != "notes" {
            let files = std::fs::read_dir(part.path()).unwrap();
            bytes += files.map(|file| file.unwrap().metadata().unwrap().blocks() * 512).sum::<u64>();
        }
    }
    bytes
}
