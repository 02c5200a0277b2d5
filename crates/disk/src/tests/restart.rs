//! Warm after a restart.

use super::*;
use std::sync::atomic::Ordering;
use std::task::Poll;

#[test]
fn what_was_finished_is_there_after_a_restart_and_is_checked_once() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    for number in 0..200 {
        let writer = disk.write(key(number), noise(1, 50).into(), None);
        let mut writer = writer.unwrap();
        assert!(wait(push(&mut writer, &noise(key(number), number as usize * 100))));
        writer.finish();
    }
    // Dropping it waits for what is finished.
    drop(disk);
    let disk = open(&folder, 64 * MIB);
    assert_eq!(disk.counts().objects, 200);
    assert!(disk.counts().bytes >= usage(folder.as_ref()));
    for number in 0..200 {
        let found = find_in_time(&disk, key(number));
        assert_eq!(body(&found), noise(key(number), number as usize * 100));
        assert!(disk.tier.index.slot(key(number)).unwrap().is_trusted);
    }
    assert_eq!(disk.counts().damaged, 0);
}

#[test]
fn files_are_found_before_the_walk_has_come_to_them_and_what_is_removed_is_not() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    for number in 0..20 {
        store(&disk, key(number), b"old", b"body");
    }
    drop(disk);
    let disk = without_threads(&folder, 64 * MIB);
    disk.tier.pool.start(&disk.tier, "disk", |tier| tier.pool.work(tier)).unwrap();
    assert!(!disk.has(key(1)) && !disk.counts().is_loaded);
    assert_eq!(body(&find_in_time(&disk, key(1))), b"body");
    assert!(disk.has(key(1)) && find(&disk, key(99)).is_none());

    disk.tier.pool.hold(true);
    disk.remove(key(2));
    disk.remove(key(1));
    assert!(find(&disk, key(1)).is_none() && find(&disk, key(2)).is_none());
    disk.tier.pool.hold(false);
    store(&disk, key(3), b"new", b"new body");
    disk.tier.load();
    assert!(disk.counts().is_loaded);
    assert_eq!(disk.counts().objects, 18);
    assert_eq!(find_in_time(&disk, key(3)).head, "new");
    assert!(find(&disk, key(1)).is_none() && find(&disk, key(2)).is_none());
    assert!(!place(&folder, key(2)).exists());
}

#[test]
fn where_more_is_removed_than_can_be_remembered_nothing_unknown_comes_back() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    for number in 0..20 {
        store(&disk, key(number), b"old", b"body");
    }
    drop(disk);
    let disk = without_threads(&folder, 64 * MIB);
    // All in one part of the index.
    for number in 0..=1_u128 << 16 {
        disk.remove(number << 32);
    }
    disk.tier.load();
    assert_eq!((disk.counts().objects, usage(folder.as_ref())), (0, 0));
}

#[test]
fn what_may_be_there_counts_before_it_is_known() {
    let folder = Folder::new();
    let disk = open(&folder, 8 * MIB);
    for number in 0..70 {
        store(&disk, key(number), b"", &noise(1, 100_000));
    }
    drop(disk);
    let before = usage(folder.as_ref());
    let disk = without_threads(&folder, 8 * MIB);
    disk.tier.pool.start(&disk.tier, "disk", |tier| tier.pool.work(tier)).unwrap();
    for number in 100..140 {
        store(&disk, key(number), b"", &noise(1, 100_000));
    }
    assert!(before > 6 * MIB && usage(folder.as_ref()) <= 8 * MIB);
    let counts = disk.counts();
    assert!(counts.refused + counts.evictions > 0, "only the new ones are known, and could go: {counts:?}");
    disk.tier.load();
    for number in 200..240 {
        store(&disk, key(number), b"", &noise(1, 100_000));
    }
    assert!(disk.has(key(239)) && usage(folder.as_ref()) <= 8 * MIB);
}

#[test]
fn an_empty_folder_can_be_written_at_once() {
    let folder = Folder::new();
    let disk = Disk::open(settings(folder.as_ref(), 64 * MIB)).unwrap();
    store(&disk, key(1), b"head", b"body");
    find_in_time(&disk, key(1));
    assert_eq!(disk.tier.tally.refused.load(Ordering::Relaxed), 0);
}

#[test]
fn a_large_file_is_checked_in_slices_and_small_ones_have_their_turn_between_them() {
    let folder = Folder::new();
    let disk = open(&folder, 256 * MIB);
    store(&disk, key(1), b"large", &noise(1, 20 << 20));
    store(&disk, key(2), b"small", b"body");
    drop(disk);
    let disk = without_threads(&folder, 256 * MIB);
    disk.tier.load();
    wait(async {
        let mut large = Box::pin(disk.find(key(1)));
        let mut small = Box::pin(disk.find(key(2)));
        assert!(poll_fn(|cx| Poll::Ready(large.as_mut().poll(cx))).await.is_pending());
        assert!(poll_fn(|cx| Poll::Ready(small.as_mut().poll(cx))).await.is_pending());
        assert!(disk.tier.pool.step(&disk.tier) && disk.tier.pool.step(&disk.tier));
        assert_eq!(small.await.unwrap().head, "small");
    });
    let is_trusted = || disk.tier.index.slot(key(1)).unwrap().is_trusted;
    let mut slices = 1;
    while !is_trusted() {
        assert!(disk.tier.pool.step(&disk.tier));
        slices += 1;
    }
    assert_eq!(slices, 20);
}
