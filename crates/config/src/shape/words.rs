//! A line that stands for the list of its words, split as a POSIX shell would split it, but with no shell at work.

use std::borrow::Cow;

use super::rule::{Form, Rule};
use super::{Check, Plain};
use crate::node::Scalar;
use crate::path::Trail;
use crate::report::Problem;

impl Check<'_> {
    /// `x-words`: each word is checked as an item would be, and told where the line stands.
    pub(super) fn line<'t>(&mut self, scalar: &Scalar, items: &'static Rule, trail: &Trail<'_>) -> Plain<'t> {
        let Form::Format { format, .. } = &items.form else { return Plain::Nothing };
        let Some(words) = shlex::split(&scalar.text) else {
            let problem =
                Problem::error(format!("bad value for {}: a quote is not closed", trail.in_words()));
            self.report.push_at(&trail.path(), problem.found(scalar.describe()));
            return Plain::Nothing;
        };
        if words.is_empty() {
            let problem = Problem::error(format!("{} is empty", trail.in_words()));
            self.report.push_at(&trail.path(), problem.expected("at least one word"));
            return Plain::Nothing;
        }
        for bad in words.iter().filter_map(|word| (format.check)(word).err()) {
            self.bad_value(scalar, format, bad, trail);
        }
        Plain::List(words.into_iter().map(|word| Plain::Text(Cow::Owned(word))).collect())
    }
}
