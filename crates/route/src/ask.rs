//! The question that a request asks of the table, and the answer.

use crate::{Allow, RuleId};
use message::{Fields, Method};

/// What decides about the route of a request.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The host in lower case, without port and trailing dot, as `message::Authority::host` gives it; empty where
    /// the request names none.
    pub host: &'a str,
    /// The path, normalised, as `message::Target::path` gives it. `*` (RFC 9112 section 3.2.4) is no path: no rule
    /// takes it.
    pub path: &'a str,
    /// The query without its `?`.
    pub query: Option<&'a str>,
    /// The request's fields.
    pub fields: &'a Fields,
}

/// What the table answers.
#[derive(Debug)]
pub enum Find<'t, T> {
    /// The most specific rule that takes the request, with what it leads to.
    Route(&'t T, RuleId),
    /// No rule takes it, but at least one would with another method: 405.
    MethodNotAllowed(Allow<'t>),
    /// No rule takes it: 404.
    NotFound,
}
