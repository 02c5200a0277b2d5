//! What a route asks of its callers, in words.

use crate::guard::{By, Concurrency, Cost, Guard, Guards, Limit, OnStoreError, PlanLimits, Sharing};
use base::units::show_duration;
use limit::{Allowance, Window};
use serde_json::{Map, Value, json};

/// The stages between `find` and `forward`, in the order in which a request goes through them.
pub(super) fn stages(guard: &Guard, guards: Option<&Guards>) -> Vec<Value> {
    let mut stages = Vec::new();
    if guard.cors.is_some() {
        stages.push(json!({
            "stage": "cors",
            "result": "preflights are answered here",
            "why": "they have no credentials; every other answer says what a page may do with it",
        }));
    }
    if !guard.before.is_empty() {
        stages.push(json!({
            "stage": "charge",
            "result": "429 for what is too much",
            "why": "before anybody is asked who they are: guessing is limited too",
            "limits": limits(guard.before.iter().map(|limit| &**limit)),
        }));
    }
    if guard.ips.is_some() {
        stages.push(json!({ "stage": "identify", "result": "403 for other addresses than those of `ip`" }));
    }
    if let Some(access) = &guard.access {
        let ways: Vec<&str> = access.ways.iter().map(|way| way.way().as_str()).collect();
        stages.push(json!({
            "stage": "identify",
            "result": format!("401 without one of: {}", ways.join(", ")),
            "why": "the first for which something valid is shown says who is calling",
            "scopes": access.scopes,
            "allow": access.allow.as_ref().map(auth::AllowRule::text),
        }));
    }
    let has_plans = guard.access.is_some() && guards.is_some_and(|guards| !guards.plans.is_empty());
    if !guard.limits.is_empty() || guard.concurrency.is_some() || guard.bandwidth.is_some() || has_plans {
        let plans = guards.filter(|_| has_plans).map(plans);
        stages.push(json!({
            "stage": "charge",
            "result": "429 for what is too much",
            "why": "behind identify, since limits belong to callers",
            "limits": limits(guard.limits.iter().map(|limit| &**limit)),
            "concurrency": guard.concurrency.as_ref().map(at_a_time),
            "bandwidth": guard.bandwidth.map(|bandwidth| bandwidth.rate),
            "plans": plans,
        }));
    }
    stages
}

fn plans(guards: &Guards) -> Value {
    let mut plans = Map::new();
    for (name, plan) in &guards.plans {
        let PlanLimits { limits: own, concurrency, .. } = plan;
        let said = json!({
            "limits": limits(own.iter().map(|limit| &**limit)),
            "concurrency": concurrency.as_deref().map(at_a_time),
        });
        plans.insert(name.to_string(), said);
    }
    Value::Object(plans)
}

fn limits<'a>(limits: impl Iterator<Item = &'a Limit>) -> Value {
    limits.map(said).collect()
}

/// One policy in a line.
fn said(limit: &Limit) -> Value {
    let mut words = vec![format!("{}: {} by {}", limit.name, allowance(&limit.allowance), by(&limit.by))];
    match &limit.cost {
        Cost::Fixed(1) => {}
        Cost::Fixed(cost) => words.push(format!("each counts {cost}")),
        Cost::Told(field) => words.push(format!("each counts what `{field}` says")),
    }
    if let Some(when) = &limit.when {
        words.push(format!("where {}", when.text()));
    }
    if !limit.patience.is_zero() {
        words.push(format!("waits up to {}", show_duration(limit.patience)));
    }
    if limit.shadow {
        words.push("on trial: nobody is refused".to_owned());
    }
    let alone = match limit.on_store_error {
        OnStoreError::Local => "this node's share",
        OnStoreError::Allow => "no limit",
        OnStoreError::Deny => "nothing is admitted",
    };
    match limit.sharing {
        Sharing::Alone => {}
        Sharing::Fast => words.push(format!("over all nodes (fast; without the store: {alone})")),
        Sharing::Exact => words.push(format!("over all nodes (exact; without the store: {alone})")),
    }
    Value::String(words.join(", "))
}

fn at_a_time(concurrency: &Concurrency) -> String {
    format!("{} at a time by {}", concurrency.most, by(&concurrency.by))
}

/// What is allowed, in words.
fn allowance(allowance: &Allowance) -> String {
    match allowance {
        Allowance::Bucket { rate, burst } => {
            format!("{} in {}, {burst} at once", rate.count, show_duration(rate.per))
        }
        Allowance::Quota { count, window } => {
            let window = match window {
                Window::Hour => "hour",
                Window::Day => "day",
                Window::Month => "month",
            };
            format!("{count} a calendar {window}")
        }
    }
}

fn by(by: &[By]) -> String {
    let word = |by: &By| match by {
        By::Ip => "ip".to_owned(),
        By::Consumer => "consumer".to_owned(),
        By::Credential => "api_key".to_owned(),
        By::Route => "route".to_owned(),
        By::Header(name) => format!("header:{name}"),
        By::Claim(name) => format!("claim:{name}"),
        By::Global => "global".to_owned(),
    };
    by.iter().map(word).collect::<Vec<_>>().join(" + ")
}
