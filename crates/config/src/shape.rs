//! The file against the schema: every unknown key, wrong type, missing key, bad word, bad number, at once.
//!
//! The walk also builds the [`Plain`] data that the types are read from: the schema decides whether `8080` is a number
//! or a text, so a version `1.10` stays what was typed. *Promise*: where no problem was reported, that data fits the
//! types. *Not here*: what one part of the file says about another (`meaning.rs`).
//!
//! A reload with 10,000 routes comes through here, so what is right costs no look into the schema's JSON (its
//! [`Rule`]s are compiled once), no path and no copy of a text. Only a problem asks the schema itself.

mod expect;
mod keys;
mod plain;
mod rule;
mod scalar;
mod words;

use std::collections::HashMap;

use self::expect::expectation;
pub(crate) use self::plain::Plain;
use self::rule::{Fixed, Form, Rule};
use crate::node::{Entry, Kind, Node, clip};
use crate::path::Trail;
use crate::report::{Problem, Report};
use crate::source::Span;
use crate::suggest::{list, nearest};

type Schema = &'static serde_json::Value;

/// Checks the whole file; problems go to the report.
pub(crate) fn check<'t>(tree: &'t Node, report: &mut Report) -> Plain<'t> {
    Check { report }.value(tree, rule::file(), &Trail::Top)
}

/// Checks a list of endpoints that is a file of its own.
pub(crate) fn check_endpoints<'t>(tree: &'t Node, report: &mut Report) -> Plain<'t> {
    Check { report }.value(tree, rule::endpoints(), &Trail::Top)
}

struct Check<'r> {
    report: &'r mut Report,
}

impl Check<'_> {
    fn value<'t>(&mut self, node: &'t Node, rule: &'static Rule, trail: &Trail<'_>) -> Plain<'t> {
        let empty = node.is_null();
        match (&node.kind, &rule.form) {
            (Kind::Broken, _) => Plain::Nothing,
            (Kind::Map(entries), Form::Fixed(fixed)) => self.fixed(node, entries, fixed, rule.schema, trail),
            (Kind::Map(entries), Form::Map { .. }) => self.map(entries, rule, trail),
            (Kind::Map(_), Form::List { items, or_bare: true, .. })
                if matches!(items.form, Form::Fixed(_)) =>
            {
                Plain::List(vec![self.value(node, items, trail)])
            }
            (Kind::List(items), Form::List { .. }) => self.list(items, rule, trail),
            // What is left of a section whose lines were all commented out.
            (_, Form::Fixed(fixed)) if empty => self.fixed(node, &[], fixed, rule.schema, trail),
            (_, Form::Map { .. }) if empty => Plain::Map(Vec::new()),
            (_, Form::List { .. }) if empty => self.list(&[], rule, trail),
            (Kind::List(_), Form::Fixed(fixed @ Fixed { listed: Some(key), .. }))
            | (Kind::Scalar(_) | Kind::List(_), Form::Fixed(fixed @ Fixed { shorthand: Some(key), .. })) => {
                self.shorthand(node, key, fixed, rule, trail)
            }
            (Kind::Scalar(scalar), Form::List { items, or_line: true, .. }) if !empty => {
                self.line(scalar, items, trail)
            }
            (Kind::Scalar(_), Form::List { items, or_bare: true, .. }) if !empty => {
                Plain::List(vec![self.value(node, items, trail)])
            }
            (Kind::Scalar(scalar), _) if !empty => self.scalar(scalar, rule, trail),
            _ => self.wrong_type(node, rule, trail),
        }
    }

    /// A mapping with the keys that the schema names.
    fn fixed<'t>(
        &mut self,
        node: &Node,
        entries: &'t [Entry],
        fixed: &'static Fixed,
        schema: Schema,
        trail: &Trail<'_>,
    ) -> Plain<'t> {
        let mut object = Vec::with_capacity(entries.len());
        let mut all_known = true;
        // The last entry with a value: what follows it without one may be the rest of it.
        let (mut valued, mut told) = (None, false);
        for entry in entries {
            if let Some(rule) = fixed.rule(&entry.key) {
                object.push((&*entry.key, self.value(&entry.value, rule, &trail.key(&entry.key))));
            } else if entry.value.is_null() && self.is_rest_of_secret(entry, valued) {
                if !told && let Some(secret) = valued {
                    self.cut_secret(&trail.key(&secret.key));
                }
                told = true;
            } else {
                all_known = false;
                self.unknown_key(entry, schema, &trail.path());
            }
            if !entry.value.is_null() {
                (valued, told) = (Some(entry), false);
            }
        }
        for key in &fixed.required {
            // It is missing because another stands for it: a misspelled one, or one of a layer to come.
            let stands_for = |other: &str| fixed.later.contains(&other) || nearest(other, [*key]).is_some();
            if node.get(key).is_none() && !entries.iter().any(|entry| stands_for(&entry.key)) {
                let message = format!("`{key}` is missing in {}", trail.in_words());
                self.report.push_at(&trail.path(), Problem::error(message));
            }
        }
        self.one_of(node, fixed, trail, all_known);
        self.pair(node, fixed.pair, trail, all_known);
        Plain::Map(object)
    }

    /// `x-one-of`: exactly one of these keys.
    fn one_of(&mut self, node: &Node, fixed: &Fixed, trail: &Trail<'_>, all_known: bool) {
        let beside = fixed.beside.filter(|[_, other]| is_given(node, other, fixed)).map(|[beside, _]| beside);
        let counts = |key: &&str| Some(*key) != beside && is_given(node, key, fixed);
        let given: Vec<&str> = fixed.one_of.iter().copied().filter(counts).collect();
        let unclear = || !all_known || fixed.one_of.iter().any(|key| is_unclear(node, key, fixed));
        if fixed.one_of.is_empty() || given.len() == 1 || (given.is_empty() && unclear()) {
            return;
        }
        let keys = list(fixed.one_of.iter().copied());
        let problem = Problem::error(format!("{} needs exactly one of {keys}", trail.in_words()));
        match given.as_slice() {
            [first, second, ..] => {
                let entry = |key: &str| node.entry(key.split('.').next().unwrap_or(key));
                let problem = problem.found(list(given.iter().copied()));
                let problem = match entry(first) {
                    Some(entry) => problem.also(entry.key_span, "the other one"),
                    None => problem,
                };
                let at = entry(second).map_or(node.span, |entry| entry.key_span);
                self.report.push(problem.at(at).path(&trail.path()));
            }
            _ => self.report.push_at(&trail.path(), problem.found("none of them")),
        }
    }

    /// `x-pair`: both keys or none.
    fn pair(&mut self, node: &Node, pair: Option<[&'static str; 2]>, trail: &Trail<'_>, all_known: bool) {
        let Some([one, other]) = pair else { return };
        let (given, missing) = match (node.get(one).is_some(), node.get(other).is_some()) {
            (true, false) => (one, other),
            (false, true) => (other, one),
            _ => return,
        };
        if all_known {
            let message = format!("{} has a `{given}` but no `{missing}`", trail.in_words());
            let problem = Problem::error(message).hint(format!("add `{missing}:`"));
            self.report.push_at(&trail.key(given).path(), problem);
        }
    }

    /// A mapping whose keys the user chooses.
    fn map<'t>(&mut self, entries: &'t [Entry], rule: &'static Rule, trail: &Trail<'_>) -> Plain<'t> {
        let Form::Map { keys, values } = &rule.form else { return Plain::Nothing };
        let mut object = Vec::with_capacity(entries.len());
        let mut seen: HashMap<String, Span> = HashMap::new();
        for entry in entries {
            let below = trail.key(&entry.key);
            // Keys that are the same as typed were found when the file was read.
            let name =
                keys.filter(|format| format.name == "header name").map(|_| entry.key.to_ascii_lowercase());
            if let Some(first) = name.and_then(|name| seen.insert(name, entry.key_span)) {
                let problem = Problem::error(format!("the key `{}` stands here twice", clip(&entry.key)));
                let problem = problem.at(entry.key_span).path(&below.path());
                self.report.push(problem.also(first, "first typed here"));
            }
            if let Some((format, Err(bad))) = keys.map(|format| (format, (format.check)(&entry.key))) {
                let message = format!("bad key in {}", trail.in_words());
                let problem = Problem::error(message).at(entry.key_span).path(&below.path());
                let problem = problem.maybe_hint(bad.hint).expected(format.expected);
                self.report.push(problem.found(format!("`{}`", clip(&entry.key))));
            }
            object.push((&*entry.key, self.value(&entry.value, values, &below)));
        }
        Plain::Map(object)
    }

    fn list<'t>(&mut self, nodes: &'t [Node], rule: &'static Rule, trail: &Trail<'_>) -> Plain<'t> {
        let Form::List { items, needs_one, most, .. } = &rule.form else { return Plain::Nothing };
        if nodes.len() > *most {
            let message = format!("{} is too long", trail.in_words());
            let problem = Problem::error(message).expected(format!("at most {most} items"));
            self.report.push_at(&trail.path(), problem);
            return Plain::Nothing;
        }
        if nodes.is_empty() && *needs_one {
            let message = format!("{} is empty", trail.in_words());
            self.report.push_at(&trail.path(), Problem::error(message).expected("at least one item"));
        }
        let one = |(at, node)| self.value(node, items, &trail.index(at));
        Plain::List(nodes.iter().enumerate().map(one).collect())
    }

    /// A bare value that stands for a mapping with one key.
    fn shorthand<'t>(
        &mut self,
        node: &'t Node,
        (key, below): &'static (&'static str, Rule),
        fixed: &'static Fixed,
        rule: &'static Rule,
        trail: &Trail<'_>,
    ) -> Plain<'t> {
        let value = match (&node.kind, &below.form) {
            (Kind::Scalar(scalar), Form::Choice { .. }) if fixed.one_of.contains(&&*scalar.text) => {
                let hint =
                    Some(format!("write `{{ {}: … }}`", &*scalar.text)).filter(|_| scalar.typed().is_none());
                self.complain("bad value for", &scalar.describe(), below.schema, trail, hint)
            }
            (Kind::Scalar(_), Form::List { items, or_line: false, .. }) => {
                Plain::List(vec![self.value(node, items, trail)])
            }
            (Kind::Scalar(_), _) | (Kind::List(_), Form::List { .. }) => self.value(node, below, trail),
            _ => self.wrong_type(node, rule, trail),
        };
        Plain::Map(vec![(*key, value)])
    }

    fn wrong_type<'t>(&mut self, node: &Node, rule: &'static Rule, trail: &Trail<'_>) -> Plain<'t> {
        let hint = match (&node.kind, &rule.form) {
            (Kind::Scalar(scalar), Form::List { .. }) if scalar.typed().is_none() => {
                Some(format!("write it as a list: `[{}]`", clip(&scalar.text)))
            }
            (Kind::Map(_), Form::List { .. }) => Some("start each item with `- `".into()),
            (Kind::Map(entries), Form::Format { .. } | Form::Text) => unquoted(entries),
            _ => None,
        };
        if node.is_null() {
            let message = format!("{} has no value", trail.in_words());
            self.report.push_at(&trail.path(), Problem::error(message).expected(expectation(rule.schema)));
            return Plain::Nothing;
        }
        self.complain("wrong type for", &node.describe(), rule.schema, trail, hint)
    }

    fn complain<'t>(
        &mut self,
        what: &str,
        found: &str,
        schema: Schema,
        trail: &Trail<'_>,
        hint: Option<String>,
    ) -> Plain<'t> {
        let problem = Problem::error(format!("{what} {}", trail.in_words()));
        let problem = problem.expected(expectation(schema)).found(found).maybe_hint(hint);
        self.report.push_at(&trail.path(), problem);
        Plain::Nothing
    }
}

/// Whether a key of `x-one-of` was typed. `a.b` is `b` below `a`, which a bare value of `a` may stand for.
fn is_given(node: &Node, key: &str, fixed: &Fixed) -> bool {
    let Some((above, below)) = key.split_once('.') else { return node.get(key).is_some() };
    let stands_for = || match fixed.rule(above).map(|rule| &rule.form) {
        Some(Form::Fixed(inner)) => inner.shorthand.as_ref().is_some_and(|short| short.0 == below),
        _ => false,
    };
    node.get(above).is_some_and(|above| match &above.kind {
        Kind::Map(_) => above.get(below).is_some(),
        Kind::Scalar(_) => !above.is_null() && stands_for(),
        Kind::List(_) => stands_for(),
        Kind::Broken => false,
    })
}

/// Whether `a` of a key `a.b` was typed, but says neither `b` nor what stands in its place: its own problem then.
fn is_unclear(node: &Node, key: &str, fixed: &Fixed) -> bool {
    let Some((above, _)) = key.split_once('.') else { return false };
    let Some(Form::Fixed(inner)) = fixed.rule(above).map(|rule| &rule.form) else { return false };
    node.get(above).is_some_and(|above| !inner.one_of.iter().any(|key| above.get(key).is_some()))
}

/// The hint at a text in braces that YAML took for a mapping.
fn unquoted(entries: &[Entry]) -> Option<String> {
    match entries {
        [entry] if entry.value.is_null() => {
            Some(format!("a text in braces needs quotes: `\"{{{}}}\"`", clip(&entry.key)))
        }
        _ => None,
    }
}
