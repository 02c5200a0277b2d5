//! `tidegate instances`, `tidegate restart` and `tidegate decisions`: the instances of a running node and what is decided
//! about them, through its admin API.
//!
//! The sentences are the node's own, the same that the page shows; here they are only laid out. *Not here*: launching
//! and deciding.

use crate::args::At;
use crate::ask::{ask, segment};
use crate::say;
use crate::status::{age, list, now};
use anyhow::Result;
use clap::Args;
use serde_json::Value;
use std::fmt::Write;
use std::process::ExitCode;

/// Of which services the instances are shown.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The name of a service; all services without it.
    service: Option<String>,
    #[command(flatten)]
    at: At,
}

/// A service.
#[derive(Debug, Args)]
pub(crate) struct Of {
    /// The name of the service.
    service: String,
    #[command(flatten)]
    at: At,
}

/// `tidegate instances`.
pub(crate) fn instances(which: &Which) -> Result<ExitCode> {
    let query = which.service.as_ref().map_or_else(String::new, |name| format!("?service={}", segment(name)));
    let (_, services) = ask(&which.at, "GET", &format!("/api/instances{query}"))?;
    if which.at.json {
        say::line(&serde_json::to_string_pretty(&services)?);
        return Ok(ExitCode::SUCCESS);
    }
    let text: String = list(&services).iter().map(|service| in_words(service, now())).collect();
    say::line(if text.is_empty() { "no service has instances" } else { text.trim_end() });
    Ok(ExitCode::SUCCESS)
}

/// `tidegate restart`.
pub(crate) fn restart(of: &Of) -> Result<ExitCode> {
    let path = format!("/api/services/{}/restart", segment(&of.service));
    let (_, begun) = ask(&of.at, "POST", &path)?;
    if of.at.json {
        say::line(&serde_json::to_string_pretty(&begun)?);
        return Ok(ExitCode::SUCCESS);
    }
    let how_many = begun["instances"].as_u64().map_or_else(String::new, |n| format!("{n} "));
    say::line(&format!("service {}: {how_many}instances are replaced, one after the other", of.service));
    say::line(&format!("`tidegate instances {}` shows how far it is", of.service));
    Ok(ExitCode::SUCCESS)
}

/// `tidegate decisions`.
pub(crate) fn decisions(of: &Of) -> Result<ExitCode> {
    let path = format!("/api/scale/{}/decisions", segment(&of.service));
    let (_, decisions) = ask(&of.at, "GET", &path)?;
    if of.at.json {
        say::line(&serde_json::to_string_pretty(&decisions)?);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = list(&decisions).iter().map(decision).collect();
    if rows.is_empty() {
        say::line("nothing was decided yet");
    } else {
        say::line(table(&["WHEN", "READY", "CHANGE", "REASON", "SUM"], &rows).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// A service in a line, what a person should know below it, and a table of its instances.
fn in_words(service: &Value, now: u64) -> String {
    let mut text = format!("service {}: {}\n", word(&service["service"]), word(&service["text"]));
    text.push_str(&notes(service));
    let rows: Vec<_> = list(&service["instances"]).iter().map(|one| instance(one, now)).collect();
    if !rows.is_empty() {
        const COLUMNS: [&str; 10] =
            ["NAME", "STATE", "FOR", "PLACE", "PID", "IN FLIGHT", "CPU", "MEMORY", "RESTARTS", "LAST WORDS"];
        text.push_str(&table(&COLUMNS, &rows));
    }
    text + "\n"
}

/// What a person should know of a service's instances, a line each; what is wrong is marked with `!`.
pub(crate) fn notes(service: &Value) -> String {
    let mut text = String::new();
    for note in list(&service["notes"]) {
        let mark = if note["severity"] == "bad" { '!' } else { ' ' };
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{mark} {}", word(&note["text"]));
    }
    text
}

fn instance(instance: &Value, now: u64) -> [String; 10] {
    let since = instance["since"].as_u64().unwrap_or(now);
    [
        word(&instance["name"]),
        word(&instance["state"]),
        age(now.saturating_sub(since)),
        word(&instance["place"]),
        word(&instance["pid"]),
        word(&instance["in_flight"]),
        instance["cpu"].as_f64().map_or_else(|| "-".into(), |cores| format!("{cores:.2}")),
        instance["memory"].as_u64().map_or_else(|| "-".into(), mebibytes),
        word(&instance["restarts"]),
        last_line(&instance["last_words"]),
    ]
}

fn decision(decision: &Value) -> [String; 5] {
    let (from, to) = (word(&decision["from"]), word(&decision["to"]));
    let mut change = if from == to { format!("{to} stay") } else { format!("{from} -> {to}") };
    if let Some(times) = decision["repeated"].as_u64().filter(|times| *times > 1) {
        let _ = write!(change, " ({times} times)");
    }
    let mut ready = word(&decision["ready"]);
    if let Some(starting) = decision["starting"].as_u64().filter(|starting| *starting > 0) {
        let _ = write!(ready, " + {starting}");
    }
    let reason = word(&decision["reason"]).replace('_', " ");
    [word(&decision["at"]), ready, change, reason, word(&decision["text"])]
}

/// Columns as wide as what stands in them; the last one as it is.
pub(crate) fn table<const N: usize>(columns: &[&str; N], rows: &[[String; N]]) -> String {
    let heading = columns.map(str::to_owned);
    let lines = || std::iter::once(&heading).chain(rows);
    let widths: [usize; N] =
        std::array::from_fn(|at| lines().map(|line| line[at].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for line in lines() {
        let mut row = String::from("  ");
        for (cell, width) in line.iter().zip(widths) {
            let _ = write!(row, "{cell:<width$}  ");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// A value as a word; what is not known is a dash.
pub(crate) fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The last line of what an instance wrote, without what a terminal might obey.
fn last_line(words: &Value) -> String {
    let line = words.as_str().and_then(|words| words.trim_end().lines().last()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(120).collect()
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_is_a_line_with_what_is_wrong_and_a_table_below_it() {
        let service = json!({
            "service": "shop", "text": "1 ready, 1 starting of 1-8, wants 2 because x",
            "notes": [
                { "severity": "bad", "text": "crash loop: y" },
                { "severity": "notable", "text": "3 requests wait until an instance is ready" },
            ],
            "instances": [
                {
                    "name": "shop-1", "state": "ready", "since": 1_000, "place": "127.0.0.1:4001", "pid": 17,
                    "in_flight": 3, "cpu": 0.25, "memory": 50_331_648, "restarts": 0, "last_words": null,
                },
                {
                    "name": "shop-10", "state": "starting", "since": 1_060, "place": "unix:/run/shop-10", "pid": null,
                    "in_flight": 0, "cpu": null, "memory": null, "restarts": 4, "last_words": "a\nno\u{1b}[1m module\n",
                },
            ],
        });
        let expected = "\
service shop: 1 ready, 1 starting of 1-8, wants 2 because x
! crash loop: y
  3 requests wait until an instance is ready
  NAME     STATE     FOR    PLACE              PID  IN FLIGHT  CPU   MEMORY    RESTARTS  LAST WORDS
  shop-1   ready     1m 1s  127.0.0.1:4001     17   3          0.25  48.0 MiB  0
  shop-10  starting  1s     unix:/run/shop-10  -    0          -     -         4         no[1m module

";
        assert_eq!(in_words(&service, 1_061), expected);
    }

    #[test]
    fn a_decision_is_a_row_with_its_sum() {
        let up = json!({
            "at": "2026-01-02T03:04:05.678Z", "ready": 3, "starting": 1, "from": 4, "to": 8, "direction": "up",
            "reason": "from_zero", "text": "concurrency 164.0 wants 9", "repeated": 1,
        });
        let sum = "concurrency 164.0 wants 9";
        assert_eq!(decision(&up), ["2026-01-02T03:04:05.678Z", "3 + 1", "4 -> 8", "from zero", sum]);
        let stay = json!({ "from": 4, "to": 4, "ready": 4, "repeated": 12 });
        assert_eq!(decision(&stay)[2], "4 stay (12 times)");
    }
}
