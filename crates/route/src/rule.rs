//! A rule as the config gives it, all its parts checked.

use crate::{FieldMatch, HostPattern, PathTemplate, QueryMatch};
use message::Method;
use std::fmt;

/// When a route takes a request: all parts must fit.
#[derive(Clone, Debug)]
pub struct Rule {
    /// For that host only; `None`: for any.
    pub host: Option<HostPattern>,
    /// The path.
    pub path: PathTemplate,
    /// One of these; none: any. GET also takes HEAD where no rule of the same host and path names HEAD and takes
    /// the request.
    pub methods: Vec<Method>,
    /// All of these.
    pub headers: Vec<FieldMatch>,
    /// All of these.
    pub query: Vec<QueryMatch>,
}

impl Rule {
    /// A rule for that path, any host and any method.
    pub fn new(path: PathTemplate) -> Self {
        Self { host: None, path, methods: Vec::new(), headers: Vec::new(), query: Vec::new() }
    }
}

/// Which rule of a table: its position in the list that the table was built from, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub(crate) u32);

impl RuleId {
    /// The position in the list of rules.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Counts from 1, as people do.
impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}", u64::from(self.0) + 1)
    }
}
