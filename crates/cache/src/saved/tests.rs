use super::*;
use crate::entry::tests::entry;
use ::bytes::Bytes;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

fn content() -> Content {
    Content::File {
        file: std::sync::Arc::new(std::fs::File::open("/dev/null").unwrap()),
        offset: 0,
        length: 5,
    }
}

/// All that a head says.
fn told(entry: &Entry) -> impl PartialEq + std::fmt::Debug + use<> {
    let lines = entry.fields.iter().map(|(known, name, value)| (known, name.to_vec(), value.to_vec()));
    (
        (entry.status, entry.freshness, entry.vary.clone(), entry.tags.clone(), entry.url.clone()),
        entry.purge.load(Ordering::Relaxed),
        lines.collect::<Vec<_>>(),
        entry.length(),
    )
}

fn any_freshness() -> impl Strategy<Value = Freshness> {
    let seconds = || 0..=MOST_SECONDS;
    (any::<u64>(), seconds(), seconds(), seconds(), seconds(), any::<[bool; 3]>()).prop_map(
        |(received, age, lifetime, stale_while_revalidate, stale_if_error, flags)| Freshness {
            received,
            age,
            lifetime,
            stale_while_revalidate,
            stale_if_error,
            no_cache: flags[0],
            must_revalidate: flags[1],
            is_heuristic: flags[2],
        },
    )
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let line = ("[a-zA-Z][a-zA-Z0-9!#-]{0,20}", vec(any::<u8>(), 0..50));
    let names = btree_set("[a-z][a-z-]{0,9}", 1..5);
    (
        (200_u16..1_000, vec(line, 0..20), any_freshness(), proptest::option::of(names)),
        (btree_set("\\PC{0,20}", 0..10), "\\PC{0,60}", any::<u64>()),
    )
        .prop_map(|((status, lines, freshness, vary), (tags, url, purge))| {
            let mut fields = Fields::new();
            for (name, value) in lines {
                // What is not valid is left out.
                if !is_of_connection(&name) {
                    let _ = fields.push(&name, &value);
                }
            }
            Entry {
                status: StatusCode::from_u16(status).unwrap(),
                fields,
                content: content(),
                freshness,
                vary: vary.map(|names| Vary(names.into_iter().map(Box::from).collect())),
                tags: tags.into_iter().map(Box::from).collect(),
                url: url.into(),
                purge: AtomicU64::new(purge),
            }
        })
}

/// Whatever was read can be written and read again, and nothing in it could split a message.
fn is_sound(entry: &Entry) {
    let again = load(&save(entry), content()).unwrap();
    assert_eq!(told(&again), told(entry));
    assert!(entry.status.as_u16() >= 200);
    assert!(entry.tags.is_sorted_by(|a, b| a < b));
    for (_, name, value) in entry.fields.iter() {
        assert!(!name.is_empty() && name.iter().all(|b| message::is_token_byte(*b)));
        assert!(value.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f)));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(entry in any_entry()) {
        let saved = save(&entry);
        let read = load(&saved, content());
        prop_assert_eq!(told(&read.unwrap()), told(&entry));
    }

    #[test]
    fn any_bytes_give_an_error_or_something_sound(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(load(&bytes, content()).is_err());
        if let Ok(entry) = read(&bytes, content()) {
            is_sound(&entry);
        }
    }

    #[test]
    fn bytes_that_were_changed_are_noticed(
        entry in any_entry(),
        changes in vec((any::<proptest::sample::Index>(), 1_u8..), 1..4),
    ) {
        let original = save(&entry);
        let mut saved = original.clone();
        for (at, change) in &changes {
            let at = at.index(saved.len());
            saved[at] ^= change;
        }
        prop_assume!(saved != original);
        prop_assert!(load(&saved, content()).is_err());
        // And were the checksum right, it would be an error or something sound.
        if let Ok(entry) = read(&saved[MAGIC.len() + CHECKSUM..], content()) {
            is_sound(&entry);
        }
    }

    #[test]
    fn a_head_that_ends_early_or_late_is_an_error(entry in any_entry(), at in any::<proptest::sample::Index>()) {
        let mut saved = save(&entry);
        let at = at.index(saved.len());
        prop_assert!(load(&saved[..at], content()).is_err());
        prop_assert!(read(saved.get(12..at).unwrap_or_default(), content()).is_err());
        saved.push(0);
        prop_assert!(read(&saved[12..], content()).is_err());
    }
}

/// Reads what `change` makes of a head that is right otherwise.
fn read_changed(change: impl FnOnce(&mut Entry)) -> Result<Entry, Damaged> {
    let mut entry = entry("h/a", b"body");
    change(&mut entry);
    load(&save(&entry), content())
}

#[test]
fn a_head_that_no_cache_could_have_written_is_refused() {
    assert!(read_changed(|_| {}).is_ok());
    assert!(read_changed(|entry| entry.status = StatusCode::CONTINUE).is_err());
    assert!(read_changed(|entry| entry.tags = ["b".into(), "a".into()].into()).is_err());
    assert!(read_changed(|entry| entry.tags = ["a".into(), "a".into()].into()).is_err());
    for names in [&["*"][..], &["Accept"], &["a b"], &[""], &[]] {
        let names = names.iter().map(|name| Box::from(*name)).collect();
        assert!(read_changed(|entry| entry.vary = Some(Vary(names))).is_err());
    }
    for name in ["Transfer-Encoding", "connection", "Upgrade", "Keep-Alive", "trailer", "Proxy-Connection"] {
        assert!(read_changed(|entry| entry.fields.push(name, b"x").unwrap()).is_err(), "{name}");
    }
    let capped = read_changed(|entry| entry.freshness.lifetime = u32::MAX).unwrap();
    assert_eq!(capped.freshness.lifetime, 1 << 31);
}

#[test]
fn numbers_beyond_the_end_take_no_memory() {
    let mut bytes = vec![0; 2 + 1 + 8 + 16 + 8];
    bytes[0] = 200;
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(u32::MAX.to_le_bytes());
    assert_eq!(read(&bytes, content()).unwrap_err(), Damaged("a number of things beyond its end"));
}

#[test]
fn another_version_is_not_read() {
    let mut saved = save(&entry("h/a", b""));
    saved[3] = 2;
    assert_eq!(load(&saved, content()).unwrap_err(), Damaged("not a head of this version"));
    let whole = Content::Whole(Bytes::from_static(b"12"));
    saved[3] = 1;
    assert_eq!(load(&saved, whole).unwrap().length(), Some(2));
}
