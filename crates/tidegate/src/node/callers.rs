//! Consumers and limits of a running node as operators see them: `/api/consumers`, `/api/limits`, the dashboard.
//!
//! Read from the site in force and from the meters. *Not here*: single callers' buckets. *Cost*: none on the road.

use super::Node;
use crate::guarding::unix;
use admin::{ClusterView, ConsumerView, LimitsView, PolicyView, TableView};
use base::units::show_duration;
use cluster::Cluster;
use gateway::guard::{By, Concurrency, Limit, Sharing, Tables};
use limit::{Allowance, Window};
use observe::LimitMeters;
use std::collections::{HashMap, HashSet};
use std::time::UNIX_EPOCH;

/// What counts as soon, in seconds: a week.
const SOON: u64 = 7 * 86_400;

impl Node {
    /// The callers that the config names.
    pub(super) fn shown_consumers(&self) -> Vec<ConsumerView> {
        let mut keys = self.keys_of_consumers();
        let version = self.version();
        let one = |typed: &config::Consumer| ConsumerView {
            name: typed.name.as_str().to_owned(),
            plan: typed.plan.as_ref().map(|plan| plan.as_str().to_owned()),
            scopes: typed.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            keys_in_config: typed.api_keys.len(),
            ..keys.remove(typed.name.as_str()).unwrap_or_default()
        };
        version.file.consumers.iter().map(one).collect()
    }

    /// What is known of the keys of each consumer that has some.
    fn keys_of_consumers(&self) -> HashMap<Box<str>, ConsumerView> {
        let (book, now) = (&self.guarding.keys.book, unix());
        let mut all = HashMap::<Box<str>, ConsumerView>::new();
        for record in book.list() {
            let of = all.entry(record.consumer.clone()).or_default();
            of.last_used = of.last_used.max(book.last_used(&record.id));
            if record.usable(now).is_ok() {
                of.keys += 1;
                of.keys_expiring += usize::from(record.expires.is_some_and(|at| at <= now + SOON));
            }
        }
        all
    }

    /// The limits in force.
    pub(super) fn shown_limits(&self) -> LimitsView {
        let site = self.shared.site();
        let Some(guards) = &site.guards else {
            return LimitsView {
                cluster: self.guarding.cluster().as_deref().map(cluster),
                ..LimitsView::default()
            };
        };
        let mut policies = Vec::new();
        // Those of the top level are in the guard of each route.
        let mut seen = HashSet::<&str>::new();
        for guard in site.plan.routes.iter().filter_map(|route| route.guard.as_deref()) {
            let limits = guard.before.iter().chain(&guard.limits).filter(|limit| seen.insert(&limit.id));
            policies.extend(limits.map(|limit| policy(limit)));
            policies.extend(guard.concurrency.as_ref().map(at_a_time));
        }
        let mut plans: Vec<_> = guards.plans.iter().collect();
        plans.sort_by_key(|(name, _)| *name);
        for (_, plan) in plans {
            policies.extend(plan.limits.iter().map(|limit| policy(limit)));
            policies.extend(plan.concurrency.as_deref().map(at_a_time));
        }
        let (table, quotas) = tables(&guards.tables);
        LimitsView {
            policies,
            table: Some(table),
            quotas: Some(quotas),
            cluster: guards.cluster.as_deref().map(cluster),
        }
    }
}

fn policy(limit: &Limit) -> PolicyView {
    PolicyView {
        kind: if matches!(limit.allowance, Allowance::Quota { .. }) { "quota" } else { "rate" },
        allowance: allowance(&limit.allowance),
        sharing: match limit.sharing {
            Sharing::Alone => "node",
            Sharing::Fast => "fast",
            Sharing::Exact => "exact",
        },
        shadow: limit.shadow,
        ..counted(&limit.id, &limit.by, &limit.meters)
    }
}

fn at_a_time(concurrency: &Concurrency) -> PolicyView {
    PolicyView {
        kind: "concurrency",
        allowance: format!("{} at a time", concurrency.most),
        sharing: "node",
        ..counted(&concurrency.id, &concurrency.by, &concurrency.meters)
    }
}

/// Whose it is, by its id (`assemble/limits.rs`: `all`, `plan` or `route`, and the names behind it), and what it did.
fn counted(id: &str, by: &[By], meters: &LimitMeters) -> PolicyView {
    let (kind, rest) = id.split_once('\0').unwrap_or(("", id));
    let (owner, name) = rest.rsplit_once('\0').unwrap_or(("", rest));
    let of = |wanted: &str| (kind == wanted).then(|| owner.to_owned());
    PolicyView {
        route: of("route"),
        plan: of("plan"),
        name: name.to_owned(),
        key: by.iter().map(word).collect(),
        rejected: meters.rejected.total(),
        queued: meters.queued.total(),
        shadowed: meters.shadowed.total(),
        alone: meters.alone.total(),
        ..PolicyView::default()
    }
}

/// As the config writes it.
fn word(by: &By) -> String {
    match by {
        By::Ip => "ip".to_owned(),
        By::Consumer => "consumer".to_owned(),
        By::Credential => "api_key".to_owned(),
        By::Route => "route".to_owned(),
        By::Global => "global".to_owned(),
        By::Header(name) => format!("header:{name}"),
        By::Claim(name) => format!("claim:{name}"),
    }
}

fn allowance(allowance: &Allowance) -> String {
    match allowance {
        Allowance::Bucket { rate, burst } => {
            let per = show_duration(rate.per);
            // `1s` is written `s`, and `10s` as it is.
            let unit = per.strip_prefix('1').filter(|unit| unit.bytes().all(|b| b.is_ascii_lowercase()));
            format!("{}/{}, burst {burst}", rate.count, unit.unwrap_or(&per))
        }
        Allowance::Quota { count, window } => {
            let window = match window {
                Window::Hour => "hour",
                Window::Day => "day",
                Window::Month => "month",
            };
            format!("{count} each calendar {window}")
        }
    }
}

fn tables(tables: &Tables) -> (TableView, TableView) {
    let (rates, quotas) = (&tables.limiter, &tables.quotas);
    (
        TableView { entries: rates.len(), capacity: rates.capacity(), evictions: rates.evictions() },
        TableView { entries: quotas.len(), capacity: quotas.capacity(), evictions: quotas.evictions() },
    )
}

fn cluster(cluster: &Cluster) -> ClusterView {
    let (state, counts) = (cluster.state(), cluster.counts());
    ClusterView {
        up: state.up,
        since: state.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        why: Some(state.why.to_string()).filter(|why| !why.is_empty()),
        nodes: cluster.nodes_seen(),
        taken: counts.taken,
        failed: counts.failed,
        settled: counts.settled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limit::Rate;
    use std::num::NonZeroU32;
    use std::time::Duration;

    #[test]
    fn allowances_are_written_as_operators_write_rates() {
        let number = |n| NonZeroU32::new(n).expect("not zero");
        let bucket = |per| Allowance::Bucket { rate: Rate { count: number(100), per }, burst: number(200) };
        assert_eq!(allowance(&bucket(Duration::from_secs(1))), "100/s, burst 200");
        assert_eq!(allowance(&bucket(Duration::from_secs(3600))), "100/h, burst 200");
        assert_eq!(allowance(&bucket(Duration::from_secs(10))), "100/10s, burst 200");
        let quota = Allowance::Quota { count: 7, window: Window::Month };
        assert_eq!(allowance(&quota), "7 each calendar month");
    }
}
