//! What an operator meets: missing folders, foreign and damaged files, other processes.

use super::scratch::Scratch;
use super::*;
use std::os::unix::fs::MetadataExt;

fn damaged(bytes: &[u8]) -> StoreError {
    let folder = Scratch::new();
    fs::write(folder.path().join(FILE), bytes).unwrap();
    let error = Store::open(folder.path()).expect_err("it is no database");
    assert!(error.to_string().contains(FILE), "the file is named: {error}");
    error
}

#[test]
fn folder_and_files_are_made_and_are_their_owners_alone() {
    let folder = Scratch::new();
    let inner = folder.path().join("a/b");
    let store = Store::open(&inner).unwrap();
    store.set_meta("a", b"b").unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(inner.clone()), 0o700);
    for name in [FILE, "tidegate.db-wal", "tidegate.db-shm"] {
        assert_eq!(mode(inner.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them() {
    let folder = Scratch::new();
    drop(Store::open(folder.path()).unwrap());
    fs::set_permissions(folder.path().join(FILE), fs::Permissions::from_mode(0o644)).unwrap();
    drop(Store::open(folder.path()).unwrap());
    assert_eq!(fs::metadata(folder.path().join(FILE)).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_is_no_database_is_an_error_that_names_it() {
    assert!(matches!(damaged(&[b'x'; 5_000]), StoreError::Corrupt { .. }));
}

#[test]
fn a_file_that_was_damaged_in_the_middle_is_seen_when_it_is_opened() {
    let folder = Scratch::new();
    let store = Store::open(folder.path()).unwrap();
    for n in 0..200 {
        store.merge("keys", &n.to_string(), |_| Some("x".repeat(200))).unwrap();
    }
    drop(store);
    let mut bytes = fs::read(folder.path().join(FILE)).unwrap();
    assert!(bytes.len() > 20_000, "all is in the file itself once it is closed");
    bytes[4_096..].chunks_mut(4_096).for_each(|page| page[..16].fill(0xff));
    assert!(matches!(damaged(&bytes), StoreError::Corrupt { .. }));
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let folder = Scratch::new();
    let path = folder.path().join(FILE);
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Foreign { .. })));
    let tables: u32 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn a_file_of_a_newer_tidegate_is_not_touched() {
    let folder = Scratch::new();
    let store = Store::open(folder.path()).unwrap();
    store.write(Promise::Disk, |db| db.pragma_update(None, "user_version", 99)).unwrap();
    drop(store);
    let error = Store::open(folder.path()).expect_err("it is of a newer one");
    assert!(matches!(error, StoreError::Newer { found: 99, known: LAYOUT, .. }), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let folder = Scratch::new();
    fs::write(folder.path().join("file"), b"").unwrap();
    let error = Store::open(&folder.path().join("file/inner")).expect_err("a file is in the way");
    assert!(matches!(error, StoreError::File { .. }) && error.to_string().contains("file/inner"), "{error}");
}

#[test]
fn many_open_a_new_file_at_once() {
    let folder = Scratch::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Store::open(folder.path()).unwrap());
        }
    });
}

#[test]
fn what_fails_in_the_middle_is_as_if_it_had_never_begun() {
    let folder = Scratch::new();
    let store = Store::open(folder.path()).unwrap();
    let failed = store.write(Promise::Disk, |db| {
        db.execute("INSERT INTO meta VALUES ('a', x'00')", [])?;
        db.execute("INSERT INTO nowhere VALUES (1)", [])
    });
    assert!(matches!(failed, Err(StoreError::Other { .. })));
    assert_eq!(store.meta("a", || b"made".to_vec()).unwrap(), b"made");
}
