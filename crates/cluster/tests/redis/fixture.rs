//! Nodes in one process, each with its own connection, and what they count on their own.

use base::Clock;
use cluster::{Cluster, ClusterSettings, Ledger, Mode};
use limit::{Allowance, Key, Keyed, Limiter, Pending, Quotas, Rate, Window};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Generous, so that a busy machine is not taken for a dead server; tests of timeouts choose their own.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(1_500);

pub(crate) fn settings(url: &str, node: &str) -> ClusterSettings {
    let mut seed = [0; 16];
    seed[..node.len().min(16)].copy_from_slice(&node.as_bytes()[..node.len().min(16)]);
    ClusterSettings {
        urls: vec![url.into()],
        mode: Mode::Single,
        username: None,
        password: None,
        ca: None,
        prefix: "test".into(),
        timeout: TIMEOUT,
        node: node.into(),
        seed,
    }
}

/// A node that is connected.
#[track_caller]
pub(crate) fn node(url: &str, name: &str) -> Arc<Cluster> {
    let cluster = Cluster::start(&settings(url, name)).unwrap();
    ready(&cluster);
    cluster
}

#[track_caller]
pub(crate) fn ready(cluster: &Cluster) {
    assert!(wait(cluster.ready(e2e::PATIENCE)), "not connected: {:?}", cluster.state());
}

/// What a worker's runtime does with a question.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(crate) fn bucket(key: u128, count: u32, per: Duration, burst: u32) -> Keyed {
    let number = |n| NonZeroU32::new(n).unwrap();
    let rate = Rate { count: number(count), per };
    Keyed { key: Key(key), allowance: Allowance::Bucket { rate, burst: number(burst) } }
}

pub(crate) fn quota(key: u128, count: u64, window: Window) -> Keyed {
    Keyed { key: Key(key), allowance: Allowance::Quota { count, window } }
}

/// What a node counts on its own, and the clock by which it does.
#[derive(Clone, Debug)]
struct Tables {
    /// Its buckets.
    limiter: Arc<Limiter>,
    /// Its quotas.
    quotas: Arc<Quotas>,
    /// What was admitted and is to be told.
    pending: Arc<Pending>,
    /// The clock of the buckets.
    clock: Clock,
}

impl Ledger for Tables {
    fn drain(&self) -> Vec<(Keyed, u64)> {
        self.pending.drain()
    }

    fn correct_bucket(&self, key: Key, ahead: Duration) {
        // Zero is no time to a bucket.
        self.limiter.correct(key, ahead, self.clock.now().nanos().max(1));
    }

    fn correct_quota(&self, key: Key, window: Window, start: u64, used: u64) {
        self.quotas.correct(key, window, start, used);
    }
}

/// A node's own counting: the real tables, and what they were told of quotas.
pub(crate) struct Alone {
    tables: Tables,
    used: Mutex<HashMap<Key, (u64, u64)>>,
}

impl Default for Alone {
    fn default() -> Self {
        let tables = Tables {
            limiter: Arc::new(Limiter::new(1 << 20)),
            quotas: Arc::new(Quotas::new(1 << 20)),
            pending: Arc::new(Pending::default()),
            clock: Clock::real(),
        };
        Self { tables, used: Mutex::default() }
    }
}

impl Alone {
    /// Takes one from a bucket, if this node thinks that there is one.
    pub(crate) fn take(&self, keyed: &Keyed) -> bool {
        let admitted = self.tables.limiter.take(keyed, 1, self.now()).admitted;
        if admitted {
            self.tables.pending.add(keyed, 1);
        }
        admitted
    }

    /// Uses some of a quota, whatever is left of it.
    pub(crate) fn charge(&self, keyed: &Keyed, cost: u32) {
        self.tables.pending.add(keyed, cost);
    }

    /// What all nodes have used, as far as this one was told: the window's first second, and how much.
    pub(crate) fn used(&self, keyed: &Keyed) -> (u64, u64) {
        self.used.lock().unwrap().get(&keyed.key).copied().unwrap_or_default()
    }

    /// What is left of a quota, as far as this node knows.
    pub(crate) fn remaining(&self, keyed: &Keyed) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        self.tables.quotas.take(keyed, 0, now).remaining
    }

    /// How far ahead of now the bucket is, as far as this node knows.
    pub(crate) fn ahead(&self, keyed: &Keyed) -> Duration {
        self.tables.limiter.ahead(keyed.key, self.now())
    }

    fn now(&self) -> u64 {
        self.tables.clock.now().nanos().max(1)
    }
}

impl Ledger for Alone {
    fn drain(&self) -> Vec<(Keyed, u64)> {
        self.tables.drain()
    }

    fn correct_bucket(&self, key: Key, ahead: Duration) {
        self.tables.correct_bucket(key, ahead);
    }

    fn correct_quota(&self, key: Key, window: Window, start: u64, used: u64) {
        self.tables.correct_quota(key, window, start, used);
        self.used.lock().unwrap().insert(key, (start, used));
    }
}
