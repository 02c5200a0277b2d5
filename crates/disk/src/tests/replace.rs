//! Others in the place of what is there: bodies, heads, nothing.

use super::*;
use std::task::Poll;

#[test]
fn who_reads_what_is_replaced_reads_it_to_its_end() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    store(&disk, key(1), b"old", &noise(1, 500_000));
    let old = find_in_time(&disk, key(1));
    store(&disk, key(1), b"new", &noise(2, 400_000));
    let new = find_in_time(&disk, key(1));
    assert!(new.head == "new" && body(&new) == noise(2, 400_000));
    disk.remove(key(1));
    assert!(old.head == "old" && body(&old) == noise(1, 500_000));
    assert!(!disk.has(key(1)) && find(&disk, key(1)).is_none());
    assert_eq!(disk.counts().objects, 0);
}

#[test]
fn what_is_removed_is_not_found_from_then_on_and_its_file_goes() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    store(&disk, key(1), b"head", b"body");
    find_in_time(&disk, key(1));
    disk.tier.pool.hold(true);
    disk.remove(key(1));
    assert!(!disk.has(key(1)) && find(&disk, key(1)).is_none());
    assert!(place(&folder, key(1)).exists());
    disk.tier.pool.hold(false);
    until("the file is gone", || disk.counts().bytes == 0);
    assert!(!place(&folder, key(1)).exists());
}

#[test]
fn a_remove_takes_out_what_was_begun_before_it_and_not_what_is_begun_after() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    disk.tier.pool.hold(true);
    let mut before = disk.write(key(1), Bytes::from_static(b"before"), None).unwrap();
    assert!(wait(push(&mut before, b"body")));
    before.finish();
    let unfinished = disk.write(key(1), Bytes::from_static(b"unfinished"), None).unwrap();
    disk.remove(key(1));
    unfinished.finish();
    disk.tier.pool.hold(false);
    until("both have ended", || disk.tier.writers.load(std::sync::atomic::Ordering::Relaxed) == 0);
    assert!(!disk.has(key(1)) && !place(&folder, key(1)).exists());
    store(&disk, key(1), b"after", b"body");
    assert_eq!(find_in_time(&disk, key(1)).head, "after");
    assert_eq!(disk.counts().writes, 1);
}

#[test]
fn a_file_that_takes_the_place_of_one_that_was_removed_stays() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    store(&disk, key(1), b"old", &noise(1, 100_000));
    // As when the thread that deletes is overtaken by the one that writes.
    let (old, has_file) = disk.tier.index.remove(key(1));
    assert!(has_file);
    store(&disk, key(1), b"new", b"body");
    disk.tier.unlink(key(1), old);
    assert_eq!(find_in_time(&disk, key(1)).head, "new");
    assert!(place(&folder, key(1)).exists());
    assert_eq!(disk.counts().bytes, 4096, "the old one's bytes are given back");
}

#[test]
fn another_head_comes_before_the_same_body_shorter_or_longer() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    for (number, length) in [0, 10, 70_000, 9_000_000].into_iter().enumerate() {
        let key = key(number as u64);
        store(&disk, key, b"first head", &noise(key, length));
        for head in [&b"short"[..], &[b'x'; 6000], b""] {
            let old = find_in_time(&disk, key);
            disk.rewrite(&old, Bytes::copy_from_slice(head));
            until("the head is there", || find(&disk, key).is_some_and(|found| found.head == head));
            let new = find_in_time(&disk, key);
            assert!(body(&new) == noise(key, length) && body(&old) == noise(key, length));
        }
    }
    drop(disk);
    let disk = open(&folder, 64 * MIB);
    assert_eq!(body(&find_in_time(&disk, key(3))), noise(key(3), 9_000_000));
    assert_eq!(disk.counts().damaged, 0);
}

#[test]
fn of_two_heads_the_one_that_was_asked_for_last_stays() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    for round in 0..50 {
        store(&disk, key(round), b"old", &noise(1, 100_000));
        let found = find_in_time(&disk, key(round));
        disk.rewrite(&found, Bytes::from_static(b"second"));
        disk.rewrite(&found, Bytes::from_static(b"third"));
        until("both are done", || disk.tier.rewrites.load(std::sync::atomic::Ordering::Relaxed) == 0);
        assert_eq!(find_in_time(&disk, key(round)).head, "third");
    }
    assert_eq!(std::fs::read_dir(folder.path("tmp")).unwrap().count(), 0);
}

#[test]
fn a_head_is_not_put_before_a_body_that_it_does_not_belong_to() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    store(&disk, key(1), b"old", b"old body");
    let old = find_in_time(&disk, key(1));
    store(&disk, key(1), b"new", b"new body");
    disk.rewrite(&old, Bytes::from_static(b"old, refreshed"));
    disk.remove(key(2));
    until("it is done", || disk.tier.rewrites.load(std::sync::atomic::Ordering::Relaxed) == 0);
    let found = find_in_time(&disk, key(1));
    assert!(found.head == "new" && body(&found) == b"new body");
    disk.remove(key(1));
    disk.rewrite(&found, Bytes::from_static(b"removed"));
    until("it is done", || disk.tier.rewrites.load(std::sync::atomic::Ordering::Relaxed) == 0);
    assert!(find(&disk, key(1)).is_none() && !place(&folder, key(1)).exists());
}

#[test]
fn a_body_that_comes_while_another_is_copied_for_its_new_head_stays() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    store(&disk, key(1), b"old", &noise(1, 9_000_000));
    drop(disk);
    let disk = without_threads(&folder, 64 * MIB);
    disk.tier.load();
    let step = || assert!(disk.tier.pool.step(&disk.tier));
    let old = wait(async {
        let mut first = Box::pin(disk.find(key(1)));
        assert!(poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await.is_pending());
        while !disk.tier.index.slot(key(1)).unwrap().is_trusted {
            step();
        }
        // It is kept open now, however long the check has taken.
        disk.find(key(1)).await.unwrap()
    });
    // Begun before, so that its number does not tell.
    let new = disk.write(key(1), Bytes::from_static(b"new"), None).unwrap();
    disk.rewrite(&old, Bytes::from_static(b"old, refreshed"));
    new.finish();
    // A slice of the copy, the new body, and the rest of the copy.
    step();
    assert_eq!(std::fs::read_dir(folder.path("tmp")).unwrap().count(), 1);
    step();
    while disk.tier.pool.step(&disk.tier) {}
    assert_eq!(std::fs::read_dir(folder.path("tmp")).unwrap().count(), 0);
    let bytes = std::fs::read(place(&folder, key(1))).unwrap();
    assert!(bytes.len() == 56 + 3 + 8 && bytes[56..59] == *b"new");
    drop(old);
    disk.tier.room.reap();
    assert_eq!(disk.counts().bytes, 4096);
}
