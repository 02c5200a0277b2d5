//! Records that every node has in whole, such as keys and revocations: what one learns, all know within a second.
//!
//! Each node has them in memory and asks nobody for them. Redis is the place where they meet: a change is merged with what
//! stands there and written if nobody has written meanwhile; a number that grows with each write tells the others what is
//! new. Behind each new connection both sides are merged in whole, so a server that was restarted empty, or from an older copy,
//! is filled again from the nodes, and a node that was cut off gets what it has missed.
//!
//! *Promise*: merging is the owner's ([`Records::merge`]): as long as that is the same whatever the order, all nodes come to the
//! same. *Not here*: what a record means. *Cost on the hot path*: none.

use crate::cluster::Shared;
use crate::exact::whole;
use crate::script::{list, text};
use crate::trouble::Trouble;
use futures_util::future::join_all;
use redis::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Records that are read at a time.
const PAGE: usize = 500;
/// Records that are written before an answer has come.
const AT_ONCE: usize = 64;
/// How often a write is tried again because another node was faster.
const TRIES: usize = 5;
/// How long an expired record is kept, in seconds: clocks differ.
const KEPT_EXPIRED: u64 = 3_600;

/// A record, as it is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which.
    pub id: Box<str>,
    /// When it was changed, by the clock of whoever did, in Unix milliseconds.
    pub changed: u64,
    /// When it loses its meaning, in Unix seconds: it is removed from the store then.
    pub expires: Option<u64>,
    /// All of it.
    pub json: Box<str>,
}

/// The owner of records of one kind. Called on the cluster's threads: nothing here may wait for long.
pub trait Records: Send + Sync {
    /// All of them.
    fn all(&self) -> Vec<Record>;
    /// One of them.
    fn one(&self, id: &str) -> Option<Record>;
    /// Another node has this: merges it with what is known, and says whether that has changed anything. What cannot be read
    /// changes nothing.
    fn merge(&self, id: &str, json: &str) -> bool;
}

/// One kind of records, at this node.
pub(crate) struct Set {
    name: Box<str>,
    records: Arc<dyn Records>,
    state: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// What is to be written.
    changed: BTreeSet<Box<str>>,
    /// The number up to which the store has been read; none: both sides are to be merged in whole.
    read: Option<u64>,
}

/// What stands in the store under an id.
struct Stored {
    changed: u64,
    expires: Option<u64>,
    json: String,
}

impl Set {
    pub(crate) fn new(name: &str, records: Arc<dyn Records>) -> Self {
        Self { name: name.into(), records, state: Mutex::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The owner has changed this record.
    pub(crate) fn tell(&self, id: &str) {
        self.state().changed.insert(id.into());
    }

    /// Nothing is known of the store any more.
    pub(crate) fn begin_anew(&self) {
        self.state().read = None;
    }

    /// Writes what has changed here, reads what has changed there.
    pub(crate) async fn sync(&self, shared: &Shared) -> Result<(), Trouble> {
        let read = self.state().read;
        let Some(read) = read else { return self.merge_all(shared).await };
        let changed = std::mem::take(&mut self.state().changed);
        if let Err(trouble) = self.put_all(shared, changed.iter()).await {
            self.state().changed.extend(changed);
            return Err(trouble);
        }
        let (last, unfinished) = self.pull(shared, read, |_, _| {}).await?;
        // Its numbers have gone back: the server has lost data.
        self.state().read = (last >= read).then_some(last);
        self.put_all(shared, unfinished.iter()).await
    }

    /// Both sides get what only the other has.
    async fn merge_all(&self, shared: &Shared) -> Result<(), Trouble> {
        self.state().changed.clear();
        let (now, mut there) = (unix(), HashMap::<Box<str>, (u64, String)>::new());
        let mut expired = Vec::new();
        let (last, unfinished) = self
            .pull(shared, 0, |id, stored| {
                if is_over(stored.expires, now) {
                    expired.push((id.to_owned(), stored.text()));
                }
                there.insert(id.into(), (stored.changed, stored.json.clone()));
            })
            .await?;
        for (id, text) in expired {
            put(shared, &self.name, &id, &text, "").await?;
        }
        let records = Arc::clone(&self.records);
        // Writing out many records takes longer than the answers that wait on this thread have.
        let news = tokio::task::spawn_blocking(move || {
            let is_news = |record: &Record| {
                let there = there.get(&record.id);
                !is_over(record.expires, now)
                    && there.is_none_or(|(changed, json)| is_more(record, *changed, json))
            };
            let ours = records.all().into_iter();
            ours.filter(is_news).map(|record| record.id).collect::<Vec<_>>()
        });
        // One that panicked has told so itself; the next connection asks it again.
        let news = news.await.unwrap_or_default();
        self.put_all(shared, news.iter().chain(&unfinished)).await?;
        self.state().read = Some(last);
        Ok(())
    }

    /// Reads what was written behind a number. Answers with the last number, and the records in which each side had something that
    /// the other had not.
    async fn pull(
        &self,
        shared: &Shared,
        mut read: u64,
        mut see: impl FnMut(&str, &Stored),
    ) -> Result<(u64, Vec<Box<str>>), Trouble> {
        let mut unfinished = Vec::new();
        loop {
            let arguments = [read.to_string(), PAGE.to_string()];
            let answer =
                shared.scripts.news.run(&shared.link, &shared.names.set(&self.name), &arguments).await?;
            let mut values = list(answer)?.into_iter();
            let Some(Value::Int(last)) = values.next() else { return Err(Trouble::Nonsense) };
            let mut count = 0;
            while let (Some(number), Some(id), Some(body)) = (values.next(), values.next(), values.next()) {
                let (Value::Int(number), id, body) = (number, text(id)?, text(body)?) else {
                    return Err(Trouble::Nonsense);
                };
                (read, count) = (whole(number), count + 1);
                let Some(stored) = Stored::read(&body) else { continue };
                see(&id, &stored);
                let is_new = !is_over(stored.expires, unix()) && self.records.merge(&id, &stored.json);
                if is_new && self.records.one(&id).is_some_and(|merged| *merged.json != *stored.json) {
                    unfinished.push(id.into());
                }
            }
            if count < PAGE {
                return Ok((whole(last), unfinished));
            }
        }
    }

    async fn put_all<'a>(
        &self,
        shared: &Shared,
        ids: impl Iterator<Item = &'a Box<str>>,
    ) -> Result<(), Trouble> {
        let ids: Vec<_> = ids.collect();
        for some in ids.chunks(AT_ONCE) {
            let done = join_all(some.iter().map(|id| self.put(shared, id))).await;
            done.into_iter().collect::<Result<(), _>>()?;
        }
        Ok(())
    }

    /// Merges what stands in the store with what is known here, and writes it if that is more.
    async fn put(&self, shared: &Shared, id: &str) -> Result<(), Trouble> {
        let [data, ..] = shared.names.set(&self.name);
        let mut found = match shared.link.ask(redis::cmd("HGET").arg(data).arg(id)).await? {
            Value::Nil => String::new(),
            other => text(other)?,
        };
        for _ in 0..TRIES {
            let stored = Stored::read(&found);
            if let Some(stored) = &stored {
                self.records.merge(id, &stored.json);
            }
            let Some(ours) = self.records.one(id) else { return Ok(()) };
            let is_more = stored.is_none_or(|stored| is_more(&ours, stored.changed, &stored.json));
            if !is_more || is_over(ours.expires, unix()) {
                return Ok(());
            }
            match put(shared, &self.name, id, &found, &Stored::of(&ours).text()).await? {
                None => return Ok(()),
                Some(other) => found = other,
            }
        }
        // Others write it all the time; what they have written is read next.
        self.tell(id);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes, if `found` still stands there. Answers with what stands there where it does not.
async fn put(
    shared: &Shared,
    set: &str,
    id: &str,
    found: &str,
    new: &str,
) -> Result<Option<String>, Trouble> {
    let answer = shared.scripts.put.run(&shared.link, &shared.names.set(set), &[id, found, new]).await?;
    let [done, other] = <[Value; 2]>::try_from(list(answer)?).map_err(|_| Trouble::Nonsense)?;
    match done {
        Value::Int(1) => Ok(None),
        Value::Int(0) => text(other).map(Some),
        _ => Err(Trouble::Nonsense),
    }
}

impl Stored {
    fn of(record: &Record) -> Self {
        Self { changed: record.changed, expires: record.expires, json: record.json.to_string() }
    }

    /// `changed;expires;json`, without a number where it does not expire.
    fn text(&self) -> String {
        let expires = self.expires.map(|expires| expires.to_string()).unwrap_or_default();
        format!("{};{expires};{}", self.changed, self.json)
    }

    fn read(text: &str) -> Option<Self> {
        let (changed, rest) = text.split_once(';')?;
        let (expires, json) = rest.split_once(';')?;
        let expires = if expires.is_empty() { None } else { Some(expires.parse().ok()?) };
        Some(Self { changed: changed.parse().ok()?, expires, json: json.to_owned() })
    }
}

/// Whether ours, with which the stored one has been merged, has something that the stored one has not. Where an older Tidegate
/// cannot keep all of a newer one's record it writes less, once for each time that it learns of it, and the newer ones, which
/// learn nothing from that, do not answer.
fn is_more(ours: &Record, changed: u64, json: &str) -> bool {
    ours.changed >= changed && *ours.json != *json
}

fn is_over(expires: Option<u64>, now: u64) -> bool {
    expires.is_some_and(|expires| expires.saturating_add(KEPT_EXPIRED) < now)
}

fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
