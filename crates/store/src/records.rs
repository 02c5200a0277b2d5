//! Records that are merged, never overwritten: each is a text under a family and an id.
//!
//! Two processes change the same record without knowing of each other (an upgrade, the command line beside the gateway).
//! So a change is a merge of what is there with what is new, made while nobody else writes. Each change has a number, and
//! whoever asks for what came behind a number sees every change that was made since, whoever made it.
//! *Not here*: what the texts mean (`keys.rs`).

use crate::open::Promise;
use crate::{Store, StoreError};
use rusqlite::{OptionalExtension, params};

/// How far a reader has read: [`Store::after`] goes on from there. The default is the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(i64);

impl Store {
    /// Changes the record to what `merge` makes of it, which gets what is there and says `None` to leave it. Says whether it
    /// was changed, and then it is on the disk.
    pub fn merge(
        &self,
        family: &str,
        id: &str,
        merge: impl FnOnce(Option<&str>) -> Option<String>,
    ) -> Result<bool, StoreError> {
        self.write(Promise::Disk, |db| {
            let find = "SELECT body FROM record WHERE family = ?1 AND id = ?2";
            let old: Option<String> = db.query_row(find, [family, id], |row| row.get(0)).optional()?;
            let Some(new) = merge(old.as_deref()).filter(|new| old.as_ref() != Some(new)) else {
                return Ok(false);
            };
            let next = "UPDATE counter SET seq = seq + 1 RETURNING seq";
            let seq: i64 = db.query_row(next, [], |row| row.get(0))?;
            db.execute(
                "INSERT INTO record VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET seq = excluded.seq, body = excluded.body",
                params![family, id, seq, new],
            )?;
            Ok(true)
        })
    }

    /// The records of a family that are new or changed behind `mark`, in the order of the changes, and the next mark.
    pub fn after(&self, family: &str, mark: Mark) -> Result<(Vec<(String, String)>, Mark), StoreError> {
        let find = "SELECT id, body, seq FROM record WHERE family = ?1 AND seq > ?2 ORDER BY seq";
        self.read(|db| {
            let mut statement = db.prepare(find)?;
            let mut rows = statement.query(params![family, mark.0])?;
            let (mut records, mut next) = (Vec::new(), mark);
            while let Some(row) = rows.next()? {
                records.push((row.get(0)?, row.get(1)?));
                next = Mark(row.get(2)?);
            }
            Ok((records, next))
        })
    }

    /// Takes the record away for good; nobody is told. For what has lost its meaning, such as the revocation of a token that has
    /// expired since.
    pub fn forget(&self, family: &str, id: &str) -> Result<(), StoreError> {
        let delete = "DELETE FROM record WHERE family = ?1 AND id = ?2";
        self.write(Promise::Kernel, |db| db.execute(delete, [family, id]).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::scratch::Scratch;

    fn longer(new: &str) -> impl FnOnce(Option<&str>) -> Option<String> + '_ {
        move |old| Some(old.filter(|old| old.len() > new.len()).unwrap_or(new).to_owned())
    }

    #[test]
    fn a_record_is_merged_with_what_another_process_has_written() {
        let folder = Scratch::new();
        let (one, other) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
        assert!(one.merge("keys", "a", longer("first")).unwrap());
        assert!(!other.merge("keys", "a", longer("2nd")).unwrap(), "the longer one is kept");
        assert!(other.merge("keys", "a", longer("longest")).unwrap());
        let (found, _) = one.after("keys", Mark::default()).unwrap();
        assert_eq!(found, [("a".to_owned(), "longest".to_owned())]);
    }

    #[test]
    fn a_reader_is_told_each_change_once_whoever_made_it() {
        let folder = Scratch::new();
        let (one, other) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
        one.merge("keys", "a", longer("1")).unwrap();
        other.merge("keys", "b", longer("1")).unwrap();
        let (found, mark) = one.after("keys", Mark::default()).unwrap();
        assert_eq!(found.len(), 2);
        other.merge("keys", "a", longer("22")).unwrap();
        other.merge("revoked", "a", longer("1")).unwrap();
        let (found, mark) = one.after("keys", mark).unwrap();
        assert_eq!(found, [("a".to_owned(), "22".to_owned())]);
        assert_eq!(one.after("keys", mark).unwrap(), (vec![], mark));
    }

    #[test]
    fn a_number_is_not_used_again_when_the_newest_record_is_gone() {
        let folder = Scratch::new();
        let store = Store::open(folder.path()).unwrap();
        store.merge("revoked", "a", longer("1")).unwrap();
        let (_, mark) = store.after("revoked", Mark::default()).unwrap();
        store.forget("revoked", "a").unwrap();
        store.merge("revoked", "b", longer("1")).unwrap();
        assert_eq!(store.after("revoked", mark).unwrap().0.len(), 1);
    }

    #[test]
    fn many_writers_lose_nothing() {
        let folder = Scratch::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let store = Store::open(folder.path()).unwrap();
                    for _ in 0..10 {
                        let more = |old: Option<&str>| Some(format!("{}x", old.unwrap_or_default()));
                        store.merge("keys", "a", more).unwrap();
                    }
                });
            }
        });
        let (found, _) = Store::open(folder.path()).unwrap().after("keys", Mark::default()).unwrap();
        assert_eq!(found[0].1.len(), 40);
    }
}
