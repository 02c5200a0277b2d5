//! `tidegate tokens`: revokes tokens that have not expired yet, and shows which were, through the admin API.

use crate::args::At;
use crate::ask::{ask, ask_with};
use crate::instances::{table, word};
use crate::keys::{granted, show};
use crate::status::{age, list, now};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// Revoke one token by its id, or all of a subject that were issued up to now: at once, on all nodes.
    Revoke {
        #[command(flatten)]
        which: Which,
        /// When the last of them expires (its `exp`, in seconds since 1970): then this can be forgotten.
        #[arg(long, value_name = "SECONDS")]
        until: Option<u64>,
        #[command(flatten)]
        at: At,
    },
    /// Show which tokens were revoked.
    List {
        #[command(flatten)]
        at: At,
    },
}

/// Which tokens.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The `jti` of a token.
    #[arg(long)]
    jti: Option<String>,
    /// The `sub` of the tokens.
    #[arg(long)]
    subject: Option<String>,
}

/// Does it.
pub(crate) fn tokens(what: &Tokens) -> Result<ExitCode> {
    match what {
        Tokens::Revoke { which, until, at } => {
            let body = json!({ "jti": which.jti, "subject": which.subject, "until": until });
            let done = granted(ask_with(at, "POST", "/api/revocations", body.to_string())?)?;
            show(at, &done, |done| {
                if done["jti"].is_string() {
                    format!("the token {} is revoked", word(&done["jti"]))
                } else {
                    format!("all tokens of {} that were issued up to now are revoked", word(&done["subject"]))
                }
            })
        }
        Tokens::List { at } => {
            let (_, all) = ask(at, "GET", "/api/revocations")?;
            show(at, &all, in_words)
        }
    }
}

fn in_words(all: &Value) -> String {
    let now = now();
    let row = |one: &Value| {
        let (kind, name) =
            if one["jti"].is_string() { ("token", &one["jti"]) } else { ("subject", &one["subject"]) };
        let ago = |at: u64| format!("{} ago", age(now.saturating_sub(at)));
        let until = one["until"].as_u64();
        [
            kind.to_owned(),
            one["changed"].as_u64().map_or_else(|| "-".into(), ago),
            until.map_or_else(|| "never".into(), |at| format!("in {}", age(at.saturating_sub(now)))),
            word(name),
        ]
    };
    let rows: Vec<_> = list(all).iter().map(row).collect();
    if rows.is_empty() {
        "no token was revoked".into()
    } else {
        table(&["WHAT", "REVOKED", "FORGOTTEN", "NAME"], &rows)
    }
}
