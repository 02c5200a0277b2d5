//! The thread that keeps counters and records: it saves quotas, reads what other processes have written, and looks how the
//! other nodes are.
//!
//! It may wait for the disk, which no worker and no request ever does.

use super::Running;
use super::records::{Keys, Revoked, unix};
use cluster::{Cluster, Ledger};
use gateway::guard::Tables;
use limit::{Key, Keyed, QuotaUse, Window};
use observe::log::{self, Level, Throttle};
use observe::{Event, EventKind, Meters};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};
use store::Mark;

/// How often the other nodes are looked at.
const LOOK: Duration = Duration::from_millis(25);
/// How long the other nodes' store may take to answer for the first time before that is told.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long nodes are reckoned with that are not seen any more.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How often the store is read.
const READ: Duration = Duration::from_millis(250);
/// How often quotas are saved.
const SAVE: Duration = Duration::from_secs(1);

/// How often it is saved when keys were last used.
const SAVE_USES: Duration = Duration::from_secs(60);

static UNSAVED: Throttle = Throttle::new();

/// What the thread works with.
pub(super) struct Keeping {
    pub(super) keys: Arc<Keys>,
    pub(super) revoked: Arc<Revoked>,
    pub(super) tables: Arc<OnceLock<Arc<Tables>>>,
    pub(super) running: Weak<Running>,
    pub(super) meters: Arc<Meters>,
}

impl Keeping {
    /// Works until nobody needs it any more.
    pub(super) fn run(self) {
        let (mut keys, mut revoked) = (Mark::default(), Mark::default());
        self.restore_uses();
        let (mut read, mut saved, mut used) = (None::<Instant>, Instant::now(), Instant::now());
        let (begun, mut was_up, mut crowd) = (Instant::now(), None, Crowd::default());
        while let Some(running) = self.running.upgrade().filter(|running| !running.has_ended()) {
            let now = Instant::now();
            let cluster = running.cluster();
            drop(running);
            self.look(cluster.as_deref(), begun, &mut crowd, &mut was_up);
            if read.is_none_or(|at| now.duration_since(at) >= READ) {
                (keys, revoked) = (
                    self.keys.read(keys, cluster.as_deref()),
                    self.revoked.read(revoked, cluster.as_deref()),
                );
                read = Some(now);
            }
            if now.duration_since(used) >= SAVE_USES {
                self.save_uses();
                used = now;
            }
            if now.duration_since(saved) >= SAVE {
                self.save();
                self.revoked.known.tidy(unix());
                saved = now;
            }
            std::thread::sleep(LOOK);
        }
        self.save();
        self.save_uses();
    }

    /// How are the other nodes?
    fn look(&self, cluster: Option<&Cluster>, begun: Instant, crowd: &mut Crowd, was_up: &mut Option<bool>) {
        let Some(tables) = self.tables.get() else { return };
        let Some(cluster) = cluster else {
            tables.shared_is_up.store(false, Ordering::Relaxed);
            return;
        };
        let state = cluster.state();
        tables.shared_is_up.store(state.up, Ordering::Relaxed);
        tables.nodes.store(crowd.note(cluster.nodes_seen(), Instant::now()), Ordering::Relaxed);
        tables.reseed(cluster.seed());
        if *was_up != Some(state.up) {
            let event = Event::new(EventKind::Cluster);
            match (state.up, *was_up) {
                (true, _) => {
                    log::info(format_args!("the store of the cluster is up"));
                    self.meters.events().tell(event.to("up"));
                }
                // Nobody has answered yet: there is a moment for that.
                (false, None) if begun.elapsed() < PATIENCE => return,
                (false, _) => {
                    log::warning(format_args!(
                        "the store of the cluster cannot be used: {}. Each limit goes by its `on_store_error`",
                        state.why
                    ));
                    self.meters.events().tell(event.to("down").because(&state.why));
                }
            }
            *was_up = Some(state.up);
        }
    }

    /// When were keys last used, before the start?
    fn restore_uses(&self) {
        let Some(store) = self.keys.store.get() else { return };
        match store.last_uses() {
            Ok(uses) => uses.iter().for_each(|(id, unix)| self.keys.book.mark_used(id, *unix)),
            Err(why) => log::error(format_args!("when keys were last used cannot be read: {why}")),
        }
    }

    /// Saves when keys were last used.
    fn save_uses(&self) {
        let Some(store) = self.keys.store.get() else { return };
        let (book, records) = (&self.keys.book, self.keys.book.list());
        let uses = records.iter().filter_map(|record| Some((&*record.id, book.last_used(&record.id)?)));
        if let Err(why) = store.save_last_uses(uses) {
            UNSAVED.write(Level::Error, format_args!("when keys were last used cannot be saved: {why}"));
        }
    }

    /// Saves what was used of quotas.
    fn save(&self) {
        let (Some(store), Some(tables)) = (self.keys.store.get(), self.tables.get()) else { return };
        let uses = tables.quotas.changed();
        if let Err(why) = store.save_quotas(&uses) {
            // They are in memory yet, and saved with the next change.
            UNSAVED.write(Level::Error, format_args!("quotas cannot be saved: {why}"));
        }
    }
}

/// How many nodes there are. Where the store comes and goes, nodes see each other late: a smaller number counts only once it
/// has stood for a while, or each of them would take itself for the only one, and admit all of a limit.
#[derive(Default)]
struct Crowd {
    most: usize,
    /// When that many were last seen.
    at: Option<Instant>,
}

impl Crowd {
    /// So many are seen now; how many are to be reckoned with.
    fn note(&mut self, seen: usize, now: Instant) -> usize {
        let is_old = self.at.is_none_or(|at| now.duration_since(at) >= REMEMBERED);
        if seen >= self.most || is_old {
            self.most = seen.max(1);
            self.at = Some(now);
        }
        self.most
    }
}

/// The counters of this node, for the cluster to settle.
pub(super) struct Counters {
    pub(super) tables: Arc<Tables>,
}

impl Ledger for Counters {
    fn drain(&self) -> Vec<(Keyed, u64)> {
        self.tables.pending.drain()
    }

    fn correct_bucket(&self, key: Key, ahead: Duration) {
        self.tables.limiter.correct(key, ahead, self.tables.nanos(Instant::now()));
    }

    fn correct_quota(&self, key: Key, window: Window, start: u64, used: u64) {
        self.tables.quotas.correct(key, window, start, used);
    }
}

/// What was used of quotas before the start.
pub(super) fn restore(tables: &Tables, uses: &[QuotaUse]) {
    for QuotaUse { key, window, start, used } in uses {
        tables.quotas.restore(*key, *window, *start, *used);
    }
}

/// The same, for a store of the cluster that has lost its own.
pub(super) fn remember(cluster: &Cluster, uses: &[QuotaUse]) {
    for QuotaUse { key, window, start, used } in uses {
        cluster.remember_quota(*key, *window, *start, *used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_are_seen_no_more_are_reckoned_with_for_a_while() {
        let (mut crowd, begin) = (Crowd::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(crowd.note(0, at(0)), 1, "there is always this one");
        assert_eq!(crowd.note(3, at(1)), 3);
        assert_eq!(crowd.note(1, at(2)), 3, "the store has come back, the others have not");
        assert_eq!(crowd.note(3, at(30)), 3);
        assert_eq!(crowd.note(2, at(89)), 3);
        assert_eq!(crowd.note(2, at(90)), 2, "one has left for good");
    }
}
