//! Keys and revocations on their way between the store, this node's memory, and the other nodes.
//!
//! Both are records that are merged and never overwritten, so it does not matter in which order, how often, or by which
//! way a change arrives.

use anyhow::Result;
use auth::token::{Revocation, Revocations};
use auth::{KeyBook, KeyRecord};
use cluster::{Cluster, Record, Records};
use observe::log::{self, Level, Throttle};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use store::{Found, Mark, Store, StoreError};

static UNREAD: Throttle = Throttle::new();

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
        let record = match self.store.get() {
            Some(store) => store.put_key(&record)?,
            None => record,
        };
        Ok(self.book.put(record))
    }

    /// Takes in what others have written into the store, and tells other nodes. Gives the next mark.
    pub(crate) fn read(&self, mark: Mark, cluster: Option<&Cluster>) -> Mark {
        let Some(store) = self.store.get() else { return mark };
        let Some(found) = readable(store.keys(mark), "API keys") else { return mark };
        for record in found.records {
            let id = record.id.clone();
            if let (true, Some(cluster)) = (self.book.put(record), cluster) {
                cluster.tell(KEYS, &id);
            }
        }
        found.mark
    }
}

/// What was found, where anything could be read; what could not is told.
fn readable<T>(found: Result<Found<T>, StoreError>, what: &str) -> Option<Found<T>> {
    match found {
        Ok(found) => {
            if !found.unreadable.is_empty() {
                let ids = found.unreadable.join(", ");
                log::error(format_args!("{what}: these records in the store cannot be read: {ids}"));
            }
            Some(found)
        }
        Err(why) => {
            UNREAD.write(Level::Error, format_args!("{what} cannot be read: {why}"));
            None
        }
    }
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
        let record = match self.store.get() {
            Some(store) => store.put(REVOKED, &record.id(), record, |ours, stored| {
                ours.merge(&stored);
            })?,
            None => record,
        };
        Ok(self.known.revoke(record, unix())?)
    }

    /// Takes in what others have written into the store, and tells other nodes. Gives the next mark.
    pub(crate) fn read(&self, mark: Mark, cluster: Option<&Cluster>) -> Mark {
        let Some(store) = self.store.get() else { return mark };
        let Some(found) = readable(store.records::<Revocation>(REVOKED, mark), "revocations") else {
            return mark;
        };
        for record in found.records {
            let id = record.id();
            match (self.known.revoke(record, unix()), cluster) {
                (Ok(true), Some(cluster)) => cluster.tell(REVOKED, &id),
                (Ok(_), _) => {}
                (Err(why), _) => log::error(format_args!("{why}")),
            }
        }
        found.mark
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
