//! `tidegate status`: what a running node does, in words. What is wrong is marked at the start of its line.

use crate::args::At;
use crate::ask::ask;
use crate::{instances, say};
use anyhow::Result;
use serde_json::Value;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Events that are shown.
const EVENTS: usize = 8;

/// Shows it.
pub(crate) fn status(at: &At) -> Result<ExitCode> {
    let (_, status) = ask(at, "GET", "/api/status")?;
    if at.json {
        say::line(&serde_json::to_string_pretty(&status)?);
        return Ok(ExitCode::SUCCESS);
    }
    let (_, events) = ask(at, "GET", "/api/events")?;
    let mut text = in_words(&status);
    text.push_str(&events_in_words(&events));
    say::line(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

fn in_words(status: &Value) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{name:<12} {value}");
    };
    let recent = &status["recent"];
    line("version", plain(&status["version"]));
    line("up", age(status["uptime_seconds"].as_u64().unwrap_or(0)));
    line(
        "state",
        match (&status["draining"], &status["ready"]) {
            (Value::Bool(true), _) => "draining".into(),
            (_, Value::Bool(true)) => "ready".into(),
            _ => "not ready".into(),
        },
    );
    line("overload", plain(&status["strain"]));
    line("connections", format!("{} from clients", status["connections"]));
    line(
        "requests",
        format!(
            "{} in all, {}/s, p50 {}, p99 {}",
            status["requests"],
            rate(&recent["requests_per_second"]),
            time(&recent["p50_seconds"]),
            time(&recent["p99_seconds"])
        ),
    );
    line("errors", format!("{} in all, {} lately", status["errors"], percent(&recent["error_ratio"])));
    text + "\n" + &services_in_words(status)
}

/// The services with their instances and endpoints; what is wrong is marked with `!`.
pub(crate) fn services_in_words(status: &Value) -> String {
    let now = now();
    let mut text = String::new();
    for service in list(&status["services"]) {
        let is_its_own = |entry: &&Value| entry["service"] == service["service"];
        let _ = writeln!(text, "{}", service_in_words(service));
        for instances in list(&status["instances"]).iter().filter(is_its_own) {
            let _ = writeln!(text, "  instances: {}", plain(&instances["text"]));
            text.push_str(&instances::notes(instances));
        }
        for endpoint in list(&status["endpoints"]).iter().filter(is_its_own) {
            let _ = writeln!(text, "{}", endpoint_in_words(endpoint, now));
        }
    }
    text
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The entries of a list; none where it is none.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn service_in_words(service: &Value) -> String {
    let recent = &service["recent"];
    let mut text = format!(
        "service {}: {}/{} endpoints up, {}, {}/s, errors {}, p99 {}, {} in flight, {} waiting",
        plain(&service["service"]),
        service["endpoints_up"],
        service["endpoints_total"],
        plain(&service["policy"]),
        rate(&recent["requests_per_second"]),
        percent(&recent["error_ratio"]),
        time(&recent["p99_seconds"]),
        service["inflight"],
        service["waiting"],
    );
    if let Some(limit) = service["adaptive_limit"].as_u64() {
        let _ = write!(text, ", limit {limit}");
    }
    let _ = write!(
        text,
        ", {} retries, {} refused, {} hedges",
        service["retries"], service["retries_refused"], service["hedges"]
    );
    text
}

fn endpoint_in_words(endpoint: &Value, now: u64) -> String {
    let mark = if endpoint["up"] == true { ' ' } else { '!' };
    let recent = &endpoint["recent"];
    let mut text = format!(
        "{mark} {:<34} {:<9} {} pending, {}/s, {} of {} failed, p99 {}",
        plain(&endpoint["endpoint"]),
        plain(&endpoint["state"]),
        endpoint["pending"],
        rate(&recent["attempts_per_second"]),
        endpoint["failures"],
        endpoint["attempts"],
        time(&recent["p99_seconds"]),
    );
    let mut more = |words: String| {
        let _ = write!(text, ", {words}");
    };
    for word in ["backup", "added"] {
        if endpoint[word] == true {
            more(word.into());
        }
    }
    if let Some(since) = endpoint["since"].as_u64() {
        let why = plain(&endpoint["reason"]).replace('_', " ");
        more(format!("{why} {} ago", age(now.saturating_sub(since))));
    }
    if let Some(checked) = endpoint["checked"].as_u64() {
        let said = endpoint["check"].as_str().map_or("passed", |said| said);
        let _ = write!(text, "\n    last check {} ago: {said}", age(now.saturating_sub(checked)));
    }
    text
}

fn events_in_words(events: &Value) -> String {
    let mut text = String::new();
    for event in events.as_array().into_iter().flatten().take(EVENTS) {
        if text.is_empty() {
            text.push_str("\nlast events\n");
        }
        let word = |key: &str| event[key].as_str().filter(|word| !word.is_empty()).map(str::to_owned);
        let change = match (word("from"), word("to")) {
            (Some(from), Some(to)) => Some(format!("{from} -> {to}")),
            (from, to) => to.or(from),
        };
        let parts = [word("time"), word("kind"), word("service"), word("endpoint"), change, word("reason")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let _ = writeln!(text, "  {}", parts.join("  "));
    }
    text
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn rate(value: &Value) -> String {
    match value.as_f64().unwrap_or(0.0) {
        n if n == 0.0 || n >= 10.0 => format!("{n:.0}"),
        n => format!("{n:.1}"),
    }
}

/// A share from 0 to 1.
pub(crate) fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".into(), |share| format!("{:.1}%", share * 100.0))
}

fn time(value: &Value) -> String {
    match value.as_f64() {
        None => "-".into(),
        Some(s) if s < 1.0 => format!("{:.1}ms", s * 1e3),
        Some(s) => format!("{s:.2}s"),
    }
}

/// The two largest units.
pub(crate) fn age(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}m {s}s"),
        (0, h, m, _) => format!("{h}h {m}m"),
        (d, h, ..) => format!("{d}d {h}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_endpoint_that_is_not_up_is_marked_and_says_why_and_since_when() {
        let endpoint = json!({
            "service": "shop", "endpoint": "http://a:1", "state": "dead", "up": false, "reason": "check_unreachable",
            "since": 1_000, "check": "connection refused", "checked": 1_059, "pending": 2, "attempts": 9,
            "failures": 3, "added": true, "recent": { "attempts_per_second": 0.5, "p99_seconds": null },
        });
        let text = endpoint_in_words(&endpoint, 1_061);
        assert!(text.starts_with("! http://a:1"), "{text}");
        for words in [
            "dead",
            "2 pending",
            "0.5/s",
            "3 of 9 failed",
            "added",
            "check unreachable 1m 1s ago",
            "last check 2s ago: connection refused",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        let well = json!({ "up": true, "state": "up", "endpoint": "http://b:1" });
        assert!(endpoint_in_words(&well, 0).starts_with("  http://b:1"));
    }

    #[test]
    fn only_endpoints_of_the_service_stand_below_it() {
        let status = json!({
            "services": [{ "service": "a" }, { "service": "b" }],
            "endpoints": [{ "service": "a", "endpoint": "http://one" }, { "service": "b", "endpoint": "http://two" }],
            "instances": [{
                "service": "b", "text": "1 ready of 1-8, wants 2",
                "notes": [{ "severity": "bad", "text": "crash loop: x" }],
            }],
        });
        let text = services_in_words(&status);
        let words = [
            "service a",
            "http://one",
            "service b",
            "  instances: 1 ready of 1-8, wants 2\n! crash loop: x\n",
            "http://two",
        ];
        let order = words.map(|words| text.find(words));
        assert!(order.is_sorted() && order.iter().all(Option::is_some), "{text}");
    }
}
