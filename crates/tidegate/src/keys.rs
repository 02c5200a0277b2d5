//! `tidegate keys`: makes, shows, replaces and revokes the API keys of a running node, through its admin API.
//!
//! A new key is all that stands on standard output, so that `KEY=$(tidegate keys create app)` works; what else there is to
//! say stands on standard error. *Not here*: what a key is, where it is kept.

use crate::args::At;
use crate::ask::{ask, ask_with, segment};
use crate::instances::{table, word};
use crate::say;
use crate::status::{age, list, now};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key for a consumer and print it: this once.
    Create(Create),
    /// Show the keys there are, without their texts.
    List {
        /// Only those of this consumer.
        #[arg(long, value_name = "NAME")]
        consumer: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Make a key in the place of another one, which is good for a while yet.
    Rotate {
        /// The id of the key: the part of its text behind `tg_`.
        id: String,
        /// How long the old key is good for yet; 0 ends it at once.
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: String,
        #[command(flatten)]
        at: At,
    },
    /// Revoke a key: at once, for good, on all nodes.
    Revoke {
        /// The id of the key: the part of its text behind `tg_`.
        id: String,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The name of a consumer in the config.
    consumer: String,
    /// What its owner calls it.
    #[arg(long)]
    label: Option<String>,
    /// What it may do; may be given several times. Without it: what its consumer may.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Its plan. Without it: its consumer's.
    #[arg(long)]
    plan: Option<String>,
    /// After what time it expires, such as 30d. Without it: never.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    at: At,
}

/// Does it.
pub(crate) fn keys(what: &Keys) -> Result<ExitCode> {
    match what {
        Keys::Create(create) => {
            let made = ask_with(&create.at, "POST", "/api/keys", description(create).to_string())?;
            minted(&create.at, &granted(made)?)
        }
        Keys::List { consumer, at } => {
            let query =
                consumer.as_ref().map_or_else(String::new, |name| format!("?consumer={}", segment(name)));
            let (_, keys) = ask(at, "GET", &format!("/api/keys{query}"))?;
            show(at, &keys, in_words)
        }
        Keys::Rotate { id, overlap, at } => {
            let path = format!("/api/keys/{}/rotate", segment(id));
            let made = ask_with(at, "POST", &path, json!({ "overlap": overlap }).to_string())?;
            minted(at, &granted(made)?)
        }
        Keys::Revoke { id, at } => {
            let (_, key) = ask(at, "DELETE", &format!("/api/keys/{}", segment(id)))?;
            let done =
                |key: &Value| format!("key {} of {} is revoked", word(&key["id"]), word(&key["consumer"]));
            show(at, &key, done)
        }
    }
}

/// What was typed, as the admin API would have it.
fn description(create: &Create) -> Value {
    let mut description = Map::new();
    description.insert("consumer".into(), json!(create.consumer));
    for (key, value) in [("label", &create.label), ("plan", &create.plan), ("expires_in", &create.expires)] {
        if let Some(value) = value {
            description.insert(key.into(), json!(value));
        }
    }
    if !create.scopes.is_empty() {
        description.insert("scopes".into(), json!(create.scopes));
    }
    description.into()
}

/// What the node has done, unless it says that what was typed is wrong.
pub(crate) fn granted((code, answer): (u16, Value)) -> Result<Value> {
    if code == 422 {
        bail!("{}", answer["detail"].as_str().unwrap_or("the node refused and did not say why"));
    }
    Ok(answer)
}

/// Prints data, as JSON or in words.
pub(crate) fn show(at: &At, data: &Value, words: impl FnOnce(&Value) -> String) -> Result<ExitCode> {
    let text = if at.json { serde_json::to_string_pretty(data)? } else { words(data) };
    say::line(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Prints a new key.
fn minted(at: &At, made: &Value) -> Result<ExitCode> {
    let Some(key) = made["key"].as_str() else { bail!("the node answered without a key") };
    if at.json {
        say::line(&serde_json::to_string_pretty(made)?);
        return Ok(ExitCode::SUCCESS);
    }
    say::line(key);
    say::report(&format!("{}\n", explanation(made, now())));
    Ok(ExitCode::SUCCESS)
}

/// What is to be known of a new key.
fn explanation(made: &Value, now: u64) -> String {
    let good = made["expires"]
        .as_u64()
        .map_or_else(|| "until it is revoked".into(), |at| format!("for {}", left(at, now)));
    let mut text = format!(
        "key {} of consumer {}, good {good}. It is shown this once: keep it where secrets are kept.",
        word(&made["id"]),
        word(&made["consumer"])
    );
    let old = &made["replaces"];
    if old.is_object() {
        let end = match old["expires"].as_u64() {
            Some(at) if at > now => format!("is good for {} yet", left(at, now)),
            _ => "is not taken any more".into(),
        };
        // Writing to a text cannot fail.
        let _ = write!(text, "\nThe old key {} {end}.", word(&old["id"]));
    }
    text
}

fn left(at: u64, now: u64) -> String {
    age(at.saturating_sub(now))
}

fn in_words(keys: &Value) -> String {
    const COLUMNS: [&str; 8] =
        ["ID", "CONSUMER", "STATE", "CREATED", "EXPIRES", "LAST USED", "PLAN", "LABEL"];
    let now = now();
    let rows: Vec<_> = list(keys).iter().map(|key| row(key, now)).collect();
    if rows.is_empty() { "there are no keys".into() } else { table(&COLUMNS, &rows) }
}

fn row(key: &Value, now: u64) -> [String; 8] {
    let ago = |at: &Value| {
        at.as_u64().map_or_else(|| "-".into(), |at| format!("{} ago", age(now.saturating_sub(at))))
    };
    let expires = match key["expires"].as_u64() {
        None => "-".into(),
        Some(at) if at > now => format!("in {}", left(at, now)),
        Some(at) => format!("{} ago", age(now - at)),
    };
    [
        word(&key["id"]),
        word(&key["consumer"]),
        word(&key["state"]),
        ago(&key["created"]),
        expires,
        ago(&key["last_used"]),
        word(&key["plan"]),
        word(&key["label"]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_explained_without_its_text() {
        let made = json!({
            "id": "b", "consumer": "web", "key": "tg_b_secret", "expires": 100 + 3600,
            "replaces": { "id": "a", "expires": 100 + 60 },
        });
        let text = explanation(&made, 100);
        assert!(text.contains("key b of consumer web, good for 1h 0m."), "{text}");
        assert!(text.contains("The old key a is good for 1m 0s yet."), "{text}");
        assert!(!text.contains("secret_") && !text.contains("tg_"), "{text}");
        let ended = json!({ "id": "b", "consumer": "web", "replaces": { "id": "a", "expires": 100 } });
        assert!(explanation(&ended, 100).contains("is not taken any more"));
    }

    #[test]
    fn keys_are_listed_with_what_is_left_of_their_time() {
        let key = json!({ "id": "a", "consumer": "web", "state": "active", "created": 40, "expires": 160 });
        let row = row(&key, 100);
        assert_eq!((&*row[3], &*row[4], &*row[5]), ("1m 0s ago", "in 1m 0s", "-"));
    }
}
