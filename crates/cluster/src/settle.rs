//! `precision: fast`: each node decides alone, and every 20 ms it books in Redis what it has admitted and hears how the bucket
//! stands over all nodes.
//!
//! Redis keeps one arrival time a bucket (GCRA), from which nothing that was admitted is ever missing. What several nodes have
//! admitted too much in the same 20 ms puts it ahead of what one node may; the answer tells each node, which then admits
//! nothing until the debt is paid. So the average is exact, and what is wrong is bounded: by `nodes x 20 ms x rate`, and where a key
//! begins on several nodes at once, by one burst a node. Both are paid back.
//!
//! What was admitted while the store was down is not booked: it would be a debt of minutes that nobody could explain.
//! *Cost on the hot path*: none; the thread of the cluster does it.

use crate::cluster::Shared;
use crate::exact::{COUNT_MOST, interval, whole};
use crate::known::Use;
use crate::names::{Names, word};
use crate::script::numbers;
use crate::state::add;
use crate::trouble::Trouble;
use futures_util::future::join_all;
use limit::{Allowance, Key, Keyed, Window};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often a node settles.
pub(crate) const INTERVAL: Duration = Duration::from_millis(20);
/// Keys in one script: it holds up all others at the server for less than a millisecond.
const IN_SCRIPT: usize = 256;
/// Scripts that are sent before an answer has come.
const AT_ONCE: usize = 8;

/// What a node counts on its own: the tables of `limit`, and what is to be told of them.
pub trait Ledger: Send + Sync {
    /// What was admitted since the last call, with its cost; each key once.
    fn drain(&self) -> Vec<(Keyed, u64)>;
    /// Over all nodes this bucket is full again only after that time, at least.
    fn correct_bucket(&self, key: Key, ahead: Duration);
    /// Over all nodes at least that much was used of this quota, in the window that starts at that second.
    fn correct_quota(&self, key: Key, window: Window, start: u64, used: u64);
}

/// Settles for as long as it is polled.
pub(crate) async fn run(shared: &Shared) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(ledger) = shared.ledger() else { continue };
        let groups = grouped(ledger.drain(), shared.link.is_spread().unwrap_or_default());
        for some in groups.chunks(AT_ONCE) {
            join_all(some.iter().map(|group| settle(shared, &*ledger, group))).await;
        }
    }
}

/// Forgets what has gathered while the store was down.
pub(crate) fn forget(shared: &Shared) {
    let lost = shared.ledger().map_or(0, |ledger| ledger.drain().len());
    add(&shared.link.counters.lost, lost);
}

/// What one script may do: as many as is good, and on one server only.
fn grouped(items: Vec<(Keyed, u64)>, is_spread: bool) -> Vec<Vec<(Keyed, u64)>> {
    let mut groups: BTreeMap<u8, Vec<(Keyed, u64)>> = BTreeMap::new();
    for item in items {
        let group = if is_spread { Names::group(item.0.key) } else { 0 };
        groups.entry(group).or_default().push(item);
    }
    groups
        .into_values()
        .flat_map(|group| group.chunks(IN_SCRIPT).map(<[_]>::to_vec).collect::<Vec<_>>())
        .collect()
}

async fn settle(shared: &Shared, ledger: &dyn Ledger, items: &[(Keyed, u64)]) {
    let counters = &shared.link.counters;
    match ask(shared, items).await {
        Ok(answer) => {
            add(&counters.settled, items.len());
            for ((keyed, _), pair) in items.iter().zip(answer.chunks_exact(2)) {
                learn(shared, ledger, keyed, pair[0], pair[1]);
            }
        }
        // It may have been booked or not. Asking again could book it twice, and once too little is the smaller harm.
        Err(_) => add(&counters.lost, items.len()),
    }
}

async fn ask(shared: &Shared, items: &[(Keyed, u64)]) -> Result<Vec<i64>, Trouble> {
    let (mut keys, mut arguments) = (Vec::with_capacity(items.len()), Vec::with_capacity(4 * items.len()));
    for (keyed, cost) in items {
        let cost = (*cost).min(COUNT_MOST);
        match keyed.allowance {
            Allowance::Bucket { rate, .. } => {
                keys.push(shared.names.bucket(keyed.key));
                let add = interval(rate) * cost as f64;
                arguments.extend(["bucket".to_owned(), add.to_string(), "0".to_owned(), "0".to_owned()]);
            }
            Allowance::Quota { window, .. } => {
                keys.push(shared.names.quota(keyed.key, window));
                let known = shared.known.of(keyed.key, window);
                let remembered = [known.start.to_string(), known.used.to_string()];
                arguments.extend([word(window).to_owned(), cost.to_string()]);
                arguments.extend(remembered);
            }
        }
    }
    numbers(shared.scripts.settle.run(&shared.link, &keys, &arguments).await?, 2 * items.len())
}

fn learn(shared: &Shared, ledger: &dyn Ledger, keyed: &Keyed, first: i64, second: i64) {
    match keyed.allowance {
        Allowance::Bucket { .. } => ledger.correct_bucket(keyed.key, Duration::from_micros(whole(first))),
        Allowance::Quota { window, .. } => {
            shared.learn_quota(keyed.key, window, Use { start: whole(first), used: whole(second) });
        }
    }
}
