//! Rules that can never take a request, found when the table is built.
//!
//! Only rules of the same host and path are compared: what a template takes that another one takes too goes to the
//! more specific one by design. A rule that several others hide only together is not found.

use crate::RuleId;
use crate::check::Check;
use crate::methods::MethodNames;
use std::fmt;

/// What is wrong with the rules. The table works all the same: the first rule of a pair takes the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// Two rules for the same host, path, methods, headers and query.
    Duplicate {
        /// The one that takes the requests.
        first: RuleId,
        /// The one that never does.
        second: RuleId,
    },
    /// A rule that goes first takes all that this one would.
    Unreachable {
        /// The one that never takes a request.
        rule: RuleId,
        /// The one that hides it.
        by: RuleId,
    },
    /// The rules name more methods than a table can tell apart. This rule was left out.
    TooManyMethods {
        /// The rule that names one too many.
        rule: RuleId,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate { first, second } => {
                write!(f, "{second} matches the same requests as {first}: remove one of them")
            }
            Self::Unreachable { rule, by } => write!(
                f,
                "{rule} never takes a request, since {by} has the same host and path, goes first and takes all \
                 that it would: move it up, or make one of them narrower"
            ),
            Self::TooManyMethods { rule } => {
                write!(f, "{rule} names a method too many: all rules together may name {}", MethodNames::MOST)
            }
        }
    }
}

/// Adds the problem, if any, of each rule of one host and path. `rules` stand in the order in which they are
/// asked. Quadratic in the rules of one path; those are few.
pub(crate) fn find_hidden(rules: &[RuleId], checks: &[Check], problems: &mut Vec<Problem>) {
    for (at, &rule) in rules.iter().enumerate() {
        let check = &checks[rule.index()];
        let earlier = rules[..at].iter().find(|by| checks[by.index()].covers(check));
        if let Some(&by) = earlier {
            problems.push(if checks[by.index()] == *check {
                Problem::Duplicate { first: by, second: rule }
            } else {
                Problem::Unreachable { rule, by }
            });
        }
    }
}
