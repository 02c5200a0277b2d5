//! Which keys are taken, and as whose.

use super::*;
use crate::key::{Minted, mint};
use std::time::Duration;

const NOW: u64 = 1_800_000_000;

fn minted(seed: u64) -> (Minted, KeyRecord) {
    let mut source = base::IdSource::seeded(seed);
    let key = mint(&mut |bytes| bytes.fill_with(|| source.next_u64().to_le_bytes()[0]));
    let record = KeyRecord {
        id: key.id.clone(),
        created: NOW,
        changed: NOW * 1000,
        ..typed_record(key.hash, "shop".into(), 0)
    };
    (key, record)
}

fn ask(book: &KeyBook, text: &str, unix: u64) -> Result<String, Denied> {
    book.check(text.as_bytes(), unix).map(|found| found.record.consumer.to_string())
}

#[test]
fn a_minted_key_is_taken_and_any_other_is_not() {
    let book = KeyBook::new();
    let (key, record) = minted(1);
    assert!(book.put(record.clone()));
    assert!(!book.put(record), "nothing new");
    assert_eq!(ask(&book, key.text.as_str(), NOW), Ok("shop".into()));
    let (stranger, _) = minted(2);
    assert_eq!(ask(&book, stranger.text.as_str(), NOW), Err(Denied::Invalid("no such key")));
    // The id of the one with the secret of the other.
    let mixed = format!("tg_{}{}", key.id, &stranger.text.as_str()[15..]);
    assert_eq!(ask(&book, &mixed, NOW), Err(Denied::Invalid("the secret of another key")));
}

#[test]
fn what_is_no_key_is_told_from_an_unknown_one() {
    let book = KeyBook::new();
    let (key, record) = minted(1);
    book.put(record);
    let text = key.text.as_str();
    assert_eq!(ask(&book, "", NOW), Err(Denied::Absent));
    assert_eq!(ask(&book, &text[..65], NOW), Err(Denied::Malformed("the check sum of the key")));
    assert_eq!(ask(&book, "tg_", NOW), Err(Denied::Malformed("the check sum of the key")));
    assert_eq!(ask(&book, &"x".repeat(513), NOW), Err(Denied::Malformed("longer than any key")));
    assert_eq!(ask(&book, "hunter2", NOW), Err(Denied::Invalid("no such key")));
    assert!(matches!(book.check(&[0xff; 66], NOW), Err(Denied::Invalid(_))));
}

#[test]
fn a_revoked_and_an_expired_key_are_refused_as_such() {
    let book = KeyBook::new();
    let (key, mut record) = minted(1);
    record.expires = Some(NOW + 10);
    book.put(record.clone());
    assert!(ask(&book, key.text.as_str(), NOW + 9).is_ok());
    assert_eq!(ask(&book, key.text.as_str(), NOW + 10), Err(Denied::Expired));
    record.revoke(NOW * 1000);
    assert!(book.put(record));
    assert_eq!(ask(&book, key.text.as_str(), NOW), Err(Denied::Revoked));
}

#[test]
fn of_two_keys_in_rotation_both_are_taken_until_the_overlap_ends() {
    let book = KeyBook::new();
    let ((old, mut record), (new, next)) = (minted(1), minted(2));
    record.retire(&next.id, Duration::from_secs(60), NOW * 1000);
    assert_eq!(book.merge_all([record, next]), 2);
    assert!(ask(&book, old.text.as_str(), NOW + 59).is_ok());
    assert_eq!(ask(&book, old.text.as_str(), NOW + 60), Err(Denied::Expired));
    assert!(ask(&book, new.text.as_str(), NOW + 60).is_ok());
}

#[test]
fn keys_typed_in_the_config_are_taken_and_replaced_together() {
    let book = KeyBook::new();
    let keys = ["a-key-of-the-config", "another-of-the-config"];
    book.typed(keys.map(|text| (key::hash(text.as_bytes()), "batch".into())));
    let found = book.check(keys[1].as_bytes(), NOW).unwrap();
    assert_eq!((&*found.record.consumer, &*found.record.id), ("batch", "config.batch.2"));
    assert!(!format!("{found:?}").contains(keys[1]));
    book.typed([(key::hash(keys[0].as_bytes()), "batch".into())]);
    assert!(ask(&book, keys[0], NOW).is_ok());
    assert_eq!(ask(&book, keys[1], NOW), Err(Denied::Invalid("no such key")));
}

#[test]
fn a_minted_key_may_stand_in_the_config_too() {
    let book = KeyBook::new();
    let (key, _) = minted(1);
    book.typed([(key.hash, "batch".into())]);
    assert_eq!(ask(&book, key.text.as_str(), NOW), Ok("batch".into()));
}

#[test]
fn replacing_all_forgets_the_others_and_keeps_when_a_key_was_used() {
    let book = KeyBook::new();
    let ((kept, record), (gone, other)) = (minted(1), minted(2));
    book.merge_all([record.clone(), other]);
    assert!(ask(&book, kept.text.as_str(), NOW).is_ok());
    book.replace_all([record]);
    assert_eq!(book.list().len(), 1);
    assert_eq!(book.last_used(&kept.id), Some(NOW));
    assert!(ask(&book, gone.text.as_str(), NOW).is_err());
}

#[test]
fn use_is_noted_a_minute_apart_and_never_for_what_was_refused() {
    let book = KeyBook::new();
    let (key, mut record) = minted(1);
    book.put(record.clone());
    assert_eq!(book.last_used(&key.id), None);
    for (at, noted) in [(0, 0), (59, 0), (60, 60), (50, 60)] {
        assert!(ask(&book, key.text.as_str(), NOW + at).is_ok());
        assert_eq!(book.last_used(&key.id), Some(NOW + noted), "{at}");
    }
    book.mark_used(&key.id, NOW + 100);
    record.revoke(NOW * 1000);
    book.put(record);
    assert!(ask(&book, key.text.as_str(), NOW + 500).is_err());
    assert_eq!(book.last_used(&key.id), Some(NOW + 100));
}

#[test]
fn no_change_is_lost_between_writers_and_readers_never_miss_a_key() {
    let book = KeyBook::new();
    let (first, record) = minted(0);
    book.put(record);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let book = &book;
            scope.spawn(move || (1..=50).for_each(|n| assert!(book.put(minted(writer * 1000 + n).1))));
        }
        (0..2000).for_each(|_| assert!(ask(&book, first.text.as_str(), NOW).is_ok()));
    });
    assert_eq!(book.list().len(), 201);
}
