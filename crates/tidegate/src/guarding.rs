//! What identity and limits keep over reloads: keys and revocations, counters, the store in the data folder, the other nodes.
//!
//! Made once a process. What a config does not use is not there: no file, no thread, no table.

mod keeping;
mod records;

use crate::random;
use anyhow::{Context, Result};
use auth::KeyBook;
use auth::token::{Issuer, Revocations};
use cluster::{Cluster, ClusterSettings, Mode};
use config::File;
use gateway::guard::Tables;
use identity::{Keeper, LaneSettings, News, Verifiers, Wanted};
use keeping::{Counters, Keeping};
use limit::{Gates, Limiter, Pending, Quotas};
use observe::Meters;
use observe::log::{self, Level};
use records::Kept;
pub(crate) use records::{KEYS, Keys, REVOKED, Revoked, unix};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use store::{Mark, Store};

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
    known: Mutex<Option<Known>>,
    /// The issuers of the last configs, with what these say of them.
    issuers: Mutex<Vec<(config::Jwt, Arc<Issuer>)>>,
    /// What sessions are sealed with, where the config has no secret.
    session_key: [u8; 32],
    meters: Arc<Meters>,
}

/// Who knows issuers' keys, and who counts on them.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) verifiers: Arc<Verifiers>,
    pub(crate) keeper: Arc<Keeper>,
}

/// What runs while the node does.
#[derive(Default)]
struct Running {
    /// The clusters that a config has asked for: the last one, and while a reload is being tried the one before.
    clusters: Mutex<Vec<(config::Cluster, Arc<Cluster>)>>,
    ended: AtomicBool,
}

impl Running {
    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn clusters(&self) -> MutexGuard<'_, Vec<(config::Cluster, Arc<Cluster>)>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cluster(&self) -> Option<Arc<Cluster>> {
        self.clusters().last().map(|(_, cluster)| Arc::clone(cluster))
    }
}

impl Guarding {
    /// Nothing yet.
    pub(crate) fn new(meters: &Arc<Meters>) -> Self {
        let store = Kept::default();
        let known = Arc::new(Revocations::new(REVOCATIONS));
        let mut session_key = [0; 32];
        random::fill(&mut session_key);
        Self {
            keys: Arc::new(Keys { book: Arc::new(KeyBook::new()), store: Arc::clone(&store) }),
            revoked: Arc::new(Revoked { known, store }),
            tables: Arc::default(),
            running: Arc::default(),
            thread: Mutex::default(),
            known: Mutex::default(),
            issuers: Mutex::default(),
            session_key,
            meters: Arc::clone(meters),
        }
    }

    /// Gets what a config needs: the store, the other nodes, the thread. To be called before its site is made.
    pub(crate) fn prepare(&self, file: &File) -> Result<()> {
        if needs_store(file) && self.store().is_none() {
            let store = Store::open(&file.data_dir)?;
            let _ = self.keys.store.set(Arc::new(store));
            // Before anything is served: a key that is known is never refused, and what was revoked never taken.
            self.keys.read(Mark::default(), None);
            self.revoked.read(Mark::default(), None);
        }
        let tables = needs_tables(file).then(|| self.tables(&file.limits)).transpose()?;
        if let (Some(typed), Some(tables)) = (&file.cluster, &tables) {
            let listener = file.listeners.first().map(|l| l.address.to_string()).unwrap_or_default();
            self.join(typed, &format!("{listener}/{}", file.data_dir.display()), tables)?;
        }
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() && (tables.is_some() || self.store().is_some()) {
            let keeping = Keeping {
                keys: Arc::clone(&self.keys),
                revoked: Arc::clone(&self.revoked),
                tables: Arc::clone(&self.tables),
                running: Arc::downgrade(&self.running),
                meters: Arc::clone(&self.meters),
            };
            let started = std::thread::Builder::new().name("guard".into()).spawn(move || keeping.run());
            *thread = Some(started.context("cannot start the thread that keeps counters and keys")?);
        }
        Ok(())
    }

    /// A site was made of the config and comes into force: what only another one has used ends.
    pub(crate) fn settle(&self, file: &File, needs: Needs) {
        self.keys.book.typed(needs.typed);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            known.keeper.adopt(needs.wanted);
        }
        drop(known);
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        issuers.retain(|(typed, _)| file.auth.jwt.contains(typed));
        drop(issuers);
        let mut clusters = self.running.clusters();
        clusters.retain(|(typed, _)| Some(typed) == file.cluster.as_ref());
    }

    /// Who verifies tokens and passwords, started when a config first needs them.
    pub(crate) fn known(&self, file: &File) -> Result<Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(known.clone());
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let tokens = LaneSettings { threads: threads.div_ceil(4), queue: 4096 };
        let passwords = LaneSettings { threads: threads.div_ceil(4), queue: 256 };
        let verifiers = Verifiers::new(tokens, passwords, auth::basic::verify);
        // Without a store nothing is kept, as in a check.
        let folder = self.store().map(|_| file.data_dir.join("issuers"));
        let keeper = Keeper::start(Vec::new(), folder, Arc::new(told));
        let new = Known {
            verifiers: Arc::new(verifiers.context("cannot start the threads that verify credentials")?),
            keeper: Arc::new(keeper.context("cannot start the thread that keeps issuers' keys")?),
        };
        Ok(known.insert(new).clone())
    }

    /// The issuer of which the config said the same before.
    pub(crate) fn issuer(&self, typed: &config::Jwt) -> Option<Arc<Issuer>> {
        let issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        issuers.iter().find(|(known, _)| known == typed).map(|(_, issuer)| Arc::clone(issuer))
    }

    pub(crate) fn learn_issuer(&self, typed: &config::Jwt, issuer: &Arc<Issuer>) {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        issuers.push((typed.clone(), Arc::clone(issuer)));
    }

    pub(crate) fn session_key(&self) -> [u8; 32] {
        self.session_key
    }

    /// Counters, made when they are first needed. The memory of rate limits is that of the first config that has any.
    pub(crate) fn tables(&self, limits: &config::Limits) -> Result<Arc<Tables>> {
        if let Some(tables) = self.tables.get() {
            return Ok(Arc::clone(tables));
        }
        let own = || {
            let mut seed = vec![0; 16];
            random::fill(&mut seed);
            seed
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
            keeping::restore(&tables, &store.quotas(unix(), RESTORED)?);
        }
        Ok(Arc::clone(self.tables.get_or_init(|| tables)))
    }

    /// Counters, where a config has needed any.
    pub(crate) fn made(&self) -> Option<&Arc<Tables>> {
        self.tables.get()
    }

    /// How the issuers of tokens stand.
    pub(crate) fn issuers(&self) -> Vec<identity::View> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.map(|known| known.keeper.views()).unwrap_or_default()
    }

    /// The other nodes, where the config has asked for them.
    pub(crate) fn cluster(&self) -> Option<Arc<Cluster>> {
        self.running.cluster()
    }

    pub(crate) fn store(&self) -> Option<&Arc<Store>> {
        self.keys.store.get()
    }

    /// Saves what is to be saved, at the end of the process.
    pub(crate) fn close(&self) {
        self.running.ended.store(true, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        self.running.clusters().clear();
    }

    fn join(&self, typed: &config::Cluster, node: &str, tables: &Arc<Tables>) -> Result<()> {
        let mut clusters = self.running.clusters();
        if let Some(at) = clusters.iter().position(|(known, _)| known == typed) {
            let known = clusters.remove(at);
            clusters.push(known);
            return Ok(());
        }
        let cluster = Cluster::start(&settings(typed, node, tables.seed())?)?;
        if let Some(store) = self.store() {
            keeping::remember(&cluster, &store.quotas(unix(), RESTORED)?);
        }
        cluster.settle(Arc::new(Counters { tables: Arc::clone(tables) }));
        cluster.replicate(KEYS, Arc::clone(&self.keys) as Arc<dyn cluster::Records>);
        cluster.replicate(REVOKED, Arc::clone(&self.revoked) as Arc<dyn cluster::Records>);
        clusters.push((typed.clone(), cluster));
        Ok(())
    }
}

/// What an issuer's keys have come to, for the log.
fn told(news: &News) {
    match news.level() {
        Level::Info => log::info(format_args!("{news}")),
        _ => log::warning(format_args!("{news}")),
    }
}

/// What a site needs that is not of the site.
#[derive(Default)]
pub(crate) struct Needs {
    /// Issuers whose keys are to be kept.
    pub(crate) wanted: Vec<Wanted>,
    /// API keys that stand in the file: their hashes, and their consumers.
    pub(crate) typed: Vec<([u8; 32], Box<str>)>,
}

/// What the room `cluster` is told. `node`: what tells this node from others on the same machine.
fn settings(typed: &config::Cluster, node: &str, seed: [u8; 16]) -> Result<ClusterSettings> {
    let redis = &typed.redis;
    let ca = redis.ca.as_ref();
    let ca = ca.map(|path| std::fs::read(path).with_context(|| format!("cluster: {}", path.display())));
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Ok(ClusterSettings {
        urls: redis.urls().map(|url| url.revealed().into()).collect(),
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
        node: format!("{name}/{node}").into(),
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
