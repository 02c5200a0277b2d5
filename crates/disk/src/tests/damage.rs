//! Files that are not what they were, and things that never were ours.

use super::*;
use std::fs::{self, File};
use std::os::unix::fs::symlink;

const HEAD: &[u8] = b"the head of a response";

/// What was done to a file, and how.
type Case = (String, Box<dyn Fn(&Path)>);

/// Does something to each of some files of a former process. None of them may be found then, all have to be gone, and their keys have
/// to be usable.
fn check(cases: &[Case]) {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    let keys: Vec<_> = (0..cases.len() as u64).map(key).collect();
    for key in &keys {
        store(&disk, *key, HEAD, &noise(1, 10_000));
    }
    drop(disk);
    for (key, (_, damage)) in keys.iter().zip(cases) {
        damage(&place(&folder, *key));
    }
    let disk = open(&folder, 64 * MIB);
    for (number, (key, (what, _))) in keys.iter().zip(cases).enumerate() {
        assert!(find(&disk, *key).is_none(), "{what}: found");
        until(what, || disk.counts().damaged > number as u64);
        assert!(!place(&folder, *key).exists() && !disk.has(*key), "{what}: still there");
    }
    assert_eq!(disk.counts().bytes, 0);
    for (key, (what, _)) in keys.iter().zip(cases) {
        store(&disk, *key, HEAD, b"again");
        assert_eq!(body(&find_in_time(&disk, *key)), b"again", "{what}");
    }
}

fn case(what: impl Into<String>, damage: impl Fn(&Path) + 'static) -> Case {
    (what.into(), Box::new(damage))
}

fn flip(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
}

#[test]
fn a_flipped_bit_in_any_part_of_a_file_is_found_and_the_file_dropped() {
    let (head, body) = (HEAD.len() as u64, 10_000);
    let head_and_body = [56, 56 + head - 1, 56 + head, 56 + head + 5000, 56 + head + body - 1];
    let trailer = 56 + head + body..56 + head + body + 8;
    let places = (0..56).chain(head_and_body).chain(trailer);
    let cases: Vec<_> = places.map(|at| case(format!("byte {at}"), move |path| flip(path, at))).collect();
    check(&cases);
}

#[test]
fn a_file_that_was_cut_has_grown_or_was_zeroed_is_dropped() {
    let length = 56 + HEAD.len() as u64 + 10_000 + 8;
    let lengths = [0, 1, 55, 56, 60, 5000, length - 9, length - 1, length + 1, length + 5000];
    let cut = |left| {
        case(format!("{left} bytes"), move |path| {
            File::options().write(true).open(path).unwrap().set_len(left).unwrap();
        })
    };
    let mut cases: Vec<_> = lengths.map(cut).into();
    cases.push(case("all zeroed", move |path| fs::write(path, vec![0; length as usize]).unwrap()));
    cases.push(case("the second block zeroed", |path| {
        File::options().write(true).open(path).unwrap().write_all_at(&[0; 4096], 4096).unwrap();
    }));
    check(&cases);
}

#[test]
fn the_file_of_another_key_is_not_served_under_this_one() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    store(&disk, key(1), HEAD, b"one");
    store(&disk, key(2), HEAD, b"two");
    drop(disk);
    fs::rename(place(&folder, key(2)), place(&folder, key(1))).unwrap();
    let disk = open(&folder, 64 * MIB);
    assert!(find(&disk, key(1)).is_none() && find(&disk, key(2)).is_none());
    until("it is dropped", || disk.counts().damaged == 1);
}

#[test]
fn a_damaged_head_is_found_even_in_a_file_that_this_process_has_written() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    store(&disk, key(1), HEAD, b"body");
    flip(&place(&folder, key(1)), 60);
    assert!(find(&disk, key(1)).is_none());
    until("it is dropped", || disk.counts().damaged == 1);
}

#[test]
fn a_file_that_somebody_has_deleted_is_absent_and_its_bytes_are_given_back() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    store(&disk, key(1), HEAD, b"body");
    fs::remove_file(place(&folder, key(1))).unwrap();
    assert!(disk.has(key(1)) && find(&disk, key(1)).is_none());
    assert!(!disk.has(key(1)));
    assert_eq!((disk.counts().bytes, disk.counts().damaged), (0, 0));
}

#[test]
fn foreign_things_are_never_served_and_left_alone() {
    let folder = Folder::new();
    let disk = open(&folder, 64 * MIB);
    store(&disk, key(1), HEAD, b"body");
    drop(disk);
    let file = place(&folder, key(1));
    let name = |key: u128| place(&folder, key);
    fs::create_dir(name(key(10))).unwrap();
    fs::write(name(key(10)).join("x"), "in a folder").unwrap();
    symlink(&file, name(key(11))).unwrap();
    symlink("/nowhere", name(key(12))).unwrap();
    let fifo = name(key(13));
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    fs::copy(&file, folder.path("00/README")).unwrap();
    fs::copy(&file, folder.path(&format!("00/{:032X}", key(1)))).unwrap();
    fs::copy(&file, folder.path("zz")).unwrap();
    fs::write(folder.path("level"), "many").unwrap();
    let disk = open(&folder, 64 * MIB);
    assert_eq!(disk.counts().objects, 1);
    for number in 10..14 {
        assert!(find(&disk, key(number)).is_none());
        assert!(fs::symlink_metadata(name(key(number))).is_ok());
    }
    find_in_time(&disk, key(1));
    // What cannot be put there is refused, and does not keep others from being written.
    store(&disk, key(10), HEAD, b"body");
    assert!(!disk.has(key(10)));
    store(&disk, key(11), HEAD, b"in the place of a link");
    assert_eq!(body(&find_in_time(&disk, key(11))), b"in the place of a link");
    assert_eq!((disk.counts().refused, disk.counts().damaged), (1, 0));
    assert_eq!(fs::read_dir(folder.path("tmp")).unwrap().count(), 0);
}

#[test]
fn foreign_things_are_not_served_while_the_index_is_being_loaded_either() {
    let folder = Folder::new();
    drop(open(&folder, MIB));
    for number in 0..2000 {
        fs::write(place(&folder, key(1000 + number)), "").unwrap();
    }
    fs::create_dir(place(&folder, key(1))).unwrap();
    symlink("/etc/hostname", place(&folder, key(2))).unwrap();
    fs::write(place(&folder, key(3)), noise(3, 5000)).unwrap();
    let disk = Disk::open(settings(folder.as_ref(), 64 * MIB)).unwrap();
    assert!([1, 2, 3].iter().all(|number| find(&disk, key(*number)).is_none()));
    until("the index is whole", || disk.counts().is_loaded);
    assert!(place(&folder, key(1)).exists() && !place(&folder, key(3)).exists());
}
