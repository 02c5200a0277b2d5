//! The schema as the check asks it: compiled once into what each value must be, with nothing left to look up.
//!
//! Compiled are the questions that every right value asks. What only a problem asks (expectations, keys that are near)
//! is read from the JSON, which each [`Rule`] keeps beside it.

use std::sync::LazyLock;

use serde_json::Value;

use super::Schema;
use super::expect::kind_of;
use crate::schema::{choices, internal, mark, properties, words};
use crate::value::{FORMATS, Format};

/// What one value must be.
pub(super) struct Rule {
    pub(super) schema: Schema,
    pub(super) form: Form,
}

/// The form of a value.
pub(super) enum Form {
    /// A mapping with the keys that the schema names.
    Fixed(Fixed),
    /// A mapping whose keys the user chooses.
    Map {
        keys: Option<&'static Format>,
        values: Box<Rule>,
    },
    List {
        items: Box<Rule>,
        needs_one: bool,
        /// Items at most.
        most: usize,
        /// `x-one-or-list`: a bare item stands for a list of one.
        or_bare: bool,
        /// `x-words`: a bare text stands for the list of its words.
        or_line: bool,
    },
    /// A word with a form of its own, whose measure lies between the bounds.
    Format {
        format: &'static Format,
        low: u64,
        high: u64,
    },
    /// One of these words; those of a layer to come stand apart.
    Choice {
        words: Box<[&'static str]>,
        later: Box<[&'static str]>,
    },
    Boolean,
    Integer {
        low: i64,
        high: i64,
    },
    Text,
    /// Nothing fits.
    Nothing,
}

/// A mapping with the keys that the schema names.
pub(super) struct Fixed {
    /// Two or three dozen at most: comparing lengths and bytes of each is faster than any hash of the key.
    rules: Box<[(&'static str, Rule)]>,
    pub(super) required: Box<[&'static str]>,
    /// Keys of a layer to come.
    pub(super) later: Box<[&'static str]>,
    /// `x-one-of`; empty where there is none.
    pub(super) one_of: Box<[&'static str]>,
    /// `x-beside`: the first does not count where the second is.
    pub(super) beside: Option<[&'static str; 2]>,
    pub(super) pair: Option<[&'static str; 2]>,
    /// The key that a bare value stands for, and what that value must be.
    pub(super) shorthand: Option<Box<(&'static str, Rule)>>,
    /// The key that a bare list stands for, where that is another one.
    pub(super) listed: Option<Box<(&'static str, Rule)>>,
}

impl Fixed {
    pub(super) fn rule(&self, key: &str) -> Option<&Rule> {
        self.rules.iter().find(|(known, _)| *known == key).map(|(_, rule)| rule)
    }

    fn of(schema: Schema) -> Self {
        let keys = properties(schema).into_iter().flatten();
        let stands_for = |word| {
            let key = mark(schema, word)?.as_str()?;
            Some(Box::new((key, Rule::of(properties(schema)?.get(key)?))))
        };
        Self {
            rules: keys.map(|(key, schema)| (key.as_str(), Rule::of(schema))).collect(),
            required: words(schema, "required").into(),
            later: words(schema, "x-later").into(),
            one_of: words(schema, "x-one-of").into(),
            beside: words(schema, "x-beside").try_into().ok(),
            pair: words(schema, "x-pair").try_into().ok(),
            shorthand: stands_for("x-shorthand"),
            listed: stands_for("x-list"),
        }
    }
}

/// The rule of the whole file.
pub(super) fn file() -> &'static Rule {
    static FILE: LazyLock<Rule> = LazyLock::new(|| Rule::of(internal()));
    &FILE
}

/// The rule of a list of endpoints.
pub(super) fn endpoints() -> &'static Rule {
    static ENDPOINTS: LazyLock<Rule> = LazyLock::new(|| {
        let service = internal().get("$defs").and_then(|types| types.get("Service"));
        Rule::of(service.and_then(|service| properties(service)?.get("endpoints")).unwrap_or(&Value::Null))
    });
    &ENDPOINTS
}

impl Rule {
    /// The types of the config hold no cycle, so this ends.
    fn of(schema: Schema) -> Self {
        let below = |key| Box::new(Self::of(mark(schema, key).unwrap_or(&Value::Null)));
        let unsigned = |key| mark(schema, key).and_then(Value::as_u64);
        let signed = |key| mark(schema, key).and_then(Value::as_i64);
        let form = match kind_of(schema) {
            "format" => match format(schema, "x-format") {
                Some(format) => Form::Format {
                    format,
                    low: unsigned("x-min").unwrap_or(0),
                    high: unsigned("x-max").unwrap_or(u64::MAX),
                },
                None => Form::Nothing,
            },
            "choice" => {
                Form::Choice { words: choices(schema).into(), later: words(schema, "x-later").into() }
            }
            "fixed" => Form::Fixed(Fixed::of(schema)),
            "map" => Form::Map { keys: format(schema, "x-keys"), values: below("additionalProperties") },
            "list" => Form::List {
                items: below("items"),
                needs_one: mark(schema, "minItems").is_some(),
                most: unsigned("maxItems").and_then(|most| most.try_into().ok()).unwrap_or(usize::MAX),
                or_bare: mark(schema, "x-one-or-list").is_some(),
                or_line: mark(schema, "x-words").is_some(),
            },
            "boolean" => Form::Boolean,
            "integer" => Form::Integer {
                low: signed("minimum").unwrap_or(0),
                high: signed("maximum").unwrap_or(i64::MAX),
            },
            "string" => Form::Text,
            _ => Form::Nothing,
        };
        Self { schema, form }
    }
}

fn format(schema: Schema, key: &str) -> Option<&'static Format> {
    let name = mark(schema, key)?.as_str();
    FORMATS.iter().find(|format| name == Some(format.name))
}
