//! One scalar against its schema: numbers, booleans, closed choices, and the formats of [`crate::value`].

use serde_json::Value;

use super::expect::{expectation, one_of};
use super::keys::later;
use super::{Check, Schema};
use crate::expand;
use crate::node::{Path, Scalar};
use crate::report::Problem;
use crate::schema::{choices, mark, words};
use crate::suggest::nearest;
use crate::value::FORMATS;

impl Check<'_> {
    pub(super) fn scalar(&mut self, scalar: &Scalar, kind: &str, schema: Schema, path: &Path) -> Value {
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
        let show = base::units::show_size;
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
}
