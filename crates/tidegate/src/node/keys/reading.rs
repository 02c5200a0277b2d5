//! What somebody asks for who wants a key, read by the checks of the config file, so that the same mistake is told in the
//! same words. What is refused says what to change; everything is bounded.

use admin::KeyRefusal;
use auth::Scopes;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::time::Duration;

/// Scopes of one key, and characters of its label.
const SCOPES_MOST: usize = 64;
const LABEL_MOST: usize = 128;
/// Longest `jti` or subject, in bytes: that of the room `auth`.
const NAME_MOST: usize = 1024;
/// Names that a refusal gives.
const NAMED: usize = 10;

pub(super) fn scopes(words: &[String]) -> Result<Scopes, KeyRefusal> {
    if words.len() > SCOPES_MOST {
        return Err(bad(format!("A key has at most {SCOPES_MOST} scopes.")));
    }
    for word in words {
        typed::<config::Scope>("scopes", word)?;
    }
    Ok(Scopes::of(words.iter().map(String::as_str)))
}

pub(super) fn period(key: &str, text: &str) -> Result<Duration, KeyRefusal> {
    let period = typed::<config::Period>(key, text)?.get();
    // Keys live and die by the second.
    if period < Duration::from_secs(1) { Err(bad(format!("`{key}` is at least `1s`."))) } else { Ok(period) }
}

/// Reads a value by the checks of the config file, so that the same mistake is told in the same words.
fn typed<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, KeyRefusal> {
    let shown: String = text.chars().take(64).collect();
    serde_json::from_value(json!(text)).map_err(|why| bad(format!("`{key}`: {why}, found `{shown}`.")))
}

pub(super) fn label(text: &str) -> Result<Box<str>, KeyRefusal> {
    if text.chars().count() > LABEL_MOST || text.chars().any(char::is_control) {
        return Err(bad(format!("`label` is at most {LABEL_MOST} characters, without control characters.")));
    }
    Ok(text.into())
}

pub(super) fn name(key: &str, text: &str) -> Result<Box<str>, KeyRefusal> {
    if text.len() > NAME_MOST {
        return Err(bad(format!("`{key}` is longer than {NAME_MOST} bytes.")));
    }
    Ok(text.into())
}

/// There is no such consumer or plan: says which there are, and which one may be meant.
pub(super) fn unknown(kind: &str, name: &str, known: &[&str], example: &str) -> KeyRefusal {
    let shown: String = name.chars().take(64).collect();
    let begin = format!("There is no {kind} `{shown}` in the config.");
    let alike = |other: &&&str| strsim::damerau_levenshtein(&shown, other) <= 2.min(other.len() / 2);
    if let Some(meant) = known.iter().filter(alike).min_by_key(|other| strsim::levenshtein(&shown, other)) {
        return bad(format!("{begin} Did you mean `{meant}`?"));
    }
    if known.is_empty() {
        return bad(format!("{begin} It names none: add `{example}`, and reload."));
    }
    let more = known.len().saturating_sub(NAMED);
    let mut list = known[..known.len().min(NAMED)].join(", ");
    if more > 0 {
        list = format!("{list} and {more} more");
    }
    bad(format!("{begin} There are {list}. Or add it to the config, and reload."))
}

pub(super) fn bad(why: String) -> KeyRefusal {
    KeyRefusal::Bad(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(refusal: &KeyRefusal) -> &str {
        match refusal {
            KeyRefusal::Bad(why) => why,
            _ => "",
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_one_that_is_meant_or_all() {
        let refusal = unknown("consumer", "mobil-app", &["web", "mobile-app"], "x");
        assert!(said(&refusal).ends_with("Did you mean `mobile-app`?"), "{refusal:?}");
        let refusal = unknown("consumer", "tv", &["web", "mobile-app"], "x");
        assert!(said(&refusal).contains("There are web, mobile-app."), "{refusal:?}");
        let refusal = unknown("plan", "pro", &[], "plans: {}");
        assert!(said(&refusal).contains("add `plans: {}`"), "{refusal:?}");
    }

    #[test]
    fn periods_and_scopes_are_read_as_in_the_config() {
        assert_eq!(period("expires_in", "30d"), Ok(Duration::from_secs(30 * 86_400)));
        for wrong in ["", "30", "-1d", "5ms", "9999d", "soon"] {
            let refusal = period("expires_in", wrong).expect_err("no period");
            assert!(said(&refusal).starts_with("`expires_in`"), "{wrong}: {refusal:?}");
        }
        assert!(scopes(&["orders:read".into(), "b".into()]).is_ok_and(|scopes| scopes.has("b")));
        assert!(said(&scopes(&["a b".into()]).unwrap_err()).contains("`scopes`"));
    }
}
