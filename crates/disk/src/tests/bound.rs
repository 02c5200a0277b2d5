//! The bound on bytes, and who goes.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn the_bound_holds_at_all_times_while_eight_threads_write() {
    let folder = Folder::new();
    let bound = 4 * MIB;
    let disk = open(&folder, bound);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing: Vec<_> = (0..8_u64)
            .map(|thread| {
                let disk = &disk;
                scope.spawn(move || {
                    for round in 0..60 {
                        let key = key(thread * 1000 + round);
                        let body = noise(key, (key % 300_000) as usize);
                        let length = (round % 2 == 0).then_some(body.len() as u64);
                        let Some(mut writer) = disk.write(key, Bytes::from_static(b"head"), length) else {
                            continue;
                        };
                        if wait(push(&mut writer, &body)) && round % 7 != 0 {
                            writer.finish();
                        }
                        if let Some(found) = find(disk, key) {
                            assert_eq!(super::body(&found).len(), body.len());
                        }
                    }
                })
            })
            .collect();
        let (disk, folder, is_over) = (&disk, &folder, &is_over);
        let watching = scope.spawn(move || {
            let mut looks = 0;
            while !is_over.load(Ordering::Relaxed) {
                assert!(disk.counts().bytes <= bound);
                looks += 1;
            }
            // A walk while files are renamed may count one twice: on the disk itself it is looked at when nothing moves.
            assert!(looks > 0 && usage(folder.as_ref()) <= bound);
        });
        for writing in writing {
            writing.join().unwrap();
        }
        until("all writers have ended", || disk.tier.writers.load(Ordering::Relaxed) == 0);
        is_over.store(true, Ordering::Relaxed);
        watching.join().unwrap();
    });
    let counts = disk.counts();
    assert!(counts.evictions > 100 && counts.objects > 5, "{counts:?}");
    assert!(usage(folder.as_ref()) <= counts.bytes && counts.bytes <= bound);
    assert_eq!(std::fs::read_dir(folder.path("tmp")).unwrap().count(), 0);
}

#[test]
fn a_scan_does_not_push_out_what_is_used() {
    let folder = Folder::new();
    let disk = open(&folder, 4 * MIB);
    let size = 16_000;
    for number in 0..100 {
        store(&disk, key(number), b"", &noise(1, size));
        find_in_time(&disk, key(number));
    }
    for number in 1000..2000 {
        store(&disk, key(number), b"", &noise(1, size));
    }
    let left = (0..100).filter(|number| disk.has(key(*number))).count();
    assert_eq!(left, 100);
    assert!((1000..1700).all(|number| !disk.has(key(number))));
    assert!(disk.counts().evictions > 800);
}

#[test]
fn what_is_read_counts_until_it_is_not_read_any_more() {
    let folder = Folder::new();
    let disk = open(&folder, 2 * MIB);
    store(&disk, key(1), b"", &noise(1, 900_000));
    store(&disk, key(2), b"", &noise(2, 900_000));
    let read = [find_in_time(&disk, key(1)), find_in_time(&disk, key(2))];
    disk.remove(key(1));
    disk.remove(key(2));
    store(&disk, key(3), b"", &noise(3, 900_000));
    assert!(!disk.has(key(3)), "there is no room while others are read");
    assert_eq!(disk.counts().refused, 1);
    assert_eq!(body(&read[1]), noise(2, 900_000));
    drop(read);
    store(&disk, key(3), b"", &noise(3, 900_000));
    assert!(disk.has(key(3)), "no rest for want of room alone");
}

#[test]
fn a_lower_bound_takes_effect_at_the_next_start() {
    let folder = Folder::new();
    let disk = open(&folder, 8 * MIB);
    for number in 0..60 {
        store(&disk, key(number), b"", &noise(1, 100_000));
    }
    drop(disk);
    assert!(usage(folder.as_ref()) > 5 * MIB);
    let disk = open(&folder, 2 * MIB);
    assert!(usage(folder.as_ref()) <= 2 * MIB && disk.counts().bytes <= 2 * MIB);
    assert!(disk.counts().objects > 10);
}
