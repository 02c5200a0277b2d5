//! The door to all of it.

use crate::beat::Pulse;
use crate::bus::{self, Bus, Place, Subscription, Unsent};
use crate::exact::{self, StoreDown};
use crate::keeper;
use crate::known::{Known, Use};
use crate::line::Door;
use crate::link::Link;
use crate::names::Names;
use crate::records::{Records, Set};
use crate::script::Scripts;
use crate::settings::{ClusterSettings, SettingsError};
use crate::settle::Ledger;
use crate::state::{Counts, State};
use base::IdSource;
use limit::{Decision, Key, Keyed, Window};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// What this node shares with others. When it is dropped, the node leaves and the thread ends.
pub struct Cluster {
    shared: Arc<Shared>,
    /// Closed by being dropped.
    _stop: watch::Sender<()>,
}

/// What the thread and the callers both have.
pub(crate) struct Shared {
    pub(crate) link: Link,
    pub(crate) names: Names,
    pub(crate) scripts: Scripts,
    pub(crate) known: Known,
    pub(crate) pulse: Pulse,
    pub(crate) bus: Bus,
    pub(crate) node: Box<str>,
    /// Rung when a record has changed here.
    pub(crate) news: Notify,
    ledger: OnceLock<Arc<dyn Ledger>>,
    sets: Mutex<Vec<Arc<Set>>>,
}

impl Cluster {
    /// Checks the settings and starts the thread, which connects. Waits for nothing.
    pub fn start(settings: &ClusterSettings) -> Result<Arc<Self>, SettingsError> {
        let door = Door::new(settings)?;
        let shared = Arc::new(Shared {
            link: Link::new(&settings.places()),
            names: Names::new(&settings.prefix),
            scripts: Scripts::new(),
            known: Known::default(),
            pulse: Pulse::new(settings.seed),
            bus: Bus::new(format!("{:016x}", IdSource::default().next_u64())),
            node: settings.node.clone(),
            news: Notify::new(),
            ledger: OnceLock::new(),
            sets: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(());
        let failed = |error: std::io::Error| SettingsError::Thread(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("cluster".into())
            .spawn(move || runtime.block_on(keeper::run(theirs, door, stopped)))
            .map_err(failed)?;
        Ok(Arc::new(Self { shared, _stop: stop }))
    }

    /// Takes `cost` from the bucket or quota that all nodes share (`precision: exact`). Cost 0 takes
    /// nothing, and asks whether cost 1 would be admitted.
    pub async fn take(&self, keyed: &Keyed, cost: u32) -> Result<Decision, StoreDown> {
        exact::take(&self.shared, keyed, cost).await
    }

    /// Settles from now on what this ledger counts (`precision: fast`). There is one; a second one is not taken.
    pub fn settle(&self, ledger: Arc<dyn Ledger>) {
        let _ = self.shared.ledger.set(ledger);
    }

    /// What this node knows from before its start of a quota's use, for a store that has lost its own.
    pub fn remember_quota(&self, key: Key, window: Window, start: u64, used: u64) {
        let used = used.min(exact::COUNT_MOST);
        self.shared.known.learn(key, window, Use { start, used });
    }

    /// Shares these records with all nodes from now on, under that name.
    pub fn replicate(&self, set: &str, records: Arc<dyn Records>) {
        let set = Arc::new(Set::new(set, records));
        self.shared.sets.lock().unwrap_or_else(PoisonError::into_inner).push(set);
        self.shared.news.notify_one();
    }

    /// A record of that set has changed here.
    pub fn tell(&self, set: &str, id: &str) {
        for set in self.shared.sets().iter().filter(|known| known.name() == set) {
            set.tell(id);
        }
        self.shared.news.notify_one();
    }

    /// Tells all other nodes something, at most 64 KiB.
    pub async fn publish(&self, topic: &str, bytes: &[u8]) -> Result<(), Unsent> {
        bus::publish(&self.shared, topic, bytes).await
    }

    /// Hears what other nodes publish under that topic from now on.
    pub fn subscribe(&self, topic: &str) -> Subscription {
        self.shared.bus.subscribe(topic)
    }

    /// How far this node has heard the others; `None` before the first look.
    pub fn place(&self) -> Option<Place> {
        self.shared.bus.place()
    }

    /// Hears what was published behind that place of an earlier process, as far as it is still kept; else subscribers are told that
    /// they have missed something.
    pub fn resume(&self, place: Place) {
        self.shared.bus.resume(place);
    }

    /// Was all that other nodes have published up to now passed on to subscribers, at least once since [`Cluster::resume`]?
    pub fn has_heard(&self) -> bool {
        self.shared.bus.has_heard()
    }

    /// How many nodes there are, this one among them; while the store is down, how many there were.
    pub fn nodes_seen(&self) -> usize {
        self.shared.pulse.nodes()
    }

    /// The seed of the hash of all keys: the same on all nodes once they have met. It changes where this node began with its
    /// own and then meets others; until a table uses the new one, its keys are not those of the others.
    pub fn seed(&self) -> [u8; 16] {
        self.shared.pulse.seed()
    }

    /// Whether the store can be used.
    pub fn state(&self) -> State {
        self.shared.link.state().borrow().clone()
    }

    /// The state as it changes.
    pub fn changes(&self) -> watch::Receiver<State> {
        self.shared.link.state()
    }

    /// Waits until the store can be used, at most that long. Says whether it can.
    pub async fn ready(&self, patience: Duration) -> bool {
        let mut state = self.changes();
        // The sender lives as long as `self`.
        tokio::time::timeout(patience, state.wait_for(|state| state.up)).await.is_ok()
    }

    /// What was done since the start.
    pub fn counts(&self) -> Counts {
        self.shared.link.counters.read()
    }
}

impl Shared {
    pub(crate) fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        self.ledger.get().cloned()
    }

    pub(crate) fn sets(&self) -> Vec<Arc<Set>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was used of a quota over all nodes, for this node's own table and for a store that loses its data.
    pub(crate) fn learn_quota(&self, key: Key, window: Window, now: Use) {
        self.known.learn(key, window, now);
        if let Some(ledger) = self.ledger.get() {
            ledger.correct_quota(key, window, now.start, now.used);
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("state", &self.state())
            .field("nodes", &self.nodes_seen())
            .finish_non_exhaustive()
    }
}
