//! What is written is found.

use super::*;
use crate::DiskError;

#[test]
fn what_is_written_is_found_with_its_head_and_body_whatever_their_lengths() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    let lengths = [0, 1, 100, 4095, 4096, 65_535, 65_536, 300_000, 5_000_000];
    for (number, length) in lengths.into_iter().enumerate() {
        let key = key(number as u64);
        let head = noise(key, [0, 10, 5000, 200_000][number % 4]);
        assert!(!disk.has(key) && find(&disk, key).is_none());
        store(&disk, key, &head, &noise(key, length));
        assert!(disk.has(key));
        for _ in 0..3 {
            let found = find_in_time(&disk, key);
            assert!(found.head == head && body(&found) == noise(key, length), "{length} bytes");
        }
    }
    let counts = disk.counts();
    assert_eq!((counts.objects, counts.writes, counts.refused), (9, 9, 0));
    assert!(counts.bytes >= usage(folder.as_ref()));
}

#[test]
fn a_body_of_unknown_length_in_many_small_and_large_chunks_is_found_whole() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    let whole = noise(7, 9_000_000);
    let mut writer = disk.write(key(7), Bytes::from_static(b"head"), None).unwrap();
    let (mut at, mut size) = (0, 1);
    wait(async {
        while at < whole.len() {
            let end = whole.len().min(at + size);
            assert!(push(&mut writer, &whole[at..end]).await);
            (at, size) = (end, (size * 3) % 700_001);
        }
    });
    assert!(!disk.has(key(7)));
    writer.finish();
    until("it is there", || disk.has(key(7)));
    assert_eq!(body(&find_in_time(&disk, key(7))), whole);
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing_behind() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    let before = files(folder.as_ref());
    for length in [0, 10, 3_000_000] {
        let mut writer = disk.write(key(1), Bytes::new(), None).unwrap();
        wait(async {
            for chunk in noise(1, length).chunks(500_000) {
                assert!(push(&mut writer, chunk).await);
            }
        });
        drop(writer);
    }
    until("all writers have ended", || disk.tier.writers.load(std::sync::atomic::Ordering::Relaxed) == 0);
    assert_eq!(disk.tier.backlog.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert_eq!(disk.counts().bytes, 0);
    // The level is new.
    assert_eq!(files(folder.as_ref()), before);
    assert!(!disk.has(key(1)));
}

#[test]
fn a_body_of_another_length_than_was_said_is_not_kept() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    let mut short = disk.write(key(1), Bytes::new(), Some(10)).unwrap();
    assert!(wait(push(&mut short, b"123456789")));
    short.finish();
    let mut long = disk.write(key(2), Bytes::new(), Some(10)).unwrap();
    assert!(wait(push(&mut long, b"1234567890")));
    assert!(!wait(push(&mut long, b"1")));
    assert!(!wait(push(&mut long, b"")), "once refused, always refused");
    drop(long);
    until("both are gone", || disk.tier.writers.load(std::sync::atomic::Ordering::Relaxed) == 0);
    assert!(!disk.has(key(1)) && !disk.has(key(2)));
    assert_eq!(disk.counts().writes, 0);
}

#[test]
fn what_is_too_large_is_turned_away_at_once_where_that_is_known() {
    let folder = Folder::new();
    let disk = open(&folder, 2 * MIB);
    assert!(disk.write(key(1), Bytes::new(), Some(MIB + 1)).is_none());
    assert!(disk.write(key(1), Bytes::from(vec![0; 1 + MIB as usize]), Some(1)).is_none());
    let mut unknown = disk.write(key(1), Bytes::new(), None).unwrap();
    wait(async {
        assert!(push(&mut unknown, &noise(1, MIB as usize)).await);
        assert!(!push(&mut unknown, b"1").await);
    });
    assert!(disk.write(key(1), Bytes::new(), Some(u64::MAX)).is_none());
}

#[test]
fn a_folder_is_for_one_process_at_a_time() {
    let folder = Folder::new();
    let disk = open(&folder, MIB);
    assert!(matches!(Disk::open(settings(folder.as_ref(), MIB)), Err(DiskError::InUse(_))));
    drop(disk);
    drop(open(&folder, MIB));
}

#[test]
fn notes_are_kept_over_a_restart() {
    let folder = Folder::new();
    let disk = open(&folder, MIB);
    assert_eq!(disk.noted("purges"), None);
    disk.note("purges", b"one").unwrap();
    disk.note("purges", b"two").unwrap();
    assert!(disk.note("../seed", b"x").is_err() && disk.noted("../seed").is_none());
    let seed = disk.seed();
    drop(disk);
    let disk = open(&folder, MIB);
    assert_eq!(disk.noted("purges").as_deref(), Some(&b"two"[..]));
    assert_eq!(disk.seed(), seed);
}

#[test]
fn eight_threads_write_find_replace_and_remove_and_nobody_gets_what_is_another_key_s() {
    let folder = Folder::new();
    let disk = open(&folder, 8 * MIB);
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let disk = &disk;
            scope.spawn(move || {
                for round in 0..300_u64 {
                    let number = (thread * 7 + round * 13) % 100;
                    let key = key(number);
                    match round % 5 {
                        0 | 1 => {
                            let body = noise(key, (number * 997) as usize + round as usize % 2);
                            let length = (round % 2 == 0).then_some(body.len() as u64);
                            let head = Bytes::copy_from_slice(&key.to_le_bytes());
                            let Some(mut writer) = disk.write(key, head, length) else { continue };
                            if wait(push(&mut writer, &body)) {
                                writer.finish();
                            }
                        }
                        2 if round % 3 == 0 => disk.remove(key),
                        _ => {
                            let Some(found) = find(disk, key) else { continue };
                            assert_eq!(found.head[..16], key.to_le_bytes());
                            assert_eq!(body(&found), noise(key, found.length as usize));
                            disk.rewrite(&found, [&found.head[..16], &[7; 40]].concat().into());
                        }
                    }
                }
            });
        }
    });
    until("all writers have ended", || disk.tier.writers.load(std::sync::atomic::Ordering::Relaxed) == 0);
    let counts = disk.counts();
    // Many are removed before they are written: this room's two threads have more to do than those eight.
    assert!(
        counts.writes > 50 && counts.objects > 10 && counts.damaged == 0 && counts.refused == 0,
        "{counts:?}"
    );
}
