//! Two nodes, one key: they must agree in the end.

use super::*;
use proptest::prelude::*;

fn record() -> KeyRecord {
    KeyRecord {
        id: "abc".into(),
        consumer: "shop".into(),
        label: "".into(),
        hash: [0xab; 32],
        scopes: None,
        plan: None,
        created: 1_000,
        expires: None,
        revoked: None,
        replaced_by: None,
        changed: 1_000_000,
    }
}

#[test]
fn a_key_is_usable_until_the_second_in_which_it_expires() {
    let key = KeyRecord { expires: Some(2_000), ..record() };
    assert_eq!(key.usable(1_999), Ok(()));
    assert_eq!(key.usable(2_000), Err(Denied::Expired));
    assert_eq!(record().usable(u64::MAX), Ok(()));
}

#[test]
fn a_revoked_key_stays_revoked_whatever_an_older_or_a_newer_record_says() {
    let mut revoked = record();
    revoked.revoke(5_000_000);
    for changed in [0, 5_000_001, u64::MAX] {
        let mut here = revoked.clone();
        here.merge(KeyRecord { changed, ..record() });
        assert_eq!(here.usable(6_000), Err(Denied::Revoked), "{changed}");
        let mut there = KeyRecord { changed, ..record() };
        assert!(there.merge(revoked.clone()), "{changed}");
        assert_eq!(there, here);
    }
}

#[test]
fn a_retired_key_lives_for_the_overlap_and_never_longer_than_it_would_have() {
    let mut key = record();
    key.retire("next", Duration::from_secs(3600), 10_000_000);
    assert_eq!((key.expires, key.replaced_by.as_deref()), (Some(13_600), Some("next")));
    let mut short = KeyRecord { expires: Some(10_100), ..record() };
    short.retire("next", Duration::from_secs(3600), 10_000_000);
    assert_eq!(short.expires, Some(10_100));
}

#[test]
fn a_change_wins_also_where_the_clock_stepped_back() {
    let mut key = record();
    let before = key.clone();
    key.retire("next", Duration::ZERO, 5);
    let mut there = before;
    assert!(there.merge(key.clone()));
    assert_eq!(there, key);
}

#[test]
fn a_record_of_another_key_changes_nothing() {
    let mut key = record();
    assert!(!key.merge(KeyRecord { id: "other".into(), changed: u64::MAX, ..record() }));
    assert_eq!(key, record());
}

#[test]
fn a_record_is_the_same_behind_json_and_its_hash_is_hex() {
    let full = KeyRecord {
        scopes: Some(Scopes::of(["write", "read"])),
        plan: Some("pro".into()),
        expires: Some(9),
        revoked: Some(8),
        replaced_by: Some("def".into()),
        ..record()
    };
    for key in [record(), full] {
        let text = serde_json::to_string(&key).unwrap();
        assert!(text.contains(&"ab".repeat(32)), "{text}");
        assert_eq!(serde_json::from_str::<KeyRecord>(&text).unwrap(), key);
    }
    for hash in ["", "ab", &"ab".repeat(33), &"+f".repeat(32), &"é".repeat(32)] {
        let text = serde_json::to_string(&record()).unwrap().replace(&"ab".repeat(32), hash);
        assert!(serde_json::from_str::<KeyRecord>(&text).is_err(), "{hash}");
    }
}

prop_compose! {
    fn any_record()(
        changed in 0_u64..4, expires in prop::option::of(0_u64..3), revoked in prop::option::of(0_u64..3),
        label in "[ab]?", scope in prop::option::of("[ab]"),
    ) -> KeyRecord {
        let scopes = scope.map(|word| Scopes::of([word.as_str()]));
        KeyRecord { changed, expires, revoked, label: label.into(), scopes, ..record() }
    }
}

fn merged(mut a: KeyRecord, b: &KeyRecord) -> KeyRecord {
    let before = a.clone();
    assert_eq!(a.merge(b.clone()), a != before, "news is what changes something");
    a
}

proptest! {
    #[test]
    fn nodes_agree_in_whatever_order_they_hear(a in any_record(), b in any_record(), c in any_record()) {
        prop_assert_eq!(merged(a.clone(), &b), merged(b.clone(), &a));
        prop_assert_eq!(merged(merged(a.clone(), &b), &c), merged(a.clone(), &merged(b.clone(), &c)));
        let once = merged(a, &b);
        prop_assert_eq!(merged(once.clone(), &b), once);
    }
}
