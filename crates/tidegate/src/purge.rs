//! `tidegate purge`: takes responses out of the cache of a running node, and of those that it shares a Redis with.

use crate::args::At;
use crate::ask::ask_with;
use crate::instances::word;
use crate::keys::{granted, show};
use crate::status::list;
use anyhow::Result;
use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true))]
pub(crate) struct PurgeWhat {
    /// All responses that have this tag. May be given several times.
    #[arg(long = "tag", value_name = "TAG", group = "what")]
    tags: Vec<String>,
    /// This URL, in all its variants. May be given several times.
    #[arg(long = "url", value_name = "URL", group = "what")]
    urls: Vec<String>,
    /// All URLs that begin so, without a query. May be given several times.
    #[arg(long = "prefix", value_name = "URL", group = "what")]
    prefixes: Vec<String>,
    /// Everything.
    #[arg(long, group = "what", conflicts_with_all = ["tags", "urls", "prefixes"])]
    all: bool,
    /// Make responses stale instead: they are served where stale ones may be, while new ones are fetched.
    #[arg(long)]
    soft: bool,
    #[command(flatten)]
    at: At,
}

/// Does it.
pub(crate) fn purge(what: &PurgeWhat) -> Result<ExitCode> {
    let done = ask_with(&what.at, "POST", "/api/purge", order(what).to_string())?;
    show(&what.at, &granted(done)?, in_words)
}

/// What was typed, as the admin API would have it.
fn order(what: &PurgeWhat) -> Value {
    json!({
        "urls": what.urls,
        "prefixes": what.prefixes,
        "tags": what.tags,
        "all": what.all,
        "soft": what.soft,
    })
}

/// A line for each thing.
fn in_words(done: &Value) -> String {
    let is_now = if done["soft"] == true { "stale" } else { "gone" };
    let lines: Vec<_> =
        list(&done["purged"]).iter().map(|what| format!("{is_now}: {}", word(what))).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        what: PurgeWhat,
    }

    fn typed(words: &[&str]) -> Result<PurgeWhat, clap::Error> {
        Typed::try_parse_from([&["purge"], words].concat()).map(|typed| typed.what)
    }

    #[test]
    fn each_thing_may_be_given_several_times_and_beside_the_others() {
        let what =
            typed(&["--tag", "a", "--tag", "b", "--url", "h/x", "--prefix", "h/y/", "--soft"]).unwrap();
        let wanted = json!({
            "urls": ["h/x"], "prefixes": ["h/y/"], "tags": ["a", "b"], "all": false, "soft": true,
        });
        assert_eq!(order(&what), wanted);
        assert_eq!(order(&typed(&["--all"]).unwrap())["all"], true);
    }

    #[test]
    fn without_a_word_of_what_or_with_more_than_all_nothing_is_asked_for() {
        for words in [&[][..], &["--soft"], &["--all", "--tag", "a"], &["--url", "h/x", "--all"]] {
            assert_eq!(typed(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }

    #[test]
    fn what_was_purged_is_told_line_by_line() {
        let hard = json!({ "purged": ["tag a", "url h/x"], "soft": false });
        assert_eq!(in_words(&hard), "gone: tag a\ngone: url h/x");
        assert_eq!(in_words(&json!({ "purged": ["everything"], "soft": true })), "stale: everything");
    }
}
