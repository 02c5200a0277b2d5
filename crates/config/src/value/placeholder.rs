//! `{port}` and its like: words in braces that are filled in when an instance is launched.
//!
//! Letters, digits and `_` between braces are one, so that `{}`, `{3}` and `{"a": 1}` stay what they are. `${HOME}` and
//! `%{http_code}` belong to other languages. *Not here*: the filling in, which the keeper of instances does.

use super::Bad;
use crate::node::clip;
use crate::suggest::{list, nearest};

/// What may stand in commands and environments.
pub(crate) const OF_A_COMMAND: [&str; 4] = ["port", "socket", "name", "service"];

/// What may stand in the path of a log.
pub(crate) const OF_A_LOG: [&str; 2] = ["name", "service"];

/// The words in braces of a text, in their order. No letter is looked at twice, however many braces are left open.
pub(crate) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let end = rest.bytes().position(|b| !b.is_ascii_alphanumeric() && b != b'_')?;
        let word = &rest[..end];
        let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic()) && rest[end..].starts_with('}');
        let foreign = text[..at].ends_with(['$', '%']) && !OF_A_COMMAND.contains(&word);
        (is_name && !foreign).then_some(word)
    })
}

/// Refuses a text with a word in braces that is not `known`.
pub(super) fn only(known: &[&str], text: &str) -> Result<(), Bad> {
    let Some(word) = placeholders(text).find(|word| !known.contains(word)) else { return Ok(()) };
    let bad = Bad::because(format!("`{{{}}}` stands for nothing", clip(word)));
    Err(bad.hint(meant(known, word)))
}

/// The hint at what may have been meant by a word in braces. It does not repeat the word.
pub(crate) fn meant(known: &[&str], word: &str) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{{{near}}}`?"),
        None => format!("what is filled in are {}, in braces", list(known.iter().copied())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_in_braces_are_placeholders() {
        let found = |text| placeholders(text).collect::<Vec<_>>();
        assert_eq!(found("--bind=127.0.0.1:{port} {name}-{service}"), ["port", "name", "service"]);
        assert_eq!(found("{} {3} {\"a\": 1} { port } {a-b} {port"), [""; 0]);
        assert_eq!(found("${HOME} %{http_code} ${port}"), ["port"]);
        assert_eq!(found("{{port}}"), ["port"]);
        assert_eq!(found("{é}{"), [""; 0]);
        assert_eq!(found(&("{".repeat(1 << 20) + "{port}")), ["port"]);
    }

    #[test]
    fn a_word_that_stands_for_nothing_is_refused_with_what_was_meant() {
        let hint = |text| only(&OF_A_COMMAND, text).map_err(|bad| bad.hint.unwrap_or_default());
        assert_eq!(hint("{port}{socket}{name}{service}"), Ok(()));
        assert_eq!(hint("{PORT}"), Err("did you mean `{port}`?".into()));
        assert_eq!(hint("{sock}"), Err("did you mean `{socket}`?".into()));
        assert_eq!(
            hint("{address}"),
            Err("what is filled in are `port`, `socket`, `name`, `service`, in braces".into())
        );
    }
}
