//! The file against the schema: every unknown key, wrong type, missing key, bad word, bad number, at once.
//!
//! The walk also builds the JSON that the types are read from: the schema decides whether `8080` is a number or a
//! text, so a version `1.10` stays what was typed. *Promise*: where no problem was reported, that JSON fits the
//! types. *Not here*: what one part of the file says about another (`meaning.rs`).

mod expect;
mod keys;
mod scalar;

use std::collections::HashMap;

use serde_json::{Map, Value};

use self::expect::{expectation, kind_of};
use crate::node::{Entry, Kind, Node, Path, clip};
use crate::report::{Problem, Report};
use crate::schema::{internal, mark, properties, words};
use crate::source::Span;
use crate::suggest::{list, nearest};
use crate::value::FORMATS;

type Schema = &'static Value;

/// Checks the whole file; problems go to the report.
pub(crate) fn check(tree: &Node, report: &mut Report) -> Value {
    Check { report }.value(tree, internal(), &Path::new())
}

struct Check<'r> {
    report: &'r mut Report,
}

impl Check<'_> {
    fn value(&mut self, node: &Node, schema: Schema, path: &Path) -> Value {
        let empty = node.is_null();
        match (&node.kind, kind_of(schema)) {
            (Kind::Broken, _) => Value::Null,
            (Kind::Map(entries), "fixed") => self.fixed(node, entries, schema, path),
            (Kind::Map(entries), "map") => self.map(entries, schema, path),
            (Kind::List(items), "list") => self.list(items, schema, path),
            // What is left of a section whose lines were all commented out.
            (_, "fixed") if empty => self.fixed(node, &[], schema, path),
            (_, "map") if empty => Value::Object(Map::new()),
            (_, "list") if empty => self.list(&[], schema, path),
            (Kind::Scalar(_) | Kind::List(_), "fixed") if mark(schema, "x-shorthand").is_some() => {
                self.shorthand(node, schema, path)
            }
            (Kind::Scalar(scalar), kind) if !empty => self.scalar(scalar, kind, schema, path),
            _ => self.wrong_type(node, schema, path),
        }
    }

    /// A mapping with the keys that the schema names.
    fn fixed(&mut self, node: &Node, entries: &[Entry], schema: Schema, path: &Path) -> Value {
        let mut object = Map::new();
        let mut all_known = true;
        for entry in entries {
            let below = path.key(&entry.key);
            if let Some(rule) = properties(schema).and_then(|keys| keys.get(&entry.key)) {
                object.insert(entry.key.clone(), self.value(&entry.value, rule, &below));
            } else {
                all_known = false;
                self.unknown_key(entry, schema, path);
            }
        }
        let is_later = words(schema, "x-later");
        for key in words(schema, "required") {
            // It is missing because another stands for it: a misspelled one, or one of a layer to come.
            let stands_for = |other: &str| is_later.contains(&other) || nearest(other, [key]).is_some();
            if node.get(key).is_none() && !entries.iter().any(|entry| stands_for(&entry.key)) {
                let message = format!("`{key}` is missing in {}", path.in_words());
                self.report.push_at(path, Problem::error(message));
            }
        }
        self.one_of(node, schema, path, all_known);
        self.pair(node, schema, path, all_known);
        Value::Object(object)
    }

    /// `x-one-of`: exactly one of these keys.
    fn one_of(&mut self, node: &Node, schema: Schema, path: &Path, all_known: bool) {
        let keys = words(schema, "x-one-of");
        let given: Vec<&str> = keys.iter().copied().filter(|key| node.get(key).is_some()).collect();
        if keys.is_empty() || given.len() == 1 || (given.is_empty() && !all_known) {
            return;
        }
        let message = format!("{} needs exactly one of {}", path.in_words(), list(keys));
        match given.as_slice() {
            [first, second, ..] => {
                let found = list(given.iter().copied());
                let problem = Problem::error(message).found(found);
                let problem = match node.entry(first) {
                    Some(entry) => problem.also(entry.key_span, "the other one"),
                    None => problem,
                };
                let at = node.entry(second).map_or(node.span, |entry| entry.key_span);
                self.report.push(problem.at(at).path(path));
            }
            _ => self.report.push_at(path, Problem::error(message).found("none of them")),
        }
    }

    /// `x-pair`: both keys or none.
    fn pair(&mut self, node: &Node, schema: Schema, path: &Path, all_known: bool) {
        let [one, other] = words(schema, "x-pair")[..] else { return };
        let (given, missing) = match (node.get(one).is_some(), node.get(other).is_some()) {
            (true, false) => (one, other),
            (false, true) => (other, one),
            _ => return,
        };
        if all_known {
            let message = format!("{} has a `{given}` but no `{missing}`", path.in_words());
            self.report.push_at(&path.key(given), Problem::error(message).hint(format!("add `{missing}:`")));
        }
    }

    /// A mapping whose keys the user chooses.
    fn map(&mut self, entries: &[Entry], schema: Schema, path: &Path) -> Value {
        let rule = mark(schema, "additionalProperties").unwrap_or(&Value::Null);
        let keys = mark(schema, "x-keys").and_then(Value::as_str);
        let format = FORMATS.iter().find(|format| keys == Some(format.name));
        let mut object = Map::new();
        let mut seen: HashMap<String, Span> = HashMap::new();
        for entry in entries {
            let below = path.key(&entry.key);
            let name =
                if keys == Some("header name") { entry.key.to_ascii_lowercase() } else { entry.key.clone() };
            if let Some(first) = seen.insert(name, entry.key_span) {
                let problem = Problem::error(format!("the key `{}` stands here twice", clip(&entry.key)));
                self.report.push(problem.at(entry.key_span).path(&below).also(first, "first typed here"));
            }
            if let Some((format, Err(bad))) = format.map(|format| (format, (format.check)(&entry.key))) {
                let message = format!("bad key in {}", path.in_words());
                let problem = Problem::error(message).at(entry.key_span).path(&below).maybe_hint(bad.hint);
                self.report.push(problem.expected(format.expected).found(format!("`{}`", clip(&entry.key))));
            }
            object.insert(entry.key.clone(), self.value(&entry.value, rule, &below));
        }
        Value::Object(object)
    }

    fn list(&mut self, items: &[Node], schema: Schema, path: &Path) -> Value {
        if items.is_empty() && mark(schema, "minItems").is_some() {
            let message = format!("{} is empty", path.in_words());
            self.report.push_at(path, Problem::error(message).expected("at least one item"));
        }
        let rule = mark(schema, "items").unwrap_or(&Value::Null);
        items.iter().enumerate().map(|(at, item)| self.value(item, rule, &path.index(at))).collect()
    }

    /// A bare value that stands for a mapping with one key.
    fn shorthand(&mut self, node: &Node, schema: Schema, path: &Path) -> Value {
        let key = mark(schema, "x-shorthand").and_then(Value::as_str).unwrap_or_default();
        let rule = properties(schema).and_then(|keys| keys.get(key)).unwrap_or(&Value::Null);
        let value = match (&node.kind, kind_of(rule)) {
            (Kind::Scalar(_), "list") => {
                Value::Array(vec![self.value(node, mark(rule, "items").unwrap_or(&Value::Null), path)])
            }
            (Kind::Scalar(_), _) | (Kind::List(_), "list") => self.value(node, rule, path),
            _ => self.wrong_type(node, schema, path),
        };
        Value::Object(Map::from_iter([(key.to_owned(), value)]))
    }

    fn wrong_type(&mut self, node: &Node, schema: Schema, path: &Path) -> Value {
        let hint = match (&node.kind, kind_of(schema)) {
            (Kind::Scalar(scalar), "list") if scalar.typed.is_none() => {
                Some(format!("write it as a list: `[{}]`", clip(&scalar.text)))
            }
            (Kind::Map(_), "list") => Some("start each item with `- `".into()),
            _ => None,
        };
        if node.is_null() {
            let message = format!("{} has no value", path.in_words());
            self.report.push_at(path, Problem::error(message).expected(expectation(schema)));
            return Value::Null;
        }
        self.complain("wrong type for", &node.describe(), schema, path, hint)
    }

    fn complain(
        &mut self,
        what: &str,
        found: &str,
        schema: Schema,
        path: &Path,
        hint: Option<String>,
    ) -> Value {
        let problem = Problem::error(format!("{what} {}", path.in_words()));
        self.report.push_at(path, problem.expected(expectation(schema)).found(found).maybe_hint(hint));
        Value::Null
    }
}
