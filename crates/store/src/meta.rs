//! Small values that a node is born with: made once, and the same in every process and after every restart.

use crate::open::Promise;
use crate::{Store, StoreError};
use rusqlite::params;

impl Store {
    /// The value of that name. Where there is none yet, `make` makes it; of several processes that do so at once all get the
    /// first one's.
    pub fn meta(&self, name: &str, make: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let find = "SELECT value FROM meta WHERE name = ?1";
        let found: Result<Vec<Vec<u8>>, _> =
            self.read(|db| db.prepare(find)?.query_map([name], |row| row.get(0))?.collect());
        if let Some(value) = found?.pop() {
            return Ok(value);
        }
        let value = make();
        self.write(Promise::Disk, |db| {
            db.execute("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO NOTHING", params![name, value])?;
            db.query_row(find, [name], |row| row.get(0))
        })
    }

    /// Gives that name another value.
    pub fn set_meta(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        let set = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
        self.write(Promise::Disk, |db| db.execute(set, params![name, value]).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use crate::Store;
    use crate::open::scratch::Scratch;

    #[test]
    fn a_value_is_made_once_and_stays_the_same_behind_a_restart() {
        let folder = Scratch::new();
        let first = Store::open(folder.path()).unwrap().meta("seed", || vec![1, 2, 3]).unwrap();
        let second = Store::open(folder.path()).unwrap().meta("seed", || vec![9]).unwrap();
        assert_eq!((first, second), (vec![1, 2, 3], vec![1, 2, 3]));
    }

    #[test]
    fn processes_that_make_it_at_once_get_the_same() {
        let folder = Scratch::new();
        let made: Vec<_> = std::thread::scope(|scope| {
            let path = folder.path();
            let start =
                |n: u8| scope.spawn(move || Store::open(path).unwrap().meta("seed", || vec![n]).unwrap());
            (0..8).map(start).collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|value| *value == made[0]), "{made:?}");
    }

    #[test]
    fn a_value_can_be_given_another() {
        let folder = Scratch::new();
        let store = Store::open(folder.path()).unwrap();
        store.set_meta("node", b"a").unwrap();
        store.set_meta("node", b"b").unwrap();
        assert_eq!(store.meta("node", Vec::new).unwrap(), b"b");
    }
}
