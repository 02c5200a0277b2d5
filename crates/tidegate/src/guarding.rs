//! What identity and limits keep over reloads: keys and revocations, counters, the store in the data folder, the other nodes.
//!
//! Made once a process. What a config does not use is not there: no file, no thread, no table.

mod keeping;
mod records;

use anyhow::{Context, Result};
use auth::KeyBook;
use auth::token::Revocations;
use base::IdSource;
use cluster::{Cluster, ClusterSettings, Mode};
use config::File;
use gateway::guard::Tables;
use keeping::{Counters, Keeping};
use limit::{Gates, Limiter, Pending, Quotas};
pub(crate) use records::{KEYS, Keys, REVOKED, Revoked, unix};
use records::Kept;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use store::Store;

/// Keys whose requests are counted at a time.
const GATES: usize = 1 << 20;
/// Memory of quotas, in bytes.
const QUOTAS: usize = 64 << 20;
/// Quotas that are read at the start.
const RESTORED: usize = 1 << 20;
/// Buckets that other nodes are told of at a time.
const PENDING: usize = 1 << 18;
/// Revocations that are known at a time.
const REVOCATIONS: usize = 100_000;

/// What is kept.
pub(crate) struct Guarding {
    pub(crate) keys: Arc<Keys>,
    pub(crate) revoked: Arc<Revoked>,
    tables: Arc<OnceLock<Arc<Tables>>>,
    running: Arc<Running>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// What runs while the node does.
#[derive(Default)]
struct Running {
    /// The clusters that a config has asked for: the last one, and while a reload is being tried the one before.
    clusters: Mutex<Vec<(config::Cluster, Arc<Cluster>)>>,
}

impl Running {
    fn clusters(&self) -> MutexGuard<'_, Vec<(config::Cluster, Arc<Cluster>)>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cluster(&self) -> Option<Arc<Cluster>> {
        self.clusters().last().map(|(_, cluster)| Arc::clone(cluster))
    }
}

impl Guarding {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        let store = Kept::default();
        let known = Arc::new(Revocations::new(REVOCATIONS));
        Self {
            keys: Arc::new(Keys { book: Arc::new(KeyBook::new()), store: Arc::clone(&store) }),
            revoked: Arc::new(Revoked { known, store }),
            tables: Arc::default(),
            running: Arc::default(),
            thread: Mutex::default(),
        }
    }

    /// Gets what a config needs: the store, the other nodes, the thread. To be called before its site is made.
    pub(crate) fn prepare(&self, file: &File) -> Result<()> {
        if needs_store(file) && self.store().is_none() {
            let store = Store::open(&file.data_dir)?;
            let _ = self.keys.store.set(Arc::new(store));
        }
        let tables = needs_tables(file).then(|| self.tables(&file.limits)).transpose()?;
        if let (Some(typed), Some(tables)) = (&file.cluster, &tables) {
            self.join(typed, tables)?;
        }
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() && (tables.is_some() || self.store().is_some()) {
            let keeping = Keeping {
                keys: Arc::clone(&self.keys),
                revoked: Arc::clone(&self.revoked),
                tables: Arc::clone(&self.tables),
                running: Arc::downgrade(&self.running),
            };
            let started = std::thread::Builder::new().name("guard".into()).spawn(move || keeping.run());
            *thread = Some(started.context("cannot start the thread that keeps counters and keys")?);
        }
        Ok(())
    }

    /// The config is in force: what only another one has used ends.
    pub(crate) fn settle(&self, file: &File) {
        let mut clusters = self.running.clusters();
        clusters.retain(|(typed, _)| Some(typed) == file.cluster.as_ref());
    }

    /// Counters, made when they are first needed. The memory of rate limits is that of the first config that has any.
    pub(crate) fn tables(&self, limits: &config::Limits) -> Result<Arc<Tables>> {
        if let Some(tables) = self.tables.get() {
            return Ok(Arc::clone(tables));
        }
        let own = || {
            let mut ids = IdSource::default();
            [ids.next_u64().to_le_bytes(), ids.next_u64().to_le_bytes()].concat()
        };
        let seed = match self.store() {
            // Quotas are found again by it.
            Some(store) => store.meta("seed", own)?,
            None => own(),
        };
        let seed = <[u8; 16]>::try_from(&*seed).ok().context("the store holds a seed of another length")?;
        let bytes = usize::try_from(limits.rate_limit_memory.get()).unwrap_or(usize::MAX);
        let tables = Arc::new(Tables {
            limiter: Limiter::new(bytes),
            quotas: Quotas::new(QUOTAS),
            gates: Arc::new(Gates::new(GATES)),
            pending: Pending::new(PENDING),
            seed: Tables::halves(seed),
            shared_is_up: AtomicBool::new(false),
            nodes: AtomicUsize::new(1),
            since: Instant::now(),
        });
        if let Some(store) = self.store() {
            keeping::restore(&tables, &store.quotas(unix(), RESTORED)?, None);
        }
        Ok(Arc::clone(self.tables.get_or_init(|| tables)))
    }

    /// The other nodes, where the config has asked for them.
    pub(crate) fn cluster(&self) -> Option<Arc<Cluster>> {
        self.running.cluster()
    }

    pub(crate) fn store(&self) -> Option<&Arc<Store>> {
        self.keys.store.get()
    }

    /// Saves what is to be saved, at the end of the process.
    pub(crate) fn close(self) {
        let Self { running, thread, .. } = self;
        drop(running);
        if let Some(thread) = thread.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let _ = thread.join();
        }
    }

    fn join(&self, typed: &config::Cluster, tables: &Arc<Tables>) -> Result<()> {
        let mut clusters = self.running.clusters();
        if let Some(at) = clusters.iter().position(|(known, _)| known == typed) {
            let known = clusters.remove(at);
            clusters.push(known);
            return Ok(());
        }
        let cluster = Cluster::start(&settings(typed, tables.seed())?)?;
        cluster.settle(Arc::new(Counters { tables: Arc::clone(tables) }));
        cluster.replicate(KEYS, Arc::clone(&self.keys) as Arc<dyn cluster::Records>);
        cluster.replicate(REVOKED, Arc::clone(&self.revoked) as Arc<dyn cluster::Records>);
        clusters.push((typed.clone(), cluster));
        Ok(())
    }
}

/// What the room `cluster` is told.
fn settings(typed: &config::Cluster, seed: [u8; 16]) -> Result<ClusterSettings> {
    let redis = &typed.redis;
    let ca = redis.ca.as_ref();
    let ca = ca.map(|path| std::fs::read(path).with_context(|| format!("cluster: {}", path.display())));
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Ok(ClusterSettings {
        urls: redis.urls().map(|url| url.reveal().into()).collect(),
        mode: match redis.mode {
            config::RedisMode::Single => Mode::Single,
            config::RedisMode::Cluster => Mode::Cluster,
            config::RedisMode::Sentinel => Mode::Sentinel {
                master: redis.master.as_ref().map_or_else(|| "mymaster".into(), |name| name.as_str().into()),
            },
        },
        username: redis.username.as_ref().map(|name| name.as_str().into()),
        password: redis.password.as_ref().map(|secret| secret.reveal().into()),
        ca: ca.transpose()?,
        prefix: typed.prefix.as_str().into(),
        timeout: typed.timeout.get(),
        node: name.into(),
        seed,
    })
}

/// Does anything in the config count, or know callers?
fn needs_tables(file: &File) -> bool {
    file.cluster.is_some() || !file.rate_limit.is_empty() || file.routes.iter().any(asks)
}

fn asks(route: &config::Route) -> bool {
    !route.auth.is_empty()
        || !route.rate_limit.is_empty()
        || route.concurrency.is_some()
        || route.bandwidth.is_some()
        || route.cors.is_some()
        || route.ip != config::IpRules::default()
}

/// Is there anything that must survive a restart? Keys and revocations of identified callers, and quotas.
fn needs_store(file: &File) -> bool {
    let quota = |limits: &[config::RateLimit]| limits.iter().any(|limit| limit.quota().is_some());
    quota(&file.rate_limit)
        || file.plans.values().any(|plan| quota(&plan.rate_limit))
        || file.routes.iter().any(|route| !route.auth.is_empty() || quota(&route.rate_limit))
}
