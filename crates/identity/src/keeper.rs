//! Keeps the keys of issuers: fetched at the start and again and again, asked for when an unknown one turns up, and kept
//! when the issuer fails.
//!
//! One thread looks after all issuers, a task each. Those who need keys share an [`Entry`] with it and are woken.
//!
//! *Promise*: starting waits for nobody. What was good last stays in force until something better has come; with a folder it
//! also outlives the process. An issuer is asked each `refresh`, after failures at growing intervals, and because of unknown
//! keys once in 10 s at most, however many ask. A reload keeps what it does not change, and another `Issuer` for the same
//! keys has them at once. The thread ends with the keeper.
//! *Not here*: what a key is good for (`auth::token`).

mod copy;
mod entry;
mod follow;
mod news;
mod source;

pub use entry::View;
pub use news::{News, OnNews, What};
pub use source::{NoKeys, Source};

use auth::token::Issuer;
use auth::token::oidc::Discovery;
use entry::{Entry, Wish};
use net::tls::ClientSettings;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::timeout;

/// An issuer whose keys are to be kept.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Who gets the keys.
    pub issuer: Arc<Issuer>,
    /// Where they are.
    pub source: Source,
    /// How often they are looked for when all is well; a file is looked at each second instead.
    pub refresh: Duration,
    /// How TLS is spoken with it.
    pub tls: ClientSettings,
}

/// What came of asking for an unknown key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The issuer has answered: whatever key it has is known now.
    Answered,
    /// It has been asked a short while ago and had no such key. It will be asked again.
    NotNow,
    /// It cannot be asked: it may have the key.
    Failed,
}

/// Looks after issuers until it is dropped.
#[derive(Debug)]
pub struct Keeper {
    entries: watch::Sender<Vec<Arc<Entry>>>,
}

impl Keeper {
    /// Starts with these. `folder`: where the keys are kept for the next start; made where it is not there. `news`: who
    /// hears what changes, on the keeper's thread.
    pub fn start(wanted: Vec<Wanted>, folder: Option<PathBuf>, news: OnNews) -> io::Result<Self> {
        let keeper = Self { entries: watch::Sender::new(Vec::new()) };
        keeper.adopt(wanted);
        let entries = keeper.entries.subscribe();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("issuers".into()).spawn(move || {
            LocalSet::new().block_on(&runtime, follow::all(entries, folder, news));
            // A name that is being resolved is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(keeper)
    }

    /// Looks after these from now on. Keys that are known and still wanted are in force when it returns.
    pub fn adopt(&self, wanted: Vec<Wanted>) {
        self.entries.send_modify(|entries| {
            let mut before = std::mem::take(entries);
            *entries = wanted
                .into_iter()
                .map(|wanted| match before.iter().position(|entry| entry.is_for(&wanted)) {
                    Some(at) => {
                        let entry = before.swap_remove(at);
                        entry.serve(wanted.issuer);
                        entry
                    }
                    None => Arc::new(Entry::new(wanted)),
                })
                .collect();
        });
    }

    /// Waits for the first keys of an issuer; not where it has failed already, as long as it does. Are there some?
    pub async fn wait_for_keys(&self, issuer: &Arc<Issuer>, patience: Duration) -> bool {
        if issuer.keys_known() {
            return true;
        }
        let Some(entry) = self.entry(issuer) else { return false };
        let mut rounds = entry.rounds();
        if entry.is_failing() {
            entry.wish(Instant::now());
        } else if !issuer.keys_known() {
            let _ = timeout(patience, rounds.changed()).await;
        }
        issuer.keys_known()
    }

    /// Has an issuer asked for a key that is not known, and waits for its answer.
    pub async fn renewed(&self, issuer: &Arc<Issuer>, patience: Duration) -> Renewal {
        let Some(entry) = self.entry(issuer) else { return Renewal::NotNow };
        let mut rounds = entry.rounds();
        let answered = match entry.wish(Instant::now()) {
            Wish::Granted => timeout(patience, rounds.changed()).await.is_ok_and(|round| round.is_ok()),
            Wish::Later if !entry.is_failing() => return Renewal::NotNow,
            Wish::Later => false,
        };
        if answered && !entry.is_failing() { Renewal::Answered } else { Renewal::Failed }
    }

    /// What an issuer said of itself last, where its keys are discovered.
    pub fn discovery(&self, issuer: &Arc<Issuer>) -> Option<Arc<Discovery>> {
        self.entry(issuer)?.discovery()
    }

    /// How each issuer stands.
    pub fn views(&self) -> Vec<View> {
        self.entries.borrow().iter().map(|entry| entry.view()).collect()
    }

    fn entry(&self, issuer: &Arc<Issuer>) -> Option<Arc<Entry>> {
        self.entries.borrow().iter().find(|entry| entry.serves(issuer)).map(Arc::clone)
    }
}
