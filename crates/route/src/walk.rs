//! One search: down the tree along the path, back where a rule refuses, until one takes the request.
//!
//! A node is visited at most once for each host it stands under, and only if the path so far fits it. Where at
//! most one of a literal and a parameter fits at each level, that is the length of the path; each level at which
//! both fit may double it, whatever the number of other rules. It cannot go deeper than the deepest template.

use crate::check::Check;
use crate::methods::MethodSet;
use crate::params::Span;
use crate::tree::{NodeId, Tree};
use crate::{Ask, Params, RuleId};

/// The state of one search.
pub(crate) struct Walk<'s, 'a> {
    tree: &'s Tree,
    checks: &'s [Check],
    ask: &'s Ask<'a>,
    method: MethodSet,
    params: &'s mut Params,
    /// Methods of the rules that refused for their method alone.
    refused: MethodSet,
    /// Nodes seen, for the test that it does not follow the number of rules.
    #[cfg(test)]
    pub(crate) visited: usize,
}

impl<'s, 'a> Walk<'s, 'a> {
    pub(crate) fn new(
        tree: &'s Tree,
        checks: &'s [Check],
        ask: &'s Ask<'a>,
        method: MethodSet,
        params: &'s mut Params,
    ) -> Self {
        Self {
            tree,
            checks,
            ask,
            method,
            params,
            refused: MethodSet::default(),
            #[cfg(test)]
            visited: 0,
        }
    }

    /// Searches all hosts that fit, the most specific first.
    pub(crate) fn run(&mut self) -> Option<RuleId> {
        self.params.clear();
        let path = self.ask.path;
        // Offsets are kept in 32 bits; a path that long is no route's.
        if !path.starts_with('/') || u32::try_from(path.len()).is_err() {
            return None;
        }
        let (tree, host) = (self.tree, self.ask.host);
        tree.roots(host).find_map(|root| self.step(root, 0))
    }

    /// The methods that would have been taken, after a search that found nothing.
    pub(crate) fn refused(&self) -> MethodSet {
        self.refused
    }

    /// Searches below a node. What is left of the path starts at `slash`, which is at a `/` or at its end.
    fn step(&mut self, at: NodeId, slash: usize) -> Option<RuleId> {
        #[cfg(test)]
        {
            self.visited += 1;
        }
        let node = self.tree.node(at);
        let path = self.ask.path;
        let start = (slash + 1).min(path.len());
        let found = if slash == path.len() {
            self.choose(&node.here)
        } else {
            let after = &path.as_bytes()[start..];
            // Segments are short: a plain loop beats a vectorised search.
            let end = after.iter().position(|&b| b == b'/').map_or(path.len(), |length| start + length);
            let segment = &path[start..end];
            let literal = node.literal.get(segment).copied();
            literal.and_then(|next| self.step(next, end)).or_else(|| {
                let next = node.param.filter(|_| !segment.is_empty())?;
                self.step_param(next, start, end)
            })
        };
        found.or_else(|| {
            let id = self.choose(&node.below)?;
            self.params.set_rest(Span { start: start as u32, end: path.len() as u32 });
            Some(id)
        })
    }

    /// Goes on behind the parameter `start..end`, and forgets it where that leads nowhere.
    fn step_param(&mut self, next: NodeId, start: usize, end: usize) -> Option<RuleId> {
        self.params.push(Span { start: start as u32, end: end as u32 });
        let found = self.step(next, end);
        if found.is_none() {
            self.params.pop();
        }
        found
    }

    /// The first rule of one host and path that takes the request.
    fn choose(&mut self, rules: &[RuleId]) -> Option<RuleId> {
        let (checks, ask, method) = (self.checks, self.ask, self.method);
        let check = |id: &RuleId| &checks[id.index()];
        // GET stands in for HEAD, unless a rule that names HEAD takes the request.
        let get_is_enough = method == MethodSet::HEAD
            && !rules.iter().map(check).any(|c| c.methods.names(MethodSet::HEAD) && c.fits(ask));
        let found = rules.iter().find(|id| {
            let c = check(id);
            if !c.fits(ask) {
                return false;
            }
            let taken = c.methods.has(method) || (get_is_enough && c.methods.has(MethodSet::GET));
            if !taken {
                self.refused = self.refused.with(c.methods);
            }
            taken
        });
        found.copied()
    }
}
