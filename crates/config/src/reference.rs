//! The reference for people, `docs/reference/config.md`, generated from the schema.

use std::fmt::Write as _;

use serde_json::Value;

use crate::schema::{choices, internal, mark, properties, resolve, words};
use crate::value::FORMATS;

/// The reference of all keys in Markdown: key, type, default, description.
pub fn reference() -> String {
    let mut out = String::from("# Config reference\n\n");
    out +=
        "Generated from the types of `crates/config`; `tidegate schema` gives the same as JSON Schema.\n\n";
    out += text(internal(), "description");
    out += "\n";
    section(&mut out, internal(), "");
    out
}

/// One table for a mapping, then the sections of the mappings below it.
fn section(out: &mut String, schema: &'static Value, path: &str) {
    if !path.is_empty() {
        let _ = writeln!(out, "\n## `{path}`\n\n{}", text(resolve(schema), "description"));
    }
    let required = words(schema, "required");
    out.push_str("\n| key | type | default | description |\n|---|---|---|---|\n");
    let mut below = Vec::new();
    for (key, rule) in properties(schema).into_iter().flatten() {
        let default = if required.contains(&key.as_str()) { "required".into() } else { default(rule) };
        let description = cell(text(rule, "description"));
        let _ = writeln!(out, "| `{key}` | {} | {default} | {description} |", cell(&kind(rule)));
        below.extend(inside(rule).map(|(suffix, inner)| (format!("{key}{suffix}"), inner)));
    }
    for (key, inner) in below {
        section(out, inner, &if path.is_empty() { key } else { format!("{path}.{key}") });
    }
}

/// The mapping with fixed keys that a value is, or is a list or a map of.
fn inside(rule: &'static Value) -> Option<(&'static str, &'static Value)> {
    if properties(rule).is_some() {
        return Some(("", rule));
    }
    let (suffix, inner) = mark(rule, "items")
        .map(|inner| ("[]", inner))
        .or_else(|| mark(rule, "additionalProperties").map(|inner| (".NAME", inner)))?;
    properties(inner).map(|_| (suffix, inner))
}

fn kind(rule: &'static Value) -> String {
    let choices = choices(rule);
    if let Some(format) = mark(rule, "x-format").and_then(Value::as_str) {
        return format.to_owned() + &bounds(rule, format);
    }
    if !choices.is_empty() {
        let describe = |word: &&str| match choice_text(rule, word) {
            "" => format!("`{word}`"),
            text => format!("`{word}` ({})", text.trim_end_matches('.')),
        };
        return choices.iter().map(describe).collect::<Vec<_>>().join(", ");
    }
    match mark(rule, "type").and_then(Value::as_str).unwrap_or("") {
        "array" if mark(rule, "x-words").is_some() => "command, or list of its words".into(),
        "array" => mark(rule, "items").map_or("list".into(), |inner| format!("list: {}", kind(inner))),
        "object" if properties(rule).is_none() => mark(rule, "additionalProperties")
            .filter(|inner| inner.is_object())
            .map_or("mapping".into(), |inner| format!("by name: {}", kind(inner))),
        "object" => "mapping".into(),
        "integer" => match (mark(rule, "minimum"), mark(rule, "maximum")) {
            (Some(low), Some(high)) => format!("whole number from {low} to {high}"),
            _ => "whole number".into(),
        },
        "boolean" => "`true` or `false`".into(),
        _ => "text".into(),
    }
}

/// `x-min` and `x-max` in the form in which values are typed.
fn bounds(rule: &'static Value, format: &str) -> String {
    let bound = |key| mark(rule, key).and_then(Value::as_u64);
    let Some(format) = FORMATS.iter().find(|known| known.name == format) else { return String::new() };
    match (bound("x-min").filter(|low| *low > 0), bound("x-max")) {
        (Some(low), Some(high)) => format!(" from {} to {}", (format.show)(low), (format.show)(high)),
        (Some(low), None) => format!(", at least {}", (format.show)(low)),
        (None, Some(high)) => format!(", at most {}", (format.show)(high)),
        (None, None) => String::new(),
    }
}

fn choice_text(rule: &'static Value, word: &str) -> &'static str {
    let branches = mark(rule, "oneOf").and_then(Value::as_array).into_iter().flatten();
    let mut matching = branches.filter(|branch| branch.get("const").is_some_and(|known| known == word));
    matching.next().map_or("", |branch| text(branch, "description"))
}

fn default(rule: &'static Value) -> String {
    match (mark(rule, "x-default"), mark(rule, "default")) {
        (Some(Value::String(words)), _) => words.clone(),
        (_, Some(Value::String(text))) if text.is_empty() => String::new(),
        (_, Some(Value::String(text))) => format!("`{text}`"),
        (_, Some(Value::Object(_) | Value::Null) | None) => String::new(),
        (_, Some(Value::Array(list))) if list.is_empty() => String::new(),
        (_, Some(other)) => format!("`{other}`").replace('"', ""),
    }
}

fn text(schema: &'static Value, key: &str) -> &'static str {
    mark(schema, key).and_then(Value::as_str).unwrap_or("")
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
