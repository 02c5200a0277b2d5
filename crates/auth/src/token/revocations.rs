//! Tokens that no longer hold although they have not expired: one by its `jti`, or all of a subject that were issued before
//! a time.
//!
//! *Invariant*: what was revoked stays revoked. Records only grow when they are merged, so nodes that tell each other theirs
//! in any order come to the same. A full table refuses the next record aloud and never drops one that still matters.
//!
//! Whether a token is revoked costs two bits of a filter where it is not, a look-up under a lock where it may be.

use super::Verified;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Bits of the filter: with a full table of 100,000 one look-up in ten takes the lock.
const BITS: usize = 1 << 20;
/// The longest `jti` or subject that can be revoked, in bytes.
const NAME: usize = 1024;

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoked {
    /// The token with this `jti`.
    Token(Box<str>),
    /// The tokens of this subject.
    Subject(Box<str>),
}

/// A record of a revocation, as it is stored and told to other nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// What is revoked.
    pub what: Revoked,
    /// Of a subject: tokens issued before this Unix second. Of a token: of no meaning.
    #[serde(default)]
    pub before: u64,
    /// The record may be forgotten from this Unix second on, because the tokens have expired. `None`: never.
    #[serde(default)]
    pub until: Option<u64>,
    /// When it was last changed: Unix milliseconds.
    pub changed: u64,
}

/// There is no room for another record; or its name is longer than 1 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list of revocations is full, or the name is longer than 1 KiB")]
pub struct Full;

impl Revocation {
    /// By which the record is known: `token:JTI` or `subject:SUB`.
    pub fn id(&self) -> String {
        match &self.what {
            Revoked::Token(jti) => format!("token:{jti}"),
            Revoked::Subject(subject) => format!("subject:{subject}"),
        }
    }

    fn is_over(&self, unix: u64) -> bool {
        self.until.is_some_and(|until| until <= unix)
    }

    /// Takes over what the other says beyond this one. Was there anything?
    pub fn merge(&mut self, other: &Self) -> bool {
        let old = (self.before, self.until, self.changed);
        self.before = self.before.max(other.before);
        self.until = match (self.until, other.until) {
            (Some(one), Some(two)) => Some(one.max(two)),
            _ => None,
        };
        self.changed = self.changed.max(other.changed);
        old != (self.before, self.until, self.changed)
    }
}

/// All that is revoked, shared by all issuers, sessions and workers.
pub struct Revocations {
    records: RwLock<HashMap<Revoked, Revocation>>,
    filter: Box<[AtomicU64]>,
    many: AtomicUsize,
    most: usize,
    seed: RandomState,
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocations").field("many", &self.many).finish_non_exhaustive()
    }
}

impl Default for Revocations {
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl Revocations {
    /// An empty list for at most so many records.
    pub fn new(most: usize) -> Self {
        Self {
            records: RwLock::default(),
            filter: std::iter::repeat_with(AtomicU64::default).take(BITS / 64).collect(),
            many: AtomicUsize::new(0),
            most,
            seed: RandomState::new(),
        }
    }

    /// Revokes, or takes over another node's record. `true`: it was news. Where the list is full, records that are over by
    /// `unix` make room.
    pub fn revoke(&self, record: Revocation, unix: u64) -> Result<bool, Full> {
        let (Revoked::Token(name) | Revoked::Subject(name)) = &record.what;
        if name.len() > NAME {
            return Err(Full);
        }
        let mut records = self.write();
        if let Some(known) = records.get_mut(&record.what) {
            return Ok(known.merge(&record));
        }
        if record.is_over(unix) {
            return Ok(false);
        }
        if records.len() >= self.most {
            self.drop_past(&mut records, unix);
        }
        if records.len() >= self.most {
            return Err(Full);
        }
        self.mark(&record.what);
        records.insert(record.what.clone(), record);
        self.many.store(records.len(), Relaxed);
        Ok(true)
    }

    /// Does the token no longer hold?
    pub fn is_revoked(&self, token: &Verified) -> bool {
        if self.many.load(Relaxed) == 0 {
            return false;
        }
        let by_token = || token.jti.as_deref().is_some_and(|jti| self.knows(0, jti, None));
        // A token that does not say when it was issued may have been before.
        let issued = token.issued.unwrap_or_default();
        by_token() || (!token.subject.is_empty() && self.knows(1, &token.subject, Some(issued)))
    }

    /// `issued`: when, where `name` is a subject.
    fn knows(&self, kind: u8, name: &str, issued: Option<u64>) -> bool {
        let (word, bit) = self.bit(kind, name);
        if self.filter[word].load(Relaxed) & bit == 0 {
            return false;
        }
        let records = self.read();
        match issued {
            None => records.contains_key(&Revoked::Token(name.into())),
            Some(issued) => {
                records.get(&Revoked::Subject(name.into())).is_some_and(|record| issued < record.before)
            }
        }
    }

    /// Drops what is over by `unix`.
    pub fn tidy(&self, unix: u64) {
        self.drop_past(&mut self.write(), unix);
    }

    fn drop_past(&self, records: &mut HashMap<Revoked, Revocation>, unix: u64) {
        // The bits of those that go stay behind: a needless look-up now and then, and no moment without the others.
        records.retain(|_, record| !record.is_over(unix));
        self.many.store(records.len(), Relaxed);
    }

    /// All records, in no order.
    pub fn list(&self) -> Vec<Revocation> {
        self.read().values().cloned().collect()
    }

    fn mark(&self, what: &Revoked) {
        let (word, bit) = match what {
            Revoked::Token(jti) => self.bit(0, jti),
            Revoked::Subject(subject) => self.bit(1, subject),
        };
        self.filter[word].fetch_or(bit, Relaxed);
    }

    fn bit(&self, kind: u8, name: &str) -> (usize, u64) {
        let hash = self.seed.hash_one((kind, name)) as usize % BITS;
        (hash / 64, 1 << (hash % 64))
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Revoked, Revocation>> {
        self.records.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Revoked, Revocation>> {
        self.records.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Claims, Scopes};
    use std::sync::Arc;

    fn token(jti: Option<&str>, subject: &str, issued: Option<u64>) -> Verified {
        Verified {
            claims: Arc::new(Claims::new()),
            subject: subject.into(),
            consumer_name: None,
            plan: None,
            scopes: Scopes::default(),
            expires: 1_000,
            issued,
            jti: jti.map(Into::into),
            caller: crate::Remembered::default(),
        }
    }

    fn of_token(jti: &str, until: Option<u64>) -> Revocation {
        Revocation { what: Revoked::Token(jti.into()), before: 0, until, changed: 1 }
    }

    fn of_subject(subject: &str, before: u64) -> Revocation {
        Revocation { what: Revoked::Subject(subject.into()), before, until: None, changed: 1 }
    }

    #[test]
    fn one_token_is_revoked_by_its_id_and_no_other() {
        let list = Revocations::new(10);
        assert_eq!(list.revoke(of_token("a", None), 0), Ok(true));
        assert!(list.is_revoked(&token(Some("a"), "ann", Some(5))));
        assert!(!list.is_revoked(&token(Some("b"), "a", Some(5))));
        assert!(!list.is_revoked(&token(None, "a", Some(5))));
    }

    #[test]
    fn a_subject_is_revoked_for_tokens_issued_before() {
        let list = Revocations::new(10);
        list.revoke(of_subject("ann", 100), 0).unwrap();
        assert!(list.is_revoked(&token(None, "ann", Some(99))));
        assert!(list.is_revoked(&token(Some("x"), "ann", None)), "it does not say when");
        assert!(!list.is_revoked(&token(None, "ann", Some(100))));
        assert!(!list.is_revoked(&token(Some("ann"), "bob", Some(1))));
    }

    #[test]
    fn records_merge_to_the_same_in_any_order_and_never_shrink() {
        let records = [
            of_subject("ann", 100),
            Revocation { changed: 9, ..of_subject("ann", 50) },
            of_token("a", Some(500)),
            of_token("a", Some(400)),
            Revocation { until: Some(10), ..of_subject("ann", 7) },
        ];
        let merged = |order: &mut dyn Iterator<Item = &Revocation>| {
            let list = Revocations::new(10);
            order.for_each(|record| assert!(list.revoke(record.clone(), 0).is_ok()));
            let mut all = list.list();
            all.sort_by_key(Revocation::id);
            all
        };
        let forward = merged(&mut records.iter());
        assert_eq!(forward, merged(&mut records.iter().rev()));
        assert_eq!(forward[0], Revocation { changed: 9, ..of_subject("ann", 100) });
        let list = Revocations::new(10);
        assert_eq!(list.revoke(records[0].clone(), 0), Ok(true));
        assert_eq!(list.revoke(records[0].clone(), 0), Ok(false), "no news");
    }

    #[test]
    fn a_full_list_says_so_and_forgets_only_what_is_over() {
        let list = Revocations::new(2);
        list.revoke(of_token("a", Some(100)), 0).unwrap();
        list.revoke(of_token("b", None), 0).unwrap();
        assert_eq!(list.revoke(of_token("c", None), 99), Err(Full));
        assert_eq!(list.revoke(of_token("c", None), 100), Ok(true));
        assert!(list.is_revoked(&token(Some("b"), "", None)));
        assert!(list.is_revoked(&token(Some("c"), "", None)));
        assert!(!list.is_revoked(&token(Some("a"), "", None)));
        assert_eq!(list.revoke(of_token(&"x".repeat(1025), None), 0), Err(Full));
    }

    #[test]
    fn a_record_is_the_same_after_a_round_through_json() {
        for record in [of_token("a\"b", Some(7)), of_subject("ann", 100)] {
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<Revocation>(&text).unwrap(), record);
        }
    }
}
