//! Warm after a restart.

use super::*;
use std::sync::atomic::Ordering;

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
    // The room without its walk.
    let tier = crate::tier::Tier::open(&settings(folder.as_ref(), 64 * MIB)).unwrap();
    let disk = Arc::new(Disk { tier: Arc::new(tier) });
    disk.tier.pool.start(&disk.tier, "disk", |tier| tier.pool.work(tier)).unwrap();
    assert!(!disk.has(key(1)) && !disk.counts().is_loaded);
    assert_eq!(body(&find(&disk, key(1)).unwrap()), b"body");
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
    assert_eq!(find(&disk, key(3)).unwrap().head, "new");
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
    let tier = crate::tier::Tier::open(&settings(folder.as_ref(), 64 * MIB)).unwrap();
    let disk = Arc::new(Disk { tier: Arc::new(tier) });
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
    let tier = crate::tier::Tier::open(&settings(folder.as_ref(), 8 * MIB)).unwrap();
    let disk = Arc::new(Disk { tier: Arc::new(tier) });
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
    assert!(find(&disk, key(1)).is_some());
    assert_eq!(disk.tier.tally.refused.load(Ordering::Relaxed), 0);
}

#[test]
fn a_large_file_that_is_checked_holds_nobody_up() {
    let folder = Folder::new();
    let disk = open(&folder, 256 * MIB);
    store(&disk, key(1), b"large", &noise(1, 60 << 20));
    for number in 2..50 {
        store(&disk, key(number), b"small", &noise(key(number), 1000));
    }
    drop(disk);
    let disk = open(&folder, 256 * MIB);
    // In slices: the small ones have their turn between them.
    let checks: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (1..50)
            .map(|number| {
                scope.spawn({
                    let disk = &disk;
                    move || (number, find(disk, key(number)).is_some())
                })
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let small = checks.iter().filter(|(number, is_found)| *number > 1 && *is_found).count();
    assert!(small > 40, "{small} of 48 were found at once");
    assert_eq!(body(&find_in_time(&disk, key(1))), noise(1, 60 << 20));
}
