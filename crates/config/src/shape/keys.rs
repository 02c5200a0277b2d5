//! A key that the schema does not know: mistyped, misplaced, or of a layer that is still to come.

use serde_json::Value;

use super::expect::one_of;
use super::{Check, Schema};
use crate::load::hide_texts;
use crate::node::{Entry, clip};
use crate::path::{Path, Trail};
use crate::report::Problem;
use crate::schema::{internal, mark, properties, resolve, words};
use crate::source::sounds_secret;
use crate::suggest::nearest;
use crate::value::FORMATS;

impl Check<'_> {
    pub(super) fn unknown_key(&mut self, entry: &Entry, schema: Schema, path: &Path) {
        let key = &*entry.key;
        let (known, is_later) = (properties(schema), words(schema, "x-later"));
        let known: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let near = nearest(key, known.iter().copied());
        let at = |problem: Problem| problem.at(entry.key_span).path(&path.key(key));
        if is_later.contains(&key) || (near.is_none() && later_anywhere(key)) {
            self.report.push(at(Problem::error(later(key))));
            return;
        }
        let meant = near.and_then(|near| properties(schema)?.get(near));
        if meant.is_some_and(|rule| is_secret(rule) || mark(rule, "items").is_some_and(is_secret)) {
            hide_texts(&entry.value, self.report.source_mut());
        }
        let elsewhere = mark(schema, "x-elsewhere").and_then(|keys| keys.get(key)).and_then(Value::as_str);
        let hint = match (near, nearest(key, is_later)) {
            _ if elsewhere.is_some() => elsewhere.map(str::to_owned),
            (Some(near), _) => Some(format!("did you mean `{near}`?")),
            (None, Some(word)) => Some(format!("did you mean `{word}`? It is not part of this version yet")),
            (None, None) => child_with(schema, key).map(|child| format!("`{key}` is a key of `{child}`")),
        };
        let message = format!("unknown key `{}` in {}", clip(key), path.in_words());
        self.report.push(at(Problem::error(message).expected(one_of(&known)).maybe_hint(hint)));
    }

    /// A secret without quotes ends at its first comma between braces, and YAML takes what follows for keys without
    /// values. Gives whether `entry`, a key without a value, is one of them, and hides it then; `valued` is the last
    /// entry that has one.
    pub(super) fn is_rest_of_secret(&mut self, entry: &Entry, valued: Option<&Entry>) -> bool {
        let source = self.report.source_mut();
        let is_cut = valued.is_some_and(|secret| {
            secret.value.scalar().is_some_and(|scalar| scalar.plain)
                && (sounds_secret(&secret.key) || source.is_hidden(secret.value.span))
        });
        if is_cut {
            source.hide(entry.key_span);
        }
        is_cut
    }

    /// Tells that a secret was cut, without showing any of it.
    pub(super) fn cut_secret(&mut self, trail: &Trail<'_>) {
        let problem = Problem::error(format!("{} is cut at its comma", trail.in_words()));
        self.report.push_at(&trail.path(), problem.hint("between braces, a text with a comma needs quotes"));
    }
}

/// Whether a value is one that no error may show.
fn is_secret(rule: Schema) -> bool {
    let name = mark(rule, "x-format").and_then(Value::as_str);
    name.is_some_and(|name| FORMATS.iter().any(|format| format.secret && format.name == name))
}

/// The one sentence about what this version cannot do.
pub(super) fn later(word: &str) -> String {
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
