//! Records by their types: API keys, and what else is merged like them, such as revocations.
//!
//! Stored as the JSON that also goes to other nodes. A record that this program cannot read, because a newer one wrote it, is
//! left as it is: it is told, and the others are read. *Not here*: secrets; of a key there is a hash.

use crate::open::Promise;
use crate::records::Mark;
use crate::{Store, StoreError};
use auth::KeyRecord;
use rusqlite::params;
use serde::{Serialize, de::DeserializeOwned};

/// The family of keys.
const KEYS: &str = "keys";

/// Records as they were read.
#[derive(Debug)]
pub struct Found<T> {
    /// In the order in which they were last changed.
    pub records: Vec<T>,
    /// Ids of those that cannot be read.
    pub unreadable: Vec<String>,
    /// Where reading goes on from.
    pub mark: Mark,
}

impl Store {
    /// Keys that are new or changed behind `mark`, whichever process changed them; all of them behind the default. Cheap where
    /// nothing is new, so a gateway may ask each second and see what the command line has done.
    pub fn keys(&self, mark: Mark) -> Result<Found<KeyRecord>, StoreError> {
        self.records(KEYS, mark)
    }

    /// Merges a key with what is stored of it. Answers with what is stored then, on the disk.
    pub fn put_key(&self, record: &KeyRecord) -> Result<KeyRecord, StoreError> {
        self.put(KEYS, &record.id, record.clone(), |ours, stored| {
            ours.merge(stored);
        })
    }

    /// Like [`Store::keys`], of any family.
    pub fn records<T: DeserializeOwned>(&self, family: &str, mark: Mark) -> Result<Found<T>, StoreError> {
        let (rows, mark) = self.after(family, mark)?;
        let mut found = Found { records: Vec::with_capacity(rows.len()), unreadable: Vec::new(), mark };
        for (id, body) in rows {
            match serde_json::from_str(&body) {
                Ok(record) => found.records.push(record),
                Err(_) => found.unreadable.push(id),
            }
        }
        Ok(found)
    }

    /// Like [`Store::put_key`], of any family: `merge` takes what is stored into what is new.
    pub fn put<T: Serialize + DeserializeOwned>(
        &self,
        family: &str,
        id: &str,
        mut record: T,
        merge: impl FnOnce(&mut T, T),
    ) -> Result<T, StoreError> {
        let mut unreadable = None;
        let whole = |stored: Option<&str>| {
            if let Some(stored) = stored {
                merge(&mut record, serde_json::from_str(stored)?);
            }
            serde_json::to_string(&record)
        };
        self.merge(family, id, |stored| whole(stored).map_err(|error| unreadable = Some(error)).ok())?;
        match unreadable {
            None => Ok(record),
            Some(error) => {
                let (path, id) = (self.path().to_owned(), id.to_owned());
                Err(StoreError::Record { path, id, detail: error.to_string() })
            }
        }
    }

    /// Remembers when keys were last used: ids and Unix seconds. An earlier time changes nothing.
    pub fn save_last_uses<'a>(
        &self,
        uses: impl IntoIterator<Item = (&'a str, u64)>,
    ) -> Result<(), StoreError> {
        let save =
            "INSERT INTO last_use VALUES (?1, ?2) ON CONFLICT DO UPDATE SET unix = max(unix, excluded.unix)";
        self.write(Promise::Kernel, |db| {
            let mut save = db.prepare(save)?;
            for (id, unix) in uses {
                save.execute(params![id, unix.cast_signed().max(0)])?;
            }
            Ok(())
        })
    }

    /// When keys were last used, as far as it was saved.
    pub fn last_uses(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(|db| {
            let mut find = db.prepare("SELECT id, unix FROM last_use")?;
            find.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::scratch::Scratch;

    fn key(id: &str, changed: u64) -> KeyRecord {
        serde_json::from_value(serde_json::json!({
            "id": id, "consumer": "mobile", "label": "first", "hash": "ab".repeat(32), "created": 1, "changed": changed,
        }))
        .unwrap()
    }

    fn revoked(id: &str, changed: u64) -> KeyRecord {
        KeyRecord { revoked: Some(5), ..key(id, changed) }
    }

    #[test]
    fn a_key_is_the_same_behind_a_restart() {
        let folder = Scratch::new();
        let full = KeyRecord {
            scopes: Some(auth::Scopes::of(["read", "write"])),
            plan: Some("pro".into()),
            expires: Some(9),
            replaced_by: Some("b".into()),
            ..revoked("a", 7)
        };
        assert_eq!(Store::open(folder.path()).unwrap().put_key(&full).unwrap(), full);
        assert_eq!(Store::open(folder.path()).unwrap().keys(Mark::default()).unwrap().records, [full]);
    }

    #[test]
    fn a_process_with_an_older_record_does_not_bring_a_revoked_key_back() {
        let folder = Scratch::new();
        let (gateway, command_line) =
            (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
        gateway.put_key(&key("a", 1)).unwrap();
        let mark = gateway.keys(Mark::default()).unwrap().mark;
        command_line.put_key(&revoked("a", 2)).unwrap();
        let news = gateway.keys(mark).unwrap();
        assert_eq!(news.records, [revoked("a", 2)], "the gateway sees what the command line has done");
        let stored = gateway.put_key(&KeyRecord { label: "second".into(), ..key("a", 3) }).unwrap();
        assert_eq!((stored.revoked, &*stored.label), (Some(5), "second"));
        assert_eq!(gateway.keys(news.mark).unwrap().records, [stored]);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_told_and_left_as_it_is() {
        let folder = Scratch::new();
        let store = Store::open(folder.path()).unwrap();
        store.put_key(&key("a", 1)).unwrap();
        store.merge(KEYS, "b", |_| Some("{\"of\":\"another time\"}".into())).unwrap();
        let keys = store.keys(Mark::default()).unwrap();
        assert_eq!((keys.records, keys.unreadable), (vec![key("a", 1)], vec!["b".to_owned()]));
        let error = store.put_key(&key("b", 1)).expect_err("it cannot be merged");
        assert!(matches!(&error, StoreError::Record { id, .. } if id == "b"), "{error}");
        assert_eq!(store.keys(Mark::default()).unwrap().unreadable, ["b"]);
    }

    #[test]
    fn last_uses_only_move_forward() {
        let folder = Scratch::new();
        let store = Store::open(folder.path()).unwrap();
        store.save_last_uses([("a", 60), ("b", 5)]).unwrap();
        store.save_last_uses([("a", 30), ("b", 120)]).unwrap();
        let mut uses = Store::open(folder.path()).unwrap().last_uses().unwrap();
        uses.sort();
        assert_eq!(uses, [("a".to_owned(), 60), ("b".to_owned(), 120)]);
    }
}
