//! All keys that are taken, shared by all workers.
//!
//! Reading takes no lock: the pages are one snapshot behind an `ArcSwap`, and whoever writes puts another in its place, a
//! moment later for all. Writing copies the index, so many records go in together (`merge_all`).
//!
//! Hot path: [`KeyBook::check`] is one SHA-256 of 66 bytes and one look-up by it. Nothing is allocated.

use crate::{Denied, KeyRecord, Remembered, key};
use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// No longer text is hashed: a credential of a stranger costs little.
const MOST_BYTES: usize = 512;
/// How much later a key must be used again for that to be noted, in seconds. Workers that all see the same key would
/// otherwise write the same line of memory with every request.
const USED_STEP: u64 = 60;

/// The API keys that there are.
#[derive(Default)]
pub struct KeyBook {
    pages: ArcSwap<Pages>,
    /// Held by whoever turns the pages, so that no change is lost.
    writing: Mutex<()>,
}

/// A key that is known. What a check needs stands in one line of the processor's cache: with thousands of consumers each is cold.
#[derive(Debug)]
pub struct KnownKey {
    /// Whose it is, as the config has it.
    pub caller: Remembered,
    /// Seconds since 1970; 0 is never.
    used: AtomicU64,
    /// Taken before this second; follows from the record.
    until: u64,
    record: Box<KeyRecord>,
}

/// Neither index can be filled by strangers, so the hash needs no key.
#[derive(Clone, Default)]
struct Pages {
    /// The minted ones.
    by_id: FxHashMap<Box<str>, Arc<KnownKey>>,
    /// The same, by the hash of the whole key.
    by_hash: FxHashMap<[u8; 32], Arc<KnownKey>>,
    typed: FxHashMap<[u8; 32], Arc<KnownKey>>,
}

impl std::ops::Deref for KnownKey {
    type Target = KeyRecord;

    fn deref(&self) -> &KeyRecord {
        &self.record
    }
}

impl KnownKey {
    fn of(record: KeyRecord) -> Arc<Self> {
        Self::used_at(record, 0)
    }

    fn used_at(record: KeyRecord, used: u64) -> Arc<Self> {
        let until = if record.revoked.is_some() { 0 } else { record.expires.unwrap_or(u64::MAX) };
        let (caller, used) = (Remembered::default(), AtomicU64::new(used));
        Arc::new(Self { caller, used, until, record: Box::new(record) })
    }

    /// The same key with another record. A use at this very moment may be noted with the old one only, and the next one
    /// notes it again.
    fn with(&self, record: KeyRecord) -> Arc<Self> {
        Self::used_at(record, self.used.load(Ordering::Relaxed))
    }

    fn take(self: &Arc<Self>, unix: u64) -> Result<Arc<Self>, Denied> {
        if unix >= self.until {
            self.record.usable(unix)?;
        }
        let before = self.used.load(Ordering::Relaxed);
        if unix >= before.saturating_add(USED_STEP) {
            self.used.fetch_max(unix, Ordering::Relaxed);
        }
        Ok(Arc::clone(self))
    }
}

impl Pages {
    fn merge(&mut self, record: KeyRecord) -> bool {
        let slot = match self.by_id.get(&record.id) {
            None => KnownKey::of(record),
            Some(slot) => {
                let mut merged = KeyRecord::clone(&slot.record);
                if !merged.merge(record) {
                    return false;
                }
                self.by_hash.remove(&slot.record.hash);
                slot.with(merged)
            }
        };
        self.by_hash.insert(slot.record.hash, Arc::clone(&slot));
        self.by_id.insert(slot.record.id.clone(), slot);
        true
    }
}

impl std::fmt::Debug for KeyBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyBook").finish_non_exhaustive()
    }
}

impl KeyBook {
    /// An empty book.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whose key is it? `unix` is now, in seconds since 1970.
    pub fn check(&self, text: &[u8], unix: u64) -> Result<Arc<KnownKey>, Denied> {
        if text.is_empty() {
            return Err(Denied::Absent);
        }
        if text.len() > MOST_BYTES {
            return Err(Denied::Malformed("longer than any key"));
        }
        let (pages, hash) = (self.pages.load(), key::hash(text));
        // Found by the hash of the whole text. What the time of a look-up tells of hashes leads to no text.
        if let Some(slot) = pages.by_hash.get(&hash).or_else(|| pages.typed.get(&hash)) {
            return slot.take(unix);
        }
        if key::id_of(text).is_some_and(|id| pages.by_id.contains_key(id)) {
            return Err(Denied::Invalid("the secret of another key"));
        }
        let is_mistyped =
            key::looks_like(text) && std::str::from_utf8(text).ok().and_then(key::parse).is_none();
        Err(if is_mistyped {
            Denied::Malformed("the check sum of the key")
        } else {
            Denied::Invalid("no such key")
        })
    }

    /// Takes in a record, new or changed; `true` where it said something new.
    pub fn put(&self, record: KeyRecord) -> bool {
        self.merge_all([record]) == 1
    }

    /// Takes in many records at once; how many said something new.
    pub fn merge_all(&self, records: impl IntoIterator<Item = KeyRecord>) -> usize {
        self.turn(|pages| records.into_iter().map(|record| usize::from(pages.merge(record))).sum())
    }

    /// Forgets all minted keys but these. When they were last used is kept.
    pub fn replace_all(&self, records: impl IntoIterator<Item = KeyRecord>) {
        self.turn(|pages| {
            let before = std::mem::take(&mut pages.by_id);
            pages.by_hash.clear();
            for record in records {
                pages.merge(record);
            }
            for (id, slot) in &pages.by_id {
                if let Some(old) = before.get(id) {
                    slot.used.fetch_max(old.used.load(Ordering::Relaxed), Ordering::Relaxed);
                }
            }
        });
    }

    /// The keys that stand in the config as text, each as its [`key::hash`] with the name of its consumer, instead of
    /// those before. They have no id of their own and are called `config.CONSUMER.NUMBER`.
    pub fn typed(&self, keys: impl IntoIterator<Item = ([u8; 32], Box<str>)>) {
        let mut numbers = FxHashMap::<Box<str>, u32>::default();
        let keys: Vec<_> = keys
            .into_iter()
            .map(|(hash, consumer)| {
                let number = numbers.entry(consumer.clone()).or_default();
                *number += 1;
                (hash, typed_record(hash, consumer, *number))
            })
            .collect();
        self.turn(|pages| {
            let before = std::mem::take(&mut pages.typed);
            for (hash, record) in keys {
                let slot = before
                    .get(&hash)
                    .map_or_else(|| KnownKey::of(record.clone()), |old| old.with(record.clone()));
                pages.typed.insert(hash, slot);
            }
        });
    }

    /// The record of a minted key.
    pub fn get(&self, id: &str) -> Option<Arc<KnownKey>> {
        self.pages.load().by_id.get(id).map(Arc::clone)
    }

    /// All minted keys, by their ids.
    pub fn list(&self) -> Vec<Arc<KnownKey>> {
        let mut all: Vec<_> = self.pages.load().by_id.values().map(Arc::clone).collect();
        all.sort_unstable_by(|a, b| a.record.id.cmp(&b.record.id));
        all
    }

    /// When a minted key was last taken, in seconds since 1970, a minute early at most; `None`: never since it was known
    /// here.
    pub fn last_used(&self, id: &str) -> Option<u64> {
        let used = self.pages.load().by_id.get(id)?.used.load(Ordering::Relaxed);
        (used > 0).then_some(used)
    }

    /// Says when a key was last used before this process, or on another node.
    pub fn mark_used(&self, id: &str, unix: u64) {
        if let Some(slot) = self.pages.load().by_id.get(id) {
            slot.used.fetch_max(unix, Ordering::Relaxed);
        }
    }

    fn turn<T>(&self, change: impl FnOnce(&mut Pages) -> T) -> T {
        // A panic while writing leaves the old pages in place, so the lock behind it is as good as before.
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pages = Pages::clone(&self.pages.load());
        let result = change(&mut pages);
        self.pages.store(Arc::new(pages));
        result
    }
}

fn typed_record(hash: [u8; 32], consumer: Box<str>, number: u32) -> KeyRecord {
    KeyRecord {
        id: format!("config.{consumer}.{number}").into(),
        consumer,
        label: "".into(),
        hash,
        scopes: None,
        plan: None,
        created: 0,
        expires: None,
        revoked: None,
        replaced_by: None,
        changed: 0,
    }
}

#[cfg(test)]
mod tests;
