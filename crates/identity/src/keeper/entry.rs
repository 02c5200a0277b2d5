//! What is known of one issuer's keys: shared by the task that looks for them and by those who need them.
//!
//! *Invariant*: whichever `Issuer` an entry serves has the newest keys: both change under one lock.

mod view;

pub use view::View;

use super::Wanted;
use super::news::{Keys, News, What};
use super::source::{Found, NoKeys, Source};
use auth::token::oidc::Discovery;
use auth::token::{Issuer, KeySet};
use net::tls::ClientSettings;
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, watch};

/// How often an issuer is asked because of unknown keys, at most.
pub(super) const PAUSE: Duration = Duration::from_secs(10);

/// One issuer whose keys are kept.
pub(super) struct Entry {
    pub(super) name: Box<str>,
    pub(super) source: Source,
    pub(super) refresh: Duration,
    pub(super) tls: ClientSettings,
    held: Mutex<Held>,
    /// There is a wish.
    wished: Notify,
    /// How often a look has ended, or a copy was read.
    rounds: watch::Sender<u64>,
}

struct Held {
    issuer: Arc<Issuer>,
    keys: Option<KeySet>,
    /// What the keys were read from.
    body: Vec<u8>,
    discovery: Option<Arc<Discovery>>,
    state: State,
    is_looking: bool,
    /// When an unknown key may be looked for, where one is.
    wish: Option<Instant>,
    /// When one was looked for last.
    granted: Option<Instant>,
    answered: u64,
    failed: u64,
    last: Option<SystemTime>,
    trouble: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No look has ended yet.
    New,
    /// The last one brought keys.
    Current,
    /// The last one did not.
    Failing,
}

/// What becomes of the wish for an unknown key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A look is about to begin or under way: its end is worth waiting for.
    Granted,
    /// Only in a while.
    Later,
}

impl Entry {
    pub(super) fn new(wanted: Wanted) -> Self {
        let Wanted { issuer, source, refresh, tls } = wanted;
        let name = issuer.name().into();
        let held = Held {
            issuer,
            keys: None,
            body: Vec::new(),
            discovery: None,
            state: State::New,
            is_looking: false,
            wish: None,
            granted: None,
            answered: 0,
            failed: 0,
            last: None,
            trouble: None,
        };
        let rounds = watch::Sender::new(0);
        Self { name, source, refresh, tls, held: Mutex::new(held), wished: Notify::new(), rounds }
    }

    /// Would an entry for this be the same, whoever gets the keys?
    pub(super) fn is_for(&self, wanted: &Wanted) -> bool {
        *self.name == *wanted.issuer.name()
            && self.source == wanted.source
            && self.refresh == wanted.refresh
            && self.tls == wanted.tls
    }

    /// Serves another `Issuer` from now on.
    pub(super) fn serve(&self, issuer: Arc<Issuer>) {
        let mut held = self.held();
        if Arc::ptr_eq(&held.issuer, &issuer) {
            return;
        }
        if let Some(keys) = &held.keys {
            issuer.set_keys(keys.clone());
        }
        held.issuer = issuer;
    }

    pub(super) fn serves(&self, issuer: &Arc<Issuer>) -> bool {
        Arc::ptr_eq(&self.held().issuer, issuer)
    }

    pub(super) fn is_failing(&self) -> bool {
        self.held().state == State::Failing
    }

    pub(super) fn discovery(&self) -> Option<Arc<Discovery>> {
        self.held().discovery.clone()
    }

    /// To wait on. What has ended before does not count.
    pub(super) fn rounds(&self) -> watch::Receiver<u64> {
        self.rounds.subscribe()
    }

    /// Somebody has met an unknown key.
    pub(super) fn wish(&self, now: Instant) -> Wish {
        let mut held = self.held();
        let earliest = held.granted.map_or(now, |granted| now.max(granted + PAUSE));
        let at = *held.wish.get_or_insert(earliest);
        self.wished.notify_one();
        // While an issuer fails nobody waits for one more attempt, except those for whom it is made.
        let awaited = held.is_looking && held.state != State::Failing;
        if at <= now || awaited { Wish::Granted } else { Wish::Later }
    }

    /// Waits until it is `due`, or until a wish is, and begins a look.
    pub(super) async fn begin(&self, due: Instant) {
        loop {
            let wish = self.held().wish;
            let at = wish.map_or(due, |wish| wish.min(due));
            tokio::select! {
                () = tokio::time::sleep_until(at.into()) => break,
                () = self.wished.notified() => {}
            }
        }
        let mut held = self.held();
        let now = Instant::now();
        if held.wish.is_some_and(|wish| wish <= now) {
            (held.wish, held.granted) = (None, Some(now));
        }
        held.is_looking = true;
    }

    /// Takes the keys of an earlier run.
    pub(super) fn restore(&self, body: Vec<u8>, keys: KeySet) -> News {
        let mut held = self.held();
        let told = told(&keys);
        held.put(body, keys);
        drop(held);
        self.rounds.send_modify(|rounds| *rounds += 1);
        self.news(What::FromCopy(told))
    }

    /// Takes what a look has brought; tells what has changed, and the second time whether the keys have.
    pub(super) fn end(&self, found: Result<Found, NoKeys>) -> (Option<News>, Option<Vec<u8>>) {
        let mut held = self.held();
        let known = held.keys.as_ref().map_or(0, KeySet::len);
        let changed = match found.and_then(|found| self.take(&mut held, found)) {
            Ok(changed) => changed,
            Err(trouble) => {
                held.failed += 1;
                held.trouble = Some(trouble.to_string().into());
                let was = std::mem::replace(&mut held.state, State::Failing);
                self.ended(held);
                return ((was != State::Failing).then(|| self.news(What::Failing { trouble, known })), None);
            }
        };
        (held.answered, held.last, held.trouble) = (held.answered + 1, Some(SystemTime::now()), None);
        let was = std::mem::replace(&mut held.state, State::Current);
        let keys = held.keys.as_ref().map(told);
        let body = changed.then(|| held.body.clone());
        if changed {
            // What was wished for has come, as far as it can.
            held.wish = None;
        }
        self.ended(held);
        let what = keys.and_then(|keys| match was {
            State::New => Some(What::Known(keys)),
            State::Failing if known == 0 => Some(What::Known(keys)),
            State::Failing => Some(What::Recovered(keys)),
            State::Current => changed.then_some(What::Changed(keys)),
        });
        (what.map(|what| self.news(what)), body)
    }

    /// Puts the keys in force where they are others.
    fn take(&self, held: &mut Held, found: Found) -> Result<bool, NoKeys> {
        let Found { body, discovery } = found;
        let is_known = held.keys.is_some() && held.body == body;
        let keys = if is_known { None } else { Some(self.source.keys(&body)?) };
        held.discovery = discovery;
        let Some(keys) = keys else { return Ok(false) };
        let changed = !is_same(&held.body, &body);
        held.put(body, keys);
        Ok(changed)
    }

    fn ended(&self, mut held: MutexGuard<'_, Held>) {
        held.is_looking = false;
        drop(held);
        self.rounds.send_modify(|rounds| *rounds += 1);
    }

    /// News of this issuer.
    pub(super) fn news(&self, what: What) -> News {
        News { issuer: self.name.clone(), source: self.source.shown(), what }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("name", &self.name)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Held {
    fn put(&mut self, body: Vec<u8>, keys: KeySet) {
        self.issuer.set_keys(keys.clone());
        (self.body, self.keys) = (body, Some(keys));
    }
}

/// Are these the same keys, perhaps in another order? Some issuers shuffle theirs for each answer.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let keys = |body| match serde_json::from_slice::<Value>(body).ok()?.get_mut("keys")?.take() {
        Value::Array(keys) => Some(keys),
        _ => None,
    };
    match (keys(one), keys(other)) {
        (Some(one), Some(other)) => one.len() == other.len() && one.iter().all(|key| other.contains(key)),
        // Keys in PEM, or none yet.
        _ => false,
    }
}

fn told(keys: &KeySet) -> Keys {
    let skipped = keys.skipped();
    Keys { count: keys.len(), skipped: skipped.len(), why: skipped.first().map(|first| first.why) }
}

#[cfg(test)]
mod tests;
