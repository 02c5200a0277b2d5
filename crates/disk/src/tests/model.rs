//! Whatever is done in whatever order, what is found is what was put there last.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::Ordering;

/// What is done next.
#[derive(Clone, Debug)]
enum Deed {
    Store { number: u64, seed: u64, head: usize, length: usize },
    Rewrite { number: u64, head: usize },
    Remove(u64),
    Abandon(u64),
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    let number = 0..6_u64;
    prop_oneof![
        6 => (number.clone(), any::<u64>(), 0..9000_usize, 0..200_000_usize)
            .prop_map(|(number, seed, head, length)| Deed::Store { number, seed, head, length }),
        3 => (number.clone(), 0..9000_usize).prop_map(|(number, head)| Deed::Rewrite { number, head }),
        2 => number.clone().prop_map(Deed::Remove),
        1 => number.prop_map(Deed::Abandon),
        1 => Just(Deed::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_found_is_what_was_put_there_last(deeds in prop::collection::vec(deed(), 1..40)) {
        let folder = Folder::new();
        let mut disk = open(&folder, 64 * MIB);
        let mut expected: HashMap<u64, (Vec<u8>, Vec<u8>)> = HashMap::new();
        for deed in deeds {
            match deed {
                Deed::Store { number, seed, head, length } => {
                    let (head, body) = (vec![seed as u8; head], noise(u128::from(seed), length));
                    store(&disk, key(number), &head, &body);
                    expected.insert(number, (head, body));
                }
                Deed::Rewrite { number, head } => {
                    let Some((old, _)) = expected.get_mut(&number) else { continue };
                    *old = vec![b'r'; head];
                    disk.rewrite(&find_in_time(&disk, key(number)), old.clone().into());
                    until("it is done", || disk.tier.rewrites.load(Ordering::Relaxed) == 0);
                }
                Deed::Remove(number) => {
                    disk.remove(key(number));
                    expected.remove(&number);
                }
                Deed::Abandon(number) => {
                    let mut writer = disk.write(key(number), Bytes::from_static(b"never"), None).unwrap();
                    prop_assert!(wait(push(&mut writer, &noise(1, 100_000))));
                }
                Deed::Restart => {
                    drop(disk);
                    disk = open(&folder, 64 * MIB);
                }
            }
            for number in 0..6 {
                match expected.get(&number) {
                    None => prop_assert!(find(&disk, key(number)).is_none()),
                    Some((head, whole)) => {
                        let found = find_in_time(&disk, key(number));
                        prop_assert!(found.head == head && body(&found) == *whole);
                    }
                }
            }
        }
        until("all writers have ended", || disk.tier.writers.load(Ordering::Relaxed) == 0);
        prop_assert_eq!(disk.counts().damaged, 0);
        prop_assert!(usage(folder.as_ref()) <= disk.counts().bytes);
    }
}
