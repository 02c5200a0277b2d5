//! A disk that hangs is as good as no disk.

use super::*;
use crate::writer::MAX_ALL;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

#[test]
fn a_find_on_a_disk_that_hangs_gives_up_and_later_ones_do_at_once() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    for number in 0..50 {
        store(&disk, key(number), b"head", b"body");
    }
    disk.tier.pool.hold(true);
    let start = Instant::now();
    assert!(find(&disk, key(1)).is_none());
    let first = start.elapsed();
    assert!(first >= Duration::from_millis(90) && first < Duration::from_secs(2), "{first:?}");
    let start = Instant::now();
    for number in 0..50 {
        assert!(find(&disk, key(number)).is_none());
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    disk.tier.pool.hold(false);
    until("it goes on", || find(&disk, key(1)).is_some());
}

#[test]
fn an_open_file_is_found_though_the_disk_hangs() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    store(&disk, key(1), b"head", b"body");
    find_in_time(&disk, key(1));
    disk.tier.pool.hold(true);
    assert_eq!(body(&find_in_time(&disk, key(1))), b"body");
    disk.tier.pool.hold(false);
}

#[test]
fn many_who_ask_for_one_key_get_the_same_file_from_one_look() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    store(&disk, key(1), b"head", b"body");
    disk.tier.pool.hold(true);
    let all = wait(async {
        let mut asked: Vec<_> = (0..20).map(|_| Box::pin(disk.find(key(1)))).collect();
        for one in &mut asked {
            assert!(poll_fn(|cx| Poll::Ready(one.as_mut().poll(cx))).await.is_pending());
        }
        disk.tier.pool.hold(false);
        let mut all = Vec::new();
        for one in asked {
            all.push(one.await);
        }
        all
    });
    let first = all[0].as_ref().unwrap();
    assert!(all.iter().all(|found| Arc::ptr_eq(&found.as_ref().unwrap().file, &first.file)));
}

#[test]
fn finds_go_first_and_a_write_has_its_turn_after_eight_of_them() {
    let folder = Folder::new();
    let disk = without_threads(&folder, 64 * MIB);
    disk.write(key(1), Bytes::new(), None).unwrap().finish();
    for number in 0..20 {
        assert!(disk.tier.pool.find(key(number)));
    }
    for _ in 0..8 {
        assert!(disk.tier.pool.step(&disk.tier) && !disk.has(key(1)));
    }
    assert!(disk.tier.pool.step(&disk.tier) && disk.has(key(1)));
}

#[test]
fn a_writer_waits_when_too_much_of_its_own_waits_and_is_woken() {
    let folder = Folder::new();
    let disk = open(&folder, 256 * MIB);
    disk.tier.pool.hold(true);
    let mut writer = disk.write(key(1), Bytes::new(), None).unwrap();
    let chunk = Bytes::from(noise(1, 100_000));
    let mut pushed = 0;
    while writer.poll_push(&mut Context::from_waker(Waker::noop()), &chunk).is_ready() {
        pushed += chunk.len() as u64;
        assert!(pushed < 100 * MIB, "without a bound");
    }
    assert!((4 * MIB..5 * MIB).contains(&pushed), "{pushed}");
    disk.tier.pool.hold(false);
    assert!(wait(poll_fn(|cx| writer.poll_push(cx, &chunk))));
    writer.finish();
    until("it is there", || disk.has(key(1)));
    assert_eq!(find_in_time(&disk, key(1)).length, pushed + chunk.len() as u64);
    assert_eq!(disk.tier.backlog.load(Ordering::Relaxed), 0);
}

#[test]
fn all_writers_together_are_bounded_and_new_ones_are_turned_away() {
    let folder = Folder::new();
    let disk = open(&folder, 512 * MIB);
    disk.tier.pool.hold(true);
    let chunk = Bytes::from(noise(1, MIB as usize));
    let mut writers = Vec::new();
    for number in 0..100 {
        let Some(mut writer) = disk.write(key(number), Bytes::new(), None) else { break };
        for _ in 0..100 {
            if writer.poll_push(&mut Context::from_waker(Waker::noop()), &chunk).is_pending() {
                break;
            }
        }
        writers.push(writer);
    }
    let backlog = disk.tier.backlog.load(Ordering::Relaxed);
    assert!((MAX_ALL..MAX_ALL + 8 * MIB).contains(&backlog), "{backlog}");
    assert!(writers.len() < 20);
    assert!(disk.counts().refused > 0);
    let last = writers.pop().unwrap();
    for writer in writers {
        drop(writer);
    }
    assert!(disk.tier.backlog.load(Ordering::Relaxed) <= 5 * MIB, "what is dropped waits no more");
    disk.tier.pool.hold(false);
    last.finish();
    until("all is done", || disk.tier.writers.load(Ordering::Relaxed) == 0);
    assert_eq!(disk.tier.backlog.load(Ordering::Relaxed), 0);
    assert_eq!(disk.counts().objects, 1);
}

#[test]
fn the_number_of_writers_is_bounded() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    let writers: Vec<_> = (0..2000).map_while(|n| disk.write(key(n), Bytes::new(), None)).collect();
    assert_eq!(writers.len(), 1024);
    drop(writers);
    until("all have ended", || disk.tier.writers.load(Ordering::Relaxed) == 0);
    assert!(disk.write(key(1), Bytes::new(), None).is_some());
}

#[test]
fn dropping_the_last_handle_does_not_wait_for_a_disk_that_hangs() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    let pool = Arc::clone(&disk.tier.pool);
    pool.hold(true);
    disk.write(key(1), Bytes::new(), None).unwrap().finish();
    let start = Instant::now();
    drop(disk);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(10), "{waited:?}");
    pool.hold(false);
}
