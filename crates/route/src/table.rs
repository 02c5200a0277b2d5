//! All rules, compiled: built once per config, asked once per request.

#[cfg(test)]
mod tests;

use crate::check::Check;
use crate::methods::{MethodNames, MethodSet};
use crate::problem::find_hidden;
use crate::tree::Tree;
use crate::walk::Walk;
use crate::{Allow, Ask, Find, Params, PathTemplate, Problem, Rule, RuleId};
use std::cmp::Reverse;

/// The compiled rules, each with the `T` that it leads to.
#[derive(Debug)]
pub struct Table<T> {
    tree: Tree,
    checks: Vec<Check>,
    methods: MethodNames,
    templates: Vec<PathTemplate>,
    values: Vec<T>,
}

impl<T> Table<T> {
    /// Compiles the rules, and says which of them can never take a request.
    pub fn build(rules: Vec<(Rule, T)>) -> (Self, Vec<Problem>) {
        let mut table = Self {
            tree: Tree::default(),
            checks: Vec::with_capacity(rules.len()),
            methods: MethodNames::new(),
            templates: Vec::with_capacity(rules.len()),
            values: Vec::with_capacity(rules.len()),
        };
        let mut problems = Vec::new();
        for (rule, value) in rules {
            table.add(rule, value, &mut problems);
        }
        let Self { tree, checks, .. } = &mut table;
        for leaf in tree.leaves() {
            leaf.sort_by_key(|id| (Reverse(checks[id.index()].predicates()), *id));
            find_hidden(leaf, checks, &mut problems);
        }
        problems.sort_unstable();
        (table, problems)
    }

    /// The most specific rule that takes the request. `params` receives the values of its parameters; where no rule
    /// takes it they are empty.
    pub fn find<'t>(&'t self, ask: &Ask<'_>, params: &mut Params) -> Find<'t, T> {
        let mut walk = Walk::new(&self.tree, &self.checks, ask, self.methods.bit(ask.method), params);
        match walk.run() {
            Some(id) => Find::Route(&self.values[id.index()], id),
            None if walk.refused() != MethodSet::default() => {
                Find::MethodNotAllowed(Allow::new(walk.refused(), self.methods.all()))
            }
            None => Find::NotFound,
        }
    }

    /// The path template of a rule, which names the parameters.
    pub fn template(&self, rule: RuleId) -> Option<&PathTemplate> {
        self.templates.get(rule.index())
    }

    /// What a rule leads to.
    pub fn get(&self, rule: RuleId) -> Option<&T> {
        self.values.get(rule.index())
    }

    /// What the rules lead to, in the order in which they were given.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &T> {
        self.values.iter()
    }

    fn add(&mut self, rule: Rule, value: T, problems: &mut Vec<Problem>) {
        let id = RuleId(self.values.len() as u32);
        let methods = self.methods.intern(&rule.methods);
        if methods.is_some() {
            self.tree.leaf(rule.host.as_ref(), rule.path.segments()).push(id);
        } else {
            problems.push(Problem::TooManyMethods { rule: id });
        }
        // The check of a rule that was left out keeps the numbers in step; nothing leads to it.
        let methods = methods.unwrap_or_default();
        self.checks.push(Check::new(methods, rule.headers, rule.query));
        self.templates.push(rule.path);
        self.values.push(value);
    }
}
