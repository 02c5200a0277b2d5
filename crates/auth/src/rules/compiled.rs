//! What a rule writes as text and asks of many requests: patterns and networks, made ready once.
//!
//! They take the place of the text in the expression, under names that nobody can write (`@0`).

use crate::Network;
use cel::common::types::Type;
use cel::common::value::{StaticVal, Val};
use regex::{Regex, RegexBuilder};
use std::any::Any;

/// Most memory that one pattern may take when compiled, in bytes.
const MOST_PATTERN: usize = 256 * 1024;

/// Only calls that expect one ever see it.
pub(super) static COMPILED: Type = Type::new_unspecified_type("compiled");

/// A literal made ready.
#[derive(Clone, Debug)]
pub(super) enum Compiled {
    /// Of `matches`.
    Pattern(Regex),
    /// Of `inNetwork`.
    Network(Network),
}

impl Compiled {
    /// The literal of a call to `function`; an error says what is wrong with it.
    pub(super) fn of(function: &str, literal: &str) -> Result<Self, String> {
        if function == "inNetwork" {
            return literal.parse().map(Self::Network).map_err(|error: crate::BadNetwork| error.to_string());
        }
        let pattern = RegexBuilder::new(literal).size_limit(MOST_PATTERN).build();
        pattern.map(Self::Pattern).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large".into(),
            error => format!("not a pattern: {}", error.to_string().lines().last().unwrap_or_default()),
        })
    }
}

impl Val for Compiled {
    fn get_type(&self) -> &Type {
        &COMPILED
    }

    fn cel_type() -> &'static Type {
        &COMPILED
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Compiled {}
