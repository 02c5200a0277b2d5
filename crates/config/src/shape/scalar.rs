//! One scalar against its schema: numbers, booleans, closed choices, and the formats of [`crate::value`].

use std::borrow::Cow;

use super::expect::{expectation, one_of};
use super::keys::later;
use super::rule::{Form, Rule};
use super::{Check, Plain, Schema};
use crate::expand;
use crate::node::Scalar;
use crate::path::Trail;
use crate::report::Problem;
use crate::suggest::nearest;
use crate::value::{Bad, EnvValue, Format, Typed};

impl Check<'_> {
    pub(super) fn scalar<'t>(
        &mut self,
        scalar: &'t Scalar,
        rule: &'static Rule,
        trail: &Trail<'_>,
    ) -> Plain<'t> {
        let schema = rule.schema;
        let typed = match &rule.form {
            Form::Format { format, low, high } => {
                return self.format(scalar, format, (*low, *high), trail);
            }
            Form::Choice { words, later } => return self.choice(scalar, words, later, schema, trail),
            Form::Integer { low, high } => return self.integer(scalar, (*low, *high), schema, trail),
            Form::Boolean => scalar.as_bool().or_else(|| scalar.as_switch()).map(Plain::Bool),
            // An unquoted `true` is more often a misunderstanding than a text.
            Form::Text if scalar.plain && scalar.as_bool().is_some() => None,
            Form::Text => Some(Plain::text(&scalar.text)),
            _ => None,
        };
        typed.unwrap_or_else(|| self.complain("wrong type for", &scalar.describe(), schema, trail, None))
    }

    /// A word with a form of its own: a duration, an address.
    fn format<'t>(
        &mut self,
        scalar: &'t Scalar,
        format: &Format,
        bounds: (u64, u64),
        trail: &Trail<'_>,
    ) -> Plain<'t> {
        if format.secret {
            return self.secret(scalar, format, trail);
        }
        match (format.check)(&scalar.text) {
            Ok(measure) => self.bounds(scalar, measure, format, bounds, trail),
            Err(bad) => {
                self.bad_value(scalar, format, bad, trail);
                Plain::Nothing
            }
        }
    }

    /// Tells that a scalar is not what its format asks for.
    pub(super) fn bad_value(&mut self, scalar: &Scalar, format: &Format, bad: Bad, trail: &Trail<'_>) {
        let reason = bad.reason.map_or(String::new(), |reason| format!(": {reason}"));
        let message = format!("bad value for {}{reason}", trail.in_words());
        let problem = Problem::error(message).expected(format.expected);
        if format.name == EnvValue::FORMAT {
            self.report.push_at(&trail.path(), problem);
            return;
        }
        // A hint repeats what stands in the value, so it stays away where that is not to be shown.
        let hint = bad.hint.filter(|_| scalar.typed().is_none());
        self.report.push_at(&trail.path(), problem.found(scalar.describe()).maybe_hint(hint));
    }

    /// A secret, which no problem shows.
    fn secret<'t>(&mut self, scalar: &Scalar, format: &Format, trail: &Trail<'_>) -> Plain<'t> {
        let read = expand::secret(&scalar.text).map_err(Bad::because);
        match read.and_then(|text| (format.check)(&text).map(|_| text)) {
            Ok(text) => Plain::Text(Cow::Owned(text)),
            Err(bad) => {
                let reason = bad.reason.map_or(String::new(), |reason| format!(": {reason}"));
                let message = format!("bad value for {}{reason}", trail.in_words());
                self.report.push_at(&trail.path(), Problem::error(message).maybe_hint(bad.hint));
                Plain::Nothing
            }
        }
    }

    /// `x-min` and `x-max` of what has a measure.
    fn bounds<'t>(
        &mut self,
        scalar: &'t Scalar,
        measure: Option<u64>,
        format: &Format,
        (low, high): (u64, u64),
        trail: &Trail<'_>,
    ) -> Plain<'t> {
        if measure.is_none_or(|measure| (low..=high).contains(&measure)) {
            return Plain::text(&scalar.text);
        }
        let show = format.show;
        let expected = if high == u64::MAX {
            format!("at least {}", show(low))
        } else {
            format!("{} from {} to {}", format.noun, show(low), show(high))
        };
        let problem = Problem::error(format!("{} is out of range", trail.in_words()));
        self.report.push_at(&trail.path(), problem.expected(expected).found(scalar.describe()));
        Plain::Nothing
    }

    fn choice<'t>(
        &mut self,
        scalar: &'t Scalar,
        choices: &[&'static str],
        is_later: &[&'static str],
        schema: Schema,
        trail: &Trail<'_>,
    ) -> Plain<'t> {
        if choices.contains(&&*scalar.text) {
            return Plain::text(&scalar.text);
        }
        if is_later.contains(&&*scalar.text) {
            let message = later(&scalar.text);
            let problem = Problem::error(message).expected(one_of(choices));
            self.report.push_at(&trail.path(), problem);
            return Plain::Nothing;
        }
        let off = scalar.as_bool() == Some(false) && choices.contains(&"off");
        let near = if off { Some("off") } else { nearest(&scalar.text, choices.iter().copied()) };
        let hint = near.filter(|_| scalar.typed().is_none()).map(|word| format!("did you mean `{word}`?"));
        self.complain("bad value for", &scalar.describe(), schema, trail, hint)
    }

    fn integer<'t>(
        &mut self,
        scalar: &Scalar,
        (low, high): (i64, i64),
        schema: Schema,
        trail: &Trail<'_>,
    ) -> Plain<'t> {
        match scalar.as_integer() {
            Some(number) if (low..=high).contains(&number) => Plain::Whole(number),
            Some(_) => {
                let problem = Problem::error(format!("{} is out of range", trail.in_words()));
                let problem = problem.expected(expectation(schema)).found(scalar.describe());
                self.report.push_at(&trail.path(), problem);
                Plain::Nothing
            }
            None => self.complain("wrong type for", &scalar.describe(), schema, trail, None),
        }
    }
}
