//! What a schema asks for, in the check's own words and in words for people.

use serde_json::Value;

use super::Schema;
use crate::schema::{choices, mark, properties};
use crate::suggest::list;
use crate::value::FORMATS;

/// How a schema is checked.
pub(super) fn kind_of(schema: Schema) -> &'static str {
    if mark(schema, "x-format").is_some() {
        return "format";
    }
    if !choices(schema).is_empty() {
        return "choice";
    }
    match mark(schema, "type").and_then(Value::as_str) {
        // A mapping that knows no keys yet has no list of them.
        Some("object") if properties(schema).is_some() || is_closed(schema) => "fixed",
        Some("object") => "map",
        Some("array") => "list",
        Some(other) => other,
        None => "nothing",
    }
}

/// What errors say was expected of a value.
pub(super) fn expectation(schema: Schema) -> String {
    let short = || {
        let key = mark(schema, "x-shorthand")?.as_str()?;
        let rule = properties(schema)?.get(key)?;
        // A line stands for a list that is no list of itself.
        let item = mark(rule, "items").filter(|_| mark(rule, "x-words").is_none());
        Some(item.unwrap_or(rule))
    };
    match kind_of(schema) {
        "format" => {
            let format = FORMATS
                .iter()
                .find(|format| mark(schema, "x-format").is_some_and(|name| name == format.name));
            format.map_or("", |format| format.expected).into()
        }
        "choice" => one_of(&choices(schema)),
        "fixed" => {
            let keys: Vec<&str> =
                properties(schema).into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            let short = short().filter(|rule| kind_of(rule) != "fixed").map(expectation);
            let listed = if mark(schema, "x-list").is_some() { "a list, or " } else { "" };
            let short = short.map_or(String::new(), |short| format!("{short}, or {listed}"));
            let keys = match keys.len() {
                0 => " without keys".into(),
                1..=6 => format!(" with {}", list(keys)),
                _ => String::new(),
            };
            format!("{short}a mapping{keys}")
        }
        "map" => "a mapping".into(),
        "list" if mark(schema, "x-words").is_some() => {
            "a command such as `python3 shop.py --port {port}`, or the list of its words".into()
        }
        "list" => match mark(schema, "items").filter(|_| mark(schema, "x-one-or-list").is_some()) {
            Some(item) if kind_of(item) != "fixed" => format!("{}, or a list of these", expectation(item)),
            _ => "a list".into(),
        },
        "boolean" => "`true` or `false`".into(),
        "integer" => match (mark(schema, "minimum"), mark(schema, "maximum")) {
            (Some(low), Some(high)) => format!("a whole number from {low} to {high}"),
            _ => "a whole number".into(),
        },
        _ => "text".into(),
    }
}

/// Whether a mapping takes no keys but those that are named.
fn is_closed(schema: Schema) -> bool {
    mark(schema, "additionalProperties").is_some_and(|rule| *rule == Value::Bool(false))
}

/// `one of: a, b`
pub(super) fn one_of(words: &[&str]) -> String {
    if words.is_empty() { "no keys".into() } else { format!("one of: {}", words.join(", ")) }
}
