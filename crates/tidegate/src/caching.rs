//! What the cache keeps over reloads: the memory, the disk, what was purged; and the thread that makes purges known.
//!
//! Made when a config first caches, and then once a process: its size is that of the first config. A purge is in force on this
//! node at once. It then goes beside the disk, so that a restart does not undo it, and to the other nodes.
//! *Not here*: what a purge does (`cache::Purges`), how nodes hear of each other (`cluster`).

mod tell;

use anyhow::{Context, Result};
use cache::{Purge, Store, StoreSettings};
use cluster::Cluster;
use config::File;
use disk::{Disk, DiskSettings};
use gateway::caching::Purging;
use observe::log;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tell::{Order, Teller};
use tokio::sync::{mpsc, oneshot};

/// How long a request waits for the fetch of another.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Purges that wait to be made known. More of them become one of everything.
const ORDERS: usize = 10_000;
/// The name of the ledger beside the disk.
const LEDGER: &str = "purges";

/// The cache of this process.
#[derive(Default)]
pub(crate) struct Caching {
    made: Mutex<Option<Made>>,
}

/// What was made for the first config that caches.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) store: Arc<Store>,
    pub(crate) disk: Option<Arc<Disk>>,
    pub(crate) purging: Arc<Purger>,
    pub(crate) disk_is_current: Arc<AtomicBool>,
    typed: config::SharedCache,
}

/// Takes purges.
#[derive(Debug)]
pub(crate) struct Purger {
    store: Arc<Store>,
    orders: mpsc::Sender<Order>,
}

impl Caching {
    /// Gets what a config needs. To be called before its site is made.
    pub(crate) fn prepare(&self, file: &File) -> Result<()> {
        if !file.caches() {
            return Ok(());
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            None => *made = Some(Made::new(file)?),
            Some(made) => made.warn_of_changes(&file.cache),
        }
        Ok(())
    }

    /// What was made, where a config has needed it.
    pub(crate) fn made(&self) -> Option<Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The other nodes are these now.
    pub(crate) fn settle(&self, cluster: Option<Arc<Cluster>>) {
        if let Some(made) = self.made() {
            let _ = made.purging.orders.try_send(Order::Cluster(cluster));
        }
    }
}

impl Made {
    fn new(file: &File) -> Result<Self> {
        let typed = file.cache.clone();
        let disk = typed.disk.as_ref().map(|typed| {
            Disk::open(DiskSettings {
                path: typed.path(&file.data_dir),
                bytes: typed.size.get(),
                max_object: typed.max_object(),
                threads: usize::from(typed.threads),
            })
        });
        let disk = disk.transpose().context("the disk of the cache")?;
        let mut seed = [0; 16];
        match &disk {
            // What lies there is found again by it.
            Some(disk) => seed = disk.seed(),
            None => crate::random::fill(&mut seed),
        }
        let ledger = disk.as_ref().and_then(|disk| tell::ledger(disk));
        let (purges, place) = ledger.unwrap_or_default();
        let settings = StoreSettings { bytes: typed.memory.get(), seed };
        let store = Arc::new(Store::with_purges(&settings, purges));
        let (orders, taken) = mpsc::channel(ORDERS);
        // Whoever has heard other nodes before goes on hearing them before anything is taken from the disk.
        let is_current = place.is_none() || file.cluster.is_none();
        let disk_is_current = Arc::new(AtomicBool::new(is_current));
        let is_current = Arc::clone(&disk_is_current);
        let teller = Teller { store: Arc::clone(&store), disk: disk.clone(), place, is_current };
        let started = std::thread::Builder::new().name("cache".into()).spawn(move || teller.run(taken));
        started.context("cannot start the thread that keeps the cache")?;
        let purging = Arc::new(Purger { store: Arc::clone(&store), orders });
        Ok(Self { store, disk, purging, disk_is_current, typed })
    }

    fn warn_of_changes(&self, typed: &config::SharedCache) {
        if self.typed.memory != typed.memory || self.typed.disk != typed.disk {
            log::warning(format_args!(
                "`cache.memory` and `cache.disk` change when Tidegate is started anew"
            ));
        }
    }
}

impl Purger {
    /// Purges. When this is done the purges are in force here and outlast a restart; other nodes hear of them a moment later.
    pub(crate) async fn purge_all(&self, purges: Vec<Purge>) {
        for purge in &purges {
            self.store.purges().add(purge);
        }
        let (done, is_done) = oneshot::channel();
        if self.orders.send(Order::Purge(purges, Some(done))).await.is_ok() {
            let _ = is_done.await;
        }
    }
}

impl Purging for Purger {
    fn purge(&self, purge: Purge) {
        self.store.purges().add(&purge);
        if self.orders.try_send(Order::Purge(vec![purge], None)).is_err() {
            log::warning(format_args!("purges come faster than other nodes can be told"));
        }
    }
}
