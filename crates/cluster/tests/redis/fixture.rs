//! Nodes in one process, each with its own connection, and what they count on their own.

use cluster::{Cluster, ClusterSettings, Ledger, Mode};
use limit::{Allowance, Key, Keyed, Rate, Window};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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

/// A node's own counting, as plain as it can be: arrival times of buckets, and how much of quotas was used.
#[derive(Default)]
pub(crate) struct Alone {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    arrivals: HashMap<Key, Instant>,
    used: HashMap<Key, (u64, u64)>,
    pending: HashMap<Keyed, u64>,
}

impl Alone {
    /// Takes one from a bucket, if this node thinks that there is one.
    pub(crate) fn take(&self, keyed: &Keyed) -> bool {
        let Allowance::Bucket { rate, burst } = keyed.allowance else { panic!("a bucket") };
        let (now, interval) = (Instant::now(), rate.per / rate.count.get());
        let state = &mut *self.state.lock().unwrap();
        let arrival = state.arrivals.entry(keyed.key).or_insert(now);
        let next = (*arrival).max(now) + interval;
        let admitted = next <= now + interval * burst.get();
        if admitted {
            *arrival = next;
            *state.pending.entry(*keyed).or_default() += 1;
        }
        admitted
    }

    /// Uses some of a quota, whatever is left of it.
    pub(crate) fn charge(&self, keyed: &Keyed, cost: u64) {
        *self.state.lock().unwrap().pending.entry(*keyed).or_default() += cost;
    }

    /// What all nodes have used, as far as this one knows: the window's first second, and how much.
    pub(crate) fn used(&self, keyed: &Keyed) -> (u64, u64) {
        self.state.lock().unwrap().used.get(&keyed.key).copied().unwrap_or_default()
    }

    /// How far ahead of now the bucket is, as far as this node knows.
    pub(crate) fn ahead(&self, keyed: &Keyed) -> Duration {
        let state = self.state.lock().unwrap();
        state
            .arrivals
            .get(&keyed.key)
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }
}

impl Ledger for Alone {
    fn drain(&self) -> Vec<(Keyed, u64)> {
        self.state.lock().unwrap().pending.drain().collect()
    }

    fn correct_bucket(&self, key: Key, ahead: Duration) {
        let state = &mut *self.state.lock().unwrap();
        let (told, arrival) = (Instant::now() + ahead, state.arrivals.entry(key));
        let arrival = arrival.or_insert(told);
        *arrival = told.max(*arrival);
    }

    fn correct_quota(&self, key: Key, _: Window, start: u64, used: u64) {
        self.state.lock().unwrap().used.insert(key, (start, used));
    }
}
