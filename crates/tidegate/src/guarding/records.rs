//! Keys and revocations on their way between the store, this node's memory, and the other nodes.
//!
//! Both are records that are merged and never overwritten, so it does not matter in which order, how often, or by which
//! way a change arrives.

use anyhow::{Context, Result};
use auth::token::{Revocation, Revocations};
use auth::{KeyBook, KeyRecord};
use cluster::{Record, Records};
use observe::log;
use serde::de::DeserializeOwned;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use store::{Mark, Store};

/// How the two kinds are called in the store, and among nodes.
pub(crate) const KEYS: &str = "keys";
pub(crate) const REVOKED: &str = "revoked";

/// The store, once a config has asked for it.
pub(crate) type Kept = Arc<OnceLock<Arc<Store>>>;

/// API keys.
pub(crate) struct Keys {
    pub(crate) book: Arc<KeyBook>,
    pub(crate) store: Kept,
}

/// Revocations of tokens.
pub(crate) struct Revoked {
    pub(crate) known: Arc<Revocations>,
    pub(crate) store: Kept,
}

impl Keys {
    /// Makes a change durable, then known on this node. Says whether it was news.
    pub(crate) fn put(&self, record: KeyRecord) -> Result<bool> {
        if let Some(store) = self.store.get() {
            store.merge(KEYS, &record.id, |old| merged(old, record.clone())).context("the store")?;
        }
        Ok(self.book.put(record))
    }

    /// Takes in what others have written into the store. Gives the next mark.
    pub(crate) fn read(&self, mark: Mark) -> Mark {
        let Some(store) = self.store.get() else { return mark };
        match store.after(KEYS, mark) {
            Ok((changed, next)) => {
                self.book.merge_all(changed.iter().filter_map(|(id, text)| readable(id, text)));
                next
            }
            Err(why) => {
                log::error(format_args!("API keys cannot be read: {why}"));
                mark
            }
        }
    }
}

/// The record that stands in the store with the news in it; `None` where they are none.
fn merged(old: Option<&str>, record: KeyRecord) -> Option<String> {
    let Some(mut known) = old.and_then(|text| serde_json::from_str::<KeyRecord>(text).ok()) else {
        return serde_json::to_string(&record).ok();
    };
    if known.merge(record) { serde_json::to_string(&known).ok() } else { None }
}

fn readable<T: DeserializeOwned>(id: &str, text: &str) -> Option<T> {
    let read = serde_json::from_str(text);
    read.map_err(|_| log::error(format_args!("the record {id} in the store cannot be read"))).ok()
}

impl Records for Keys {
    fn all(&self) -> Vec<Record> {
        self.book.list().iter().filter_map(|record| key(record)).collect()
    }

    fn one(&self, id: &str) -> Option<Record> {
        key(&*self.book.get(id)?)
    }

    fn merge(&self, _id: &str, json: &str) -> bool {
        let Ok(record) = serde_json::from_str::<KeyRecord>(json) else { return false };
        self.put(record).unwrap_or_else(|why| {
            log::error(format_args!("an API key of another node cannot be kept: {why:#}"));
            false
        })
    }
}

fn key(record: &KeyRecord) -> Option<Record> {
    let json = serde_json::to_string(record).ok()?.into();
    Some(Record { id: record.id.clone(), changed: record.changed, expires: record.expires, json })
}

impl Revoked {
    /// Makes a revocation durable, then known on this node. Says whether it was news.
    pub(crate) fn put(&self, record: Revocation) -> Result<bool> {
        if let Some(store) = self.store.get() {
            let newer = |old: Option<&str>| {
                let old = old.and_then(|text| serde_json::from_str::<Revocation>(text).ok());
                let is_news = old.is_none_or(|old| old.changed < record.changed);
                if is_news { serde_json::to_string(&record).ok() } else { None }
            };
            store.merge(REVOKED, &record.id(), newer).context("the store")?;
        }
        Ok(self.known.revoke(record, unix())?)
    }

    /// Takes in what others have written into the store. Gives the next mark.
    pub(crate) fn read(&self, mark: Mark) -> Mark {
        let Some(store) = self.store.get() else { return mark };
        match store.after(REVOKED, mark) {
            Ok((changed, next)) => {
                for record in changed.iter().filter_map(|(id, text)| readable(id, text)) {
                    if let Err(why) = self.known.revoke(record, unix()) {
                        log::error(format_args!("{why}"));
                    }
                }
                next
            }
            Err(why) => {
                log::error(format_args!("revocations cannot be read: {why}"));
                mark
            }
        }
    }
}

impl Records for Revoked {
    fn all(&self) -> Vec<Record> {
        self.known.list().iter().filter_map(revocation).collect()
    }

    fn one(&self, id: &str) -> Option<Record> {
        self.known.list().iter().find(|record| record.id() == id).and_then(revocation)
    }

    fn merge(&self, _id: &str, json: &str) -> bool {
        let Ok(record) = serde_json::from_str::<Revocation>(json) else { return false };
        self.put(record).unwrap_or_else(|why| {
            log::error(format_args!("a revocation of another node cannot be kept: {why:#}"));
            false
        })
    }
}

fn revocation(record: &Revocation) -> Option<Record> {
    let json = serde_json::to_string(record).ok()?.into();
    Some(Record { id: record.id().into(), changed: record.changed, expires: record.until, json })
}

/// Seconds since 1970.
pub(crate) fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
