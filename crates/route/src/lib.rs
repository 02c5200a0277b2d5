//! Which route does a request take? Host, path, method, fields and query against rules, compiled once.
//!
//! The config's rules become a [`Table`]: a hash map of hosts, and below each host a tree of path segments.
//! [`Table::find`] walks down the tree along the path, so its cost follows the length of the path and not the
//! number of rules: ten thousand routes cost what ten do. It allocates nothing.
//!
//! # Who wins
//!
//! 1. The host: an exact one, then the longest `*.suffix`, then rules for any host.
//! 2. The path, segment by segment from the left: a literal segment, then `{name}`, then `/*`.
//! 3. The rule with more predicates (methods named, fields, query parameters).
//! 4. The rule that stands first in the config.
//!
//! A rule whose path fits may still refuse: another method, a missing field. The search then goes on with the
//! less specific ones, so `GET /v1/users` reaches `/v1/*` where `/v1/users` takes only `POST`. This going on is
//! why the tree is our own: a router such as `matchit` gives the one best path and cannot continue behind it.
//!
//! *Invariant*: pure and total; any text gives an answer, nothing panics. What a [`Rule`] holds has been checked.
//! *Not here*: what a route does. The table carries a `T` for each rule and does not look at it.

mod allow;
mod ask;
mod check;
mod host;
mod methods;
mod params;
mod predicate;
mod problem;
mod rule;
mod table;
mod template;
mod tree;
mod walk;

pub use allow::Allow;
pub use ask::{Ask, Find};
pub use host::{BadHost, HostPattern};
pub use params::{Named, Params};
pub use predicate::{BadMatch, FieldMatch, FieldTest, QueryMatch, QueryTest};
pub use problem::Problem;
pub use rule::{Rule, RuleId};
pub use table::Table;
pub use template::{BadPath, MAX_PARAMS, MAX_SEGMENTS, PathTemplate};
