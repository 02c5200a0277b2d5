//! `tidegate limits`: the limits of a running node and what they did, through its admin API.

use crate::args::At;
use crate::ask::ask;
use crate::instances::{table, word};
use crate::keys::show;
use crate::status::{age, list, now};
use anyhow::Result;
use serde_json::Value;
use std::fmt::Write;
use std::process::ExitCode;

/// `tidegate limits`.
pub(crate) fn limits(at: &At) -> Result<ExitCode> {
    let (_, limits) = ask(at, "GET", "/api/limits")?;
    show(at, &limits, in_words)
}

fn in_words(limits: &Value) -> String {
    const COLUMNS: [&str; 9] =
        ["LIMIT", "WHERE", "ALLOWANCE", "BY", "SHARED", "REJECTED", "QUEUED", "SHADOWED", "ALONE"];
    let rows: Vec<_> = list(&limits["policies"]).iter().map(row).collect();
    let mut text = if rows.is_empty() { "there are no limits\n".to_owned() } else { table(&COLUMNS, &rows) };
    for (key, name) in [("table", "rates"), ("quotas", "quotas")] {
        let table = &limits[key];
        if table.is_object() {
            let [entries, capacity, evictions] =
                ["entries", "capacity", "evictions"].map(|key| word(&table[key]));
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{name}: {entries} of {capacity} counters in use, {evictions} evicted");
        }
    }
    if limits["cluster"].is_object() {
        text.push_str(&cluster(&limits["cluster"], now()));
    }
    text
}

fn row(policy: &Value) -> [String; 9] {
    let place = match (policy["route"].as_str(), policy["plan"].as_str()) {
        (Some(route), _) => format!("route {route}"),
        (None, Some(plan)) => format!("plan {plan}"),
        (None, None) => "everywhere".into(),
    };
    let mut name = word(&policy["name"]);
    if policy["shadow"] == true {
        name.push_str(" (shadow)");
    }
    [
        name,
        place,
        word(&policy["allowance"]),
        list(&policy["key"]).iter().map(word).collect::<Vec<_>>().join(" + "),
        word(&policy["sharing"]),
        word(&policy["rejected"]),
        word(&policy["queued"]),
        word(&policy["shadowed"]),
        word(&policy["alone"]),
    ]
}

fn cluster(cluster: &Value, now: u64) -> String {
    let (mark, state) = if cluster["up"] == true { (' ', "up") } else { ('!', "down") };
    let since = age(now.saturating_sub(cluster["since"].as_u64().unwrap_or(now)));
    let why = cluster["why"].as_str().map_or_else(String::new, |why| format!(": {why}"));
    format!("{mark} cluster: {state} for {since}, {} nodes seen{why}\n", cluster["nodes"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_tables_and_the_cluster_are_told_in_words() {
        let text = in_words(&json!({
            "policies": [
                { "name": "burst", "route": "orders", "allowance": "10/s, burst 20", "key": ["ip", "route"],
                  "sharing": "node", "shadow": true, "rejected": 0, "queued": 0, "shadowed": 7, "alone": 0 },
                { "name": "fair", "plan": "pro", "allowance": "5 each calendar day", "key": ["consumer"] },
            ],
            "table": { "entries": 3, "capacity": 8, "evictions": 0 },
            "quotas": null,
            "cluster": { "up": false, "since": 0, "nodes": 2, "why": "refused" },
        }));
        for words in [
            "burst (shadow)",
            "route orders",
            "plan pro",
            "ip + route",
            "rates: 3 of 8 counters",
            "! cluster: down for",
            "2 nodes seen: refused",
        ] {
            assert!(text.contains(words), "`{words}` is missing:\n{text}");
        }
        assert_eq!(in_words(&json!({ "policies": [] })), "there are no limits\n");
    }
}
