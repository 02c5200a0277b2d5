//! The file against the schema: every unknown key, wrong type, missing key, bad word, bad number, at once.
//!
//! The walk also builds the JSON that the types are read from: the schema decides whether `8080` is a number or a
//! text, so a version `1.10` stays what was typed. *Promise*: where no problem was reported, that JSON fits the
//! types. *Not here*: what one part of the file says about another (`meaning.rs`).

use serde_json::{Map, Value};

use crate::expand;
use crate::node::{Entry, Kind, Node, Path, Scalar, clip};
use crate::report::{Problem, Report};
use crate::schema::{choices, internal, mark, properties, resolve, words};
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
        for key in words(schema, "required") {
            // After an unknown key the missing one is most likely that one, misspelled.
            let misspelled = entries.iter().any(|entry| nearest(&entry.key, [key]).is_some());
            if node.get(key).is_none() && !misspelled {
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
        for entry in entries {
            let below = path.key(&entry.key);
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

    fn scalar(&mut self, scalar: &Scalar, kind: &str, schema: Schema, path: &Path) -> Value {
        let typed = match kind {
            "format" => return self.format(scalar, schema, path),
            "choice" => return self.choice(scalar, schema, path),
            "boolean" => scalar.as_bool().map(Value::from),
            "integer" => return self.integer(scalar, schema, path),
            // An unquoted `true` is more often a misunderstanding than a text.
            "string" if scalar.plain && scalar.as_bool().is_some() => None,
            "string" => Some(Value::from(scalar.text.as_str())),
            _ => None,
        };
        typed.unwrap_or_else(|| self.complain("wrong type for", &scalar.describe(), schema, path, None))
    }

    /// A word with a form of its own: a duration, an address.
    fn format(&mut self, scalar: &Scalar, schema: Schema, path: &Path) -> Value {
        let name = mark(schema, "x-format").and_then(Value::as_str).unwrap_or_default();
        let Some(format) = FORMATS.iter().find(|format| format.name == name) else { return Value::Null };
        if name == "secret" {
            return self.secret(scalar, path);
        }
        match (format.check)(&scalar.text) {
            Ok(measure) => self.bounds(scalar, measure, schema, path),
            Err(bad) => {
                let reason = bad.reason.map_or(String::new(), |reason| format!(": {reason}"));
                let message = format!("bad value for {}{reason}", path.in_words());
                let problem = Problem::error(message).expected(format.expected).found(scalar.describe());
                // A hint repeats what stands in the value, so it stays away where that is not to be shown.
                self.report.push_at(path, problem.maybe_hint(bad.hint.filter(|_| scalar.typed.is_none())));
                Value::Null
            }
        }
    }

    fn secret(&mut self, scalar: &Scalar, path: &Path) -> Value {
        match expand::secret(&scalar.text) {
            Ok(secret) => secret.into(),
            Err(reason) => {
                let message = format!("bad value for {}: {reason}", path.in_words());
                self.report.push_at(path, Problem::error(message));
                Value::Null
            }
        }
    }

    /// `x-min` and `x-max` of sizes and durations.
    fn bounds(&mut self, scalar: &Scalar, measure: Option<u64>, schema: Schema, path: &Path) -> Value {
        let bound = |key| mark(schema, key).and_then(Value::as_u64);
        let (low, high) = (bound("x-min").unwrap_or(0), bound("x-max").unwrap_or(u64::MAX));
        if measure.is_none_or(|measure| (low..=high).contains(&measure)) {
            return scalar.text.as_str().into();
        }
        let show = crate::units::show_size;
        let expected = if high == u64::MAX {
            format!("at least {}", show(low))
        } else {
            format!("a size from {} to {}", show(low), show(high))
        };
        let problem = Problem::error(format!("{} is out of range", path.in_words()));
        self.report.push_at(path, problem.expected(expected).found(scalar.describe()));
        Value::Null
    }

    fn choice(&mut self, scalar: &Scalar, schema: Schema, path: &Path) -> Value {
        let choices = choices(schema);
        if choices.contains(&scalar.text.as_str()) {
            return scalar.text.as_str().into();
        }
        if words(schema, "x-later").contains(&scalar.text.as_str()) {
            let message = later(&scalar.text);
            let problem = Problem::error(message).expected(one_of(&choices));
            self.report.push_at(path, problem);
            return Value::Null;
        }
        let off = scalar.as_bool() == Some(false) && choices.contains(&"off");
        let near = if off { Some("off") } else { nearest(&scalar.text, choices) };
        let hint = near.filter(|_| scalar.typed.is_none()).map(|word| format!("did you mean `{word}`?"));
        self.complain("bad value for", &scalar.describe(), schema, path, hint)
    }

    fn integer(&mut self, scalar: &Scalar, schema: Schema, path: &Path) -> Value {
        let bound = |key| mark(schema, key).and_then(Value::as_i64);
        let (low, high) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(i64::MAX));
        match scalar.as_integer() {
            Some(number) if (low..=high).contains(&number) => number.into(),
            Some(_) => {
                let problem = Problem::error(format!("{} is out of range", path.in_words()));
                let problem = problem.expected(expectation(schema)).found(scalar.describe());
                self.report.push_at(path, problem);
                Value::Null
            }
            None => self.complain("wrong type for", &scalar.describe(), schema, path, None),
        }
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
        let found =
            if mark(schema, "x-format").is_some_and(|name| name == "secret") { "another" } else { found };
        let problem = Problem::error(format!("{what} {}", path.in_words()));
        self.report.push_at(path, problem.expected(expectation(schema)).found(found).maybe_hint(hint));
        Value::Null
    }

    fn unknown_key(&mut self, entry: &Entry, schema: Schema, path: &Path) {
        let key = entry.key.as_str();
        let (known, is_later) = (properties(schema), words(schema, "x-later"));
        let known: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let near = nearest(key, known.iter().copied());
        let at = |problem: Problem| problem.at(entry.key_span).path(&path.key(key));
        if is_later.contains(&key) || (near.is_none() && later_anywhere(key)) {
            self.report.push(at(Problem::error(later(key))));
            return;
        }
        if near.is_some_and(|near| {
            let rule = properties(schema).and_then(|keys| keys.get(near));
            rule.and_then(|rule| mark(rule, "x-format")).is_some_and(|name| name == "secret")
        }) {
            self.report.source_mut().hide(entry.value.span);
        }
        let hint = match (near, nearest(key, is_later)) {
            (Some(near), _) => Some(format!("did you mean `{near}`?")),
            (None, Some(word)) => Some(format!("did you mean `{word}`? It is not part of this version yet")),
            (None, None) => child_with(schema, key).map(|child| format!("`{key}` is a key of `{child}`")),
        };
        let message = format!("unknown key `{}` in {}", clip(key), path.in_words());
        self.report.push(at(Problem::error(message).expected(one_of(&known)).maybe_hint(hint)));
    }
}

/// How a schema is checked.
fn kind_of(schema: Schema) -> &'static str {
    if mark(schema, "x-format").is_some() {
        return "format";
    }
    if !choices(schema).is_empty() {
        return "choice";
    }
    match mark(schema, "type").and_then(Value::as_str) {
        Some("object") if properties(schema).is_some() => "fixed",
        Some("object") => "map",
        Some("array") => "list",
        Some(other) => other,
        None => "nothing",
    }
}

/// What errors say was expected of a value.
fn expectation(schema: Schema) -> String {
    let short = || {
        let key = mark(schema, "x-shorthand")?.as_str()?;
        let rule = properties(schema)?.get(key)?;
        Some(mark(rule, "items").unwrap_or(rule))
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
            let short = short.map_or(String::new(), |short| format!("{short}, or "));
            format!("{short}a mapping with {}", list(keys))
        }
        "map" => "a mapping".into(),
        "list" => "a list".into(),
        "boolean" => "`true` or `false`".into(),
        "integer" => match (mark(schema, "minimum"), mark(schema, "maximum")) {
            (Some(low), Some(high)) => format!("a whole number from {low} to {high}"),
            _ => "a whole number".into(),
        },
        _ => "text".into(),
    }
}

fn one_of(words: &[&str]) -> String {
    format!("one of: {}", words.join(", "))
}

/// The one sentence about what this version cannot do.
fn later(word: &str) -> String {
    format!("`{word}` is not part of this version of Tidegate yet")
}

/// Whether `key` is a key of a layer to come, anywhere in the file, and of nothing that exists.
fn later_anywhere(key: &str) -> bool {
    let defs =
        internal().get("$defs").and_then(Value::as_object).into_iter().flatten().map(|(_, schema)| schema);
    let all: Vec<Schema> = defs.chain([internal()]).collect();
    let exists = all.iter().any(|schema| properties(schema).is_some_and(|keys| keys.contains_key(key)));
    !exists && all.iter().any(|schema| words(schema, "x-later").contains(&key))
}

/// The sibling below which `key` would be known.
fn child_with(schema: Schema, key: &str) -> Option<&'static str> {
    let children = properties(schema)?.iter();
    let with = |rule: Schema| properties(resolve(rule)).is_some_and(|keys| keys.contains_key(key));
    children.filter(|(_, rule)| with(rule)).map(|(name, _)| name.as_str()).next()
}
