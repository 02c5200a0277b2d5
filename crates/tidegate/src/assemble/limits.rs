//! `rate_limit` and `concurrency` of the file -> the gateway's limits.

use super::guard::{Making, rule};
use config::{Calendar, LimitKey, OnExceed, Path, Precision, RateLimit, Report};
use gateway::guard::{By, Concurrency, Cost, Limit, OnStoreError, Sharing};
use limit::{Allowance, Rate, Window};
use observe::Meters;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// Whose limits they are: what follows from where they stand in the file.
pub(crate) enum Whose<'a> {
    /// Of all routes.
    All,
    /// Of a plan.
    Plan(&'a str),
    /// Of a route, that asks who is calling or does not.
    Route { name: &'a str, identifies: bool },
}

impl Whose<'_> {
    /// What its buckets are known by, so that two policies with one name in two places are two.
    fn id(&self, policy: &str) -> Box<str> {
        match self {
            Self::All => format!("all\0{policy}"),
            Self::Plan(plan) => format!("plan\0{plan}\0{policy}"),
            Self::Route { name, .. } => format!("route\0{name}\0{policy}"),
        }
        .into()
    }

    fn by(&self, typed: &[LimitKey]) -> Vec<By> {
        match (self, typed) {
            (Self::Plan(_) | Self::Route { identifies: true, .. }, []) => vec![By::Consumer],
            (_, []) => vec![By::Ip],
            (_, typed) => typed.iter().map(by).collect(),
        }
    }

    /// How its meters are labelled.
    fn route(&self) -> &str {
        if let Self::Route { name, .. } = self { name } else { "" }
    }
}

/// All entries of a list.
pub(crate) fn all(
    typed: &[RateLimit],
    at: &Path,
    whose: &Whose<'_>,
    making: &Making<'_>,
    report: &mut Report,
) -> Vec<Arc<Limit>> {
    let mut limits: Vec<Arc<Limit>> = Vec::with_capacity(typed.len());
    for (number, entry) in typed.iter().enumerate() {
        let at = at.index(number);
        let by = whose.by(&entry.key);
        let name = entry.name.as_ref().map_or_else(|| name_of(&by, entry), |name| name.as_str().to_owned());
        if limits.iter().any(|other| *other.name == *name) {
            let hint = "give them a `name` each: counters and clients tell them apart by it";
            report.add(&at, format!("two limits have the name `{name}`"), None, Some(hint));
        }
        let allowance = allowance(entry);
        let label = match whose {
            Whose::Plan(plan) => format!("{plan}/{name}"),
            _ => name.clone(),
        };
        limits.push(Arc::new(Limit {
            id: whose.id(&name),
            told: Limit::told(&name, &allowance),
            by,
            allowance,
            cost: match &entry.cost {
                config::Cost::Fixed(cost) => Cost::Fixed(*cost),
                config::Cost::Response(header) => Cost::Told(header.as_str().into()),
            },
            when: rule(entry.matches.as_ref(), &at.key("match"), report),
            shadow: entry.shadow,
            patience: match entry.on_exceed {
                OnExceed::Reject => Duration::ZERO,
                OnExceed::Queue(patience) => patience.get(),
            },
            sharing: match entry.precision {
                _ if making.file.cluster.is_none() => Sharing::Alone,
                Precision::Fast => Sharing::Fast,
                Precision::Exact => Sharing::Exact,
            },
            on_store_error: match entry.on_store_error {
                config::OnStoreError::Local => OnStoreError::Local,
                config::OnStoreError::Allow => OnStoreError::Allow,
                config::OnStoreError::Deny => OnStoreError::Deny,
            },
            meters: making.meters.limit(whose.route(), &label),
            name: name.into(),
        }));
    }
    limits
}

/// How many at a time.
pub(crate) fn concurrency(typed: &config::Concurrency, whose: &Whose<'_>, meters: &Meters) -> Concurrency {
    let label =
        if let Whose::Plan(plan) = whose { format!("{plan}/concurrency") } else { "concurrency".into() };
    Concurrency {
        id: whose.id("concurrency"),
        by: whose.by(&typed.key),
        most: typed.limit,
        meters: meters.limit(whose.route(), &label),
    }
}

/// Can it be charged before anybody has said who is calling?
pub(crate) fn needs_nobody(limit: &Limit) -> bool {
    let known_before = |by: &By| matches!(by, By::Ip | By::Route | By::Header(_) | By::Global);
    // What a rule asks about may be the caller.
    limit.when.as_ref().is_none_or(|rule| !rule.asks_of_caller()) && limit.by.iter().all(known_before)
}

fn by(typed: &LimitKey) -> By {
    match typed {
        LimitKey::Ip => By::Ip,
        LimitKey::Consumer => By::Consumer,
        LimitKey::ApiKey => By::Credential,
        LimitKey::Route => By::Route,
        LimitKey::Global => By::Global,
        LimitKey::Header(name) => By::Header(name.as_str().into()),
        LimitKey::Claim(name) => By::Claim(name.as_str().into()),
    }
}

/// The name of a limit that was given none: `consumer-100/s`.
fn name_of(by: &[By], entry: &RateLimit) -> String {
    let word = |by: &By| match by {
        By::Ip => "ip".to_owned(),
        By::Consumer => "consumer".to_owned(),
        By::Credential => "api_key".to_owned(),
        By::Route => "route".to_owned(),
        By::Global => "global".to_owned(),
        By::Header(name) | By::Claim(name) => name.to_string(),
    };
    let words: Vec<String> = by.iter().map(word).collect();
    format!("{}-{}", words.join("+"), entry.rate)
}

fn allowance(entry: &RateLimit) -> Allowance {
    let window = entry.quota().map(|span| match span {
        Calendar::Hour => Window::Hour,
        Calendar::Day => Window::Day,
        Calendar::Month => Window::Month,
    });
    if let Some(window) = window {
        return Allowance::Quota { count: entry.rate.count(), window };
    }
    let count = u32::try_from(entry.rate.count()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX);
    Allowance::Bucket {
        rate: Rate { count, per: entry.rate.per() },
        burst: NonZeroU32::new(entry.burst()).unwrap_or(NonZeroU32::MIN),
    }
}
