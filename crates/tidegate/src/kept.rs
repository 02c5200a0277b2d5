//! `tidegate cache`: what a running node keeps, and what each route had of it, through its admin API.

use crate::args::At;
use crate::ask::ask;
use crate::instances::{table, word};
use crate::keys::show;
use crate::status::{list, percent};
use anyhow::Result;
use serde_json::Value;
use std::cmp::Reverse;
use std::fmt::Write;
use std::process::ExitCode;

/// Reasons that are told of a route.
const REASONS: usize = 3;

const COLUMNS: [&str; 11] = [
    "ROUTE",
    "NOW",
    "RATIO",
    "HITS",
    "STALE",
    "REVALIDATED",
    "COLLAPSED",
    "STORED",
    "UNSTORED",
    "BYPASSED",
    "WHY NOT",
];

/// `tidegate cache`.
pub(crate) fn cache(at: &At) -> Result<ExitCode> {
    let (_, cache) = ask(at, "GET", "/api/cache")?;
    show(at, &cache, in_words)
}

fn in_words(cache: &Value) -> String {
    if cache["memory"].is_null() {
        return "there is no cache: no route has `cache`".to_owned();
    }
    let rows: Vec<_> = list(&cache["routes"]).iter().map(row).collect();
    let mut text = if rows.is_empty() { "no route caches now\n".to_owned() } else { table(&COLUMNS, &rows) };
    text.push_str(&memory(&cache["memory"]));
    if cache["disk"].is_object() {
        text.push_str(&disk(&cache["disk"]));
    }
    let [latest, kept] = ["latest", "kept"].map(|key| word(&cache["purges"][key]));
    // Writing to a text cannot fail.
    let _ = writeln!(text, "purges: {latest} so far, {kept} remembered");
    text
}

fn row(route: &Value) -> [String; 11] {
    let count = |key: &str| word(&route[key]);
    [
        count("route"),
        percent(&route["recent"]["hit_ratio"]),
        percent(&route["hit_ratio"]),
        count("hits"),
        count("stale"),
        count("revalidated"),
        count("collapsed"),
        count("stored"),
        count("unstored"),
        count("bypassed"),
        reasons(&route["reasons"]),
    ]
}

/// The most frequent ones.
fn reasons(reasons: &Value) -> String {
    let counts = reasons.as_object().into_iter().flatten();
    let mut all: Vec<_> = counts.map(|(reason, count)| (Reverse(count.as_u64()), reason)).collect();
    all.sort_unstable();
    let told =
        all.iter().take(REASONS).map(|(Reverse(count), reason)| format!("{reason} {}", count.unwrap_or(0)));
    told.collect::<Vec<_>>().join(", ")
}

fn memory(memory: &Value) -> String {
    let [insertions, evictions, flights] =
        ["insertions", "evictions", "flights"].map(|key| word(&memory[key]));
    format!("memory: {}, {insertions} put in, {evictions} evicted, {flights} being fetched\n", used(memory))
}

/// Marked where the disk does what it should not.
fn disk(disk: &Value) -> String {
    let number = |key: &str| disk[key].as_u64().unwrap_or(0);
    let mark = if number("refused") + number("damaged") > 0 { "! " } else { "" };
    let loading = if disk["is_loaded"] == false { ", still being read" } else { "" };
    format!(
        "{mark}disk: {}, {} written, {} evicted, {} refused, {} damaged{loading}\n",
        used(disk),
        number("writes"),
        number("evictions"),
        number("refused"),
        number("damaged"),
    )
}

fn used(tier: &Value) -> String {
    let size = |key: &str| size(tier[key].as_u64().unwrap_or(0));
    let responses = if tier["objects"] == 1 { "response" } else { "responses" };
    format!("{} of {} taken by {} {responses}", size("bytes"), size("capacity"), word(&tier["objects"]))
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut size, mut at) = (bytes as f64 / 1024.0, 0);
    while size >= 1024.0 && at + 1 < UNITS.len() {
        size /= 1024.0;
        at += 1;
    }
    format!("{size:.1} {}", UNITS[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn routes_memory_and_disk_are_told_in_words() {
        let text = in_words(&json!({
            "memory": { "objects": 3, "bytes": 1536, "capacity": 268_435_456, "evictions": 0, "insertions": 4,
                        "flights": 1 },
            "disk": { "objects": 7, "bytes": 0, "capacity": 1_099_511_627_776_u64, "evictions": 2, "writes": 9,
                      "refused": 0, "damaged": 1, "is_loaded": false },
            "routes": [{
                "route": "orders", "hits": 98, "stale": 1, "revalidated": 2, "collapsed": 3, "stored": 4,
                "unstored": 5, "bypassed": 6, "hit_ratio": 0.875, "recent": { "hit_ratio": null },
                "reasons": { "a": 1, "miss": 7, "b": 5, "c": 6 },
            }],
            "purges": { "latest": 12, "kept": 3 },
        }));
        for words in [
            "orders  -    87.5%  98    1",
            "miss 7, c 6, b 5\n",
            "memory: 1.5 KiB of 256.0 MiB taken by 3 responses, 4 put in, 0 evicted, 1 being fetched\n",
            "! disk: 0 B of 1.0 TiB taken by 7 responses, 9 written, 2 evicted, 0 refused, 1 damaged, still being read\n",
            "purges: 12 so far, 3 remembered\n",
        ] {
            assert!(text.contains(words), "`{words}` is missing:\n{text}");
        }
        let nothing = json!({ "memory": null, "disk": null, "routes": [], "purges": {} });
        assert!(in_words(&nothing).contains("there is no cache"));
    }

    #[test]
    fn sizes_have_a_unit_that_leaves_few_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1 << 20, "1.0 MiB"),
            ((1 << 20) - 1, "1024.0 KiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
