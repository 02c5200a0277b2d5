//! What is left to check of a rule once host and path fit: method, fields, query.

use crate::methods::MethodSet;
use crate::{Ask, FieldMatch, QueryMatch};

/// The predicates of one rule, each once and in a fixed order, so that equal ones are equal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) methods: MethodSet,
    headers: Box<[FieldMatch]>,
    query: Box<[QueryMatch]>,
}

impl Check {
    pub(crate) fn new(methods: MethodSet, headers: Vec<FieldMatch>, query: Vec<QueryMatch>) -> Self {
        Self { methods, headers: once(headers), query: once(query) }
    }

    /// How specific it is: the number of predicates; naming methods is one.
    pub(crate) fn predicates(&self) -> usize {
        usize::from(self.methods != MethodSet::ANY) + self.headers.len() + self.query.len()
    }

    /// Do fields and query fit? The method is not looked at.
    pub(crate) fn fits(&self, ask: &Ask<'_>) -> bool {
        self.headers.iter().all(|h| h.holds(ask.fields)) && self.query.iter().all(|q| q.holds(ask.query))
    }

    /// Does it take every request that `other` takes?
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.methods.has(other.methods)
            && self.headers.iter().all(|mine| other.headers.iter().any(|theirs| theirs.implies(mine)))
            && self.query.iter().all(|mine| other.query.iter().any(|theirs| theirs.implies(mine)))
    }
}

fn once<P: Ord>(mut predicates: Vec<P>) -> Box<[P]> {
    predicates.sort_unstable();
    predicates.dedup();
    predicates.into()
}
