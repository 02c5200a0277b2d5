//! The thread beside the cache: makes purges last, makes them known, hears of those of other nodes, sweeps.

use super::LEDGER;
use cache::{Purge, Purges, Store, What};
use cluster::{Cluster, Heard, Place, Subscription, Unsent};
use disk::Disk;
use observe::log::{self, Level, Throttle};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};

/// The topic that nodes tell each other purges under.
const TOPIC: &str = "purges";
/// How often the memory is swept, and what could not be told is told again.
const TURN: Duration = Duration::from_secs(1);
/// How often it is looked whether a node that was away knows all.
const SOON: Duration = Duration::from_millis(20);
/// Orders that are carried out together.
const AT_ONCE: usize = 1_000;
/// Purges that wait for a store that cannot be asked. More of them become one of everything.
const UNTOLD: usize = 10_000;

static TROUBLES: Throttle = Throttle::new();

/// What the thread is asked to do.
pub(super) enum Order {
    /// Make these last and known; they are in force here already. Then say so.
    Purge(Vec<Purge>, Option<oneshot::Sender<()>>),
    /// The other nodes are these now.
    Cluster(Option<Arc<Cluster>>),
}

/// The thread.
pub(super) struct Teller {
    pub(super) store: Arc<Store>,
    pub(super) disk: Option<Arc<Disk>>,
    /// How far an earlier process had heard the other nodes.
    pub(super) place: Option<Place>,
    /// What was purged meanwhile is known.
    pub(super) is_current: Arc<AtomicBool>,
}

/// A purge as it is written beside the disk and sent to other nodes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: Kind,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    what: Box<str>,
    #[serde(default)]
    soft: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    All,
    Url,
    Prefix,
    Tag,
}

/// The ledger beside the disk. `at`: how far this node has heard the others.
#[derive(Default, Serialize, Deserialize)]
struct Ledger {
    floor: u64,
    purges: Vec<(u64, Written)>,
    #[serde(default)]
    heard: Option<(u64, u64)>,
}

/// What was purged before, where that is known, and how far the other nodes were heard.
pub(super) fn ledger(disk: &Disk) -> Option<(Purges, Option<Place>)> {
    let ledger: Ledger = serde_json::from_slice(&disk.noted(LEDGER)?).ok()?;
    let purges = ledger.purges.into_iter().map(|(number, written)| (number, written.purge()));
    let heard = ledger.heard.map(|(time, number)| Place { time, number });
    Some((Purges::restore(ledger.floor, purges), heard))
}

impl Written {
    fn of(purge: &Purge) -> Self {
        let (kind, what) = match &purge.what {
            What::All => (Kind::All, ""),
            What::Url(url) => (Kind::Url, &**url),
            What::Prefix(start) => (Kind::Prefix, &**start),
            What::Tag(tag) => (Kind::Tag, &**tag),
        };
        Self { kind, what: what.into(), soft: purge.is_soft }
    }

    fn purge(self) -> Purge {
        let what = match self.kind {
            Kind::All => What::All,
            Kind::Url => What::Url(self.what),
            Kind::Prefix => What::Prefix(self.what),
            Kind::Tag => What::Tag(self.what),
        };
        Purge { what, is_soft: self.soft }
    }
}

/// What the thread knows meanwhile.
#[derive(Default)]
struct Told {
    cluster: Option<Arc<Cluster>>,
    heard: Option<Subscription>,
    /// What the others have yet to be told.
    untold: Vec<Purge>,
    /// How far the others were heard, as it is written down.
    noted: Option<Place>,
}

impl Teller {
    /// Runs until nobody can order anything any more.
    pub(super) fn run(self, orders: mpsc::Receiver<Order>) {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.keep(orders)),
            Err(why) => log::warning(format_args!("the cache cannot be kept: {why}")),
        }
    }

    async fn keep(self, mut orders: mpsc::Receiver<Order>) {
        let mut told = Told::default();
        let mut soon = tokio::time::interval(SOON);
        let mut turn = tokio::time::interval(TURN);
        turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    Some(order) => {
                        // What has come meanwhile is written down together with it.
                        let mut all = vec![order];
                        all.extend(std::iter::from_fn(|| orders.try_recv().ok()).take(AT_ONCE));
                        self.take(all, &mut told).await;
                    }
                },
                heard = hear(&mut told.heard) => {
                    self.heard(&heard);
                    self.note(&mut told);
                }
                _ = soon.tick(), if !self.is_current.load(Ordering::Acquire) => self.catch_up(&told),
                _ = turn.tick() => {
                    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                    self.store.sweep(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
                    told.tell().await;
                    if self.disk.is_some() && told.place() != told.noted {
                        self.note(&mut told);
                    }
                }
            }
        }
    }

    /// Lets responses be taken from the disk once all is known that was purged while this node was away.
    fn catch_up(&self, told: &Told) {
        let has_heard = match (&told.cluster, &told.heard) {
            (Some(cluster), Some(heard)) => cluster.has_heard() && heard.is_empty(),
            _ => false,
        };
        if has_heard {
            self.is_current.store(true, Ordering::Release);
        } else {
            TROUBLES.write(
                Level::Warning,
                format_args!("the disk of the cache waits until it is known what other nodes have purged"),
            );
        }
    }

    async fn take(&self, orders: Vec<Order>, told: &mut Told) {
        let mut waiting = Vec::new();
        for order in orders {
            match order {
                Order::Cluster(cluster) => told.join(cluster, self.place),
                Order::Purge(purges, done) => {
                    waiting.extend(done);
                    told.untold.extend(purges);
                }
            }
        }
        self.note(told);
        for done in waiting {
            let _ = done.send(());
        }
        told.tell().await;
    }

    /// Another node has purged something, or may have.
    fn heard(&self, heard: &Heard) {
        let purge = match heard {
            Heard::Message(bytes) => serde_json::from_slice::<Written>(bytes).map(Written::purge),
            // Nobody knows what: what is safe is to keep nothing.
            Heard::Missed => {
                log::warning(format_args!(
                    "purges of other nodes may have been missed: the cache begins anew"
                ));
                Ok(Purge { what: What::All, is_soft: false })
            }
        };
        match purge {
            Ok(purge) => {
                self.store.purges().add(&purge);
            }
            Err(why) => {
                // A newer version may know more kinds: what is safe is to keep nothing.
                TROUBLES.write(Level::Warning, format_args!("a purge of another node cannot be read: {why}"));
                self.store.purges().add(&Purge { what: What::All, is_soft: false });
            }
        }
    }

    /// Writes down what was purged, where something outlasts this process.
    fn note(&self, told: &mut Told) {
        let Some(disk) = &self.disk else { return };
        let (floor, all) = self.store.purges().all();
        let purges = all.iter().map(|(number, purge)| (*number, Written::of(purge))).collect();
        let place = told.place();
        let heard = place.map(|place| (place.time, place.number));
        let ledger = serde_json::to_vec(&Ledger { floor, purges, heard }).unwrap_or_default();
        if let Err(why) = disk.note(LEDGER, &ledger) {
            TROUBLES.write(Level::Error, format_args!("a purge cannot be written down: {why}"));
        }
        told.noted = place;
    }
}

impl Told {
    fn place(&self) -> Option<Place> {
        self.cluster.as_ref()?.place()
    }

    fn join(&mut self, cluster: Option<Arc<Cluster>>, place: Option<Place>) {
        let is_same = match (&self.cluster, &cluster) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if !is_same {
            self.heard = cluster.as_ref().map(|cluster| {
                let heard = cluster.subscribe(TOPIC);
                // Behind the subscription, so that nothing falls between the two.
                if let Some(place) = place {
                    cluster.resume(place);
                }
                heard
            });
            self.cluster = cluster;
        }
    }

    /// Tells the others what they have yet to be told.
    async fn tell(&mut self) {
        let Some(cluster) = &self.cluster else {
            self.untold.clear();
            return;
        };
        if self.untold.len() > UNTOLD {
            self.untold = vec![Purge { what: What::All, is_soft: false }];
        }
        let mut sent = 0;
        for purge in &self.untold {
            let bytes = serde_json::to_vec(&Written::of(purge)).unwrap_or_default();
            match cluster.publish(TOPIC, &bytes).await {
                Ok(()) => sent += 1,
                Err(why @ Unsent::TooLong) => {
                    // It would be as long the next time.
                    TROUBLES.write(Level::Error, format_args!("other nodes are not told of a purge: {why}"));
                    sent += 1;
                }
                Err(why) => {
                    TROUBLES.write(
                        Level::Warning,
                        format_args!(
                            "other nodes cannot be told of purges, and will be once they can: {why}"
                        ),
                    );
                    break;
                }
            }
        }
        self.untold.drain(..sent);
    }
}

/// Waits for what another node says; for ever where there is none.
async fn hear(heard: &mut Option<Subscription>) -> Heard {
    if let Some(subscription) = heard
        && let Some(said) = subscription.next().await
    {
        return said;
    }
    // It has ended with its cluster; another one comes with an order.
    *heard = None;
    std::future::pending().await
}
