//! Consumers and plans: nobody is two of them, and plans that are named exist.

use std::collections::{HashMap, HashSet};

use super::identity::Ways;
use super::names::bare_or;
use super::{Problems, is_typed, path_of, section};
use crate::node::Node;
use crate::path::Path;
use crate::report::Problem;
use crate::source::Span;
use crate::suggest::{list, nearest};
use crate::value::{Fingerprint, PlanName, Typed};

/// Plans that a problem names.
const SHOWN: usize = 16;

/// Plans that a mistyped one is compared with.
const COMPARED: usize = 256;

/// Checks all consumers and plans.
pub(super) fn check(tree: &Node, ways: &Ways<'_>, problems: &mut Problems) {
    let consumers = section(tree, "consumers");
    let plans: Vec<&str> =
        tree.get("plans").map(Node::entries).unwrap_or_default().iter().map(|plan| &*plan.key).collect();
    let known: HashSet<&str> = plans.iter().copied().collect();
    let mut unique = Unique::default();
    for (index, consumer) in consumers.iter().enumerate() {
        let path = path_of("consumers", index);
        problems.extend(plan(consumer, &path, &plans, &known));
        unique.name(consumer, &path, problems);
        unique.login(consumer, &path, problems);
        unique.keys(consumer, &path, problems);
        unique.certificates(consumer, &path, problems);
    }
    unknown(tree, ways, problems);
    if ways.identify() {
        without_way(consumers, ways, problems);
        unused_plans(tree, ways, problems);
    }
}

/// What is wrong where a consumer's plan does not exist.
fn plan(consumer: &Node, path: &Path, plans: &[&str], known: &HashSet<&str>) -> Option<(Path, Problem)> {
    let node = consumer.get("plan")?;
    let scalar = node.scalar()?;
    if known.contains(&*scalar.text) || PlanName::read(&scalar.text).is_err() {
        return None;
    }
    let shown = scalar.describe();
    let problem = Problem::error(format!("{} has a plan that does not exist: {shown}", path.in_words()));
    let some = || plans.iter().copied().take(SHOWN);
    let problem = match plans.len() {
        0 => problem.hint("add it under `plans`"),
        1..=SHOWN => problem.expected(format!("one of the plans {}", list(some()))),
        _ => problem.expected(format!("one of the plans {}, …", list(some()))),
    };
    let near =
        nearest(&scalar.text, plans.iter().copied().take(COMPARED)).filter(|_| scalar.typed().is_none());
    let problem = problem.maybe_hint(near.map(|near| format!("did you mean `{near}`?")));
    Some((path.key("plan"), problem.at(node.span)))
}

/// What only one consumer can have, and where it was typed.
#[derive(Default)]
struct Unique<'t> {
    names: HashMap<&'t str, Span>,
    usernames: HashMap<&'t str, Span>,
    keys: HashMap<&'t str, Span>,
    certificates: HashMap<(&'t str, String), Span>,
}

impl<'t> Unique<'t> {
    fn name(&mut self, consumer: &'t Node, path: &Path, problems: &mut Problems) {
        let Some(node) = bare_or(consumer, "name") else { return };
        let Some(name) = node.text() else { return };
        match self.names.get(name) {
            Some(first) => {
                let problem = Problem::error(format!("two consumers have the name {}", shown(node)));
                let problem = problem.at(node.span).also(*first, "first typed here");
                problems.push((path.key("name"), problem));
            }
            None => drop(self.names.insert(name, node.span)),
        }
    }

    /// The name to log in with, which is the consumer's own where no other was typed.
    fn login(&mut self, consumer: &'t Node, path: &Path, problems: &mut Problems) {
        let Some(basic) = consumer.get("basic").filter(|basic| !basic.is_null()) else { return };
        let path = path.key("basic");
        let own = basic.get("username").is_none();
        let Some(node) = basic.get("username").or_else(|| consumer.get("name")) else { return };
        let Some(username) = node.text() else { return };
        if own && username.contains(':') {
            let message = format!("{} needs a `username`: the consumer's name has a colon", path.in_words());
            let hint = "a colon ends a user's name in `Authorization: Basic`";
            problems.push((path.clone(), Problem::error(message).hint(hint)));
        }
        match self.usernames.get(username) {
            Some(first) if !own || self.names.get(username) == Some(&node.span) => {
                let problem = Problem::error(format!("two consumers log in with the name {}", shown(node)));
                let problem = problem.at(node.span).also(*first, "first typed here");
                problems.push((path.key("username"), problem));
            }
            // Their names are the same, which was told.
            Some(_) => {}
            None => drop(self.usernames.insert(username, node.span)),
        }
    }

    /// Keys that look the same are the same, whether they stand here or in the same file.
    fn keys(&mut self, consumer: &'t Node, path: &Path, problems: &mut Problems) {
        let keys = consumer.get("api_keys").map(Node::one_or_list).unwrap_or_default();
        for (at, node) in keys.iter().enumerate() {
            let Some(key) = node.text() else { continue };
            match self.keys.get(key) {
                Some(first) => {
                    let problem = Problem::error("two API keys are the same").at(node.span);
                    let problem = problem.also(*first, "first typed here");
                    problems.push((path.key("api_keys").index(at), problem));
                }
                None => drop(self.keys.insert(key, node.span)),
            }
        }
    }

    fn certificates(&mut self, consumer: &'t Node, path: &Path, problems: &mut Problems) {
        let list = consumer.get("certificate").map(Node::one_or_list).unwrap_or_default();
        for certificate in list {
            for (kind, node) in ["san", "fingerprint", "subject"].iter().filter_map(|kind| {
                let node = if *kind == "san" { bare_or(certificate, kind) } else { certificate.get(kind) };
                Some((*kind, node?))
            }) {
                let Some(text) = node.text() else { continue };
                let same = match kind {
                    "fingerprint" => Fingerprint::read(text).map_or(text.into(), |print| print.to_string()),
                    // Names of hosts know no case.
                    "san" => text.to_ascii_lowercase(),
                    _ => text.into(),
                };
                if let Some(first) = self.certificates.insert((kind, same), node.span) {
                    let message = format!("two consumers are known by the same `{kind}` of a certificate");
                    let problem = Problem::error(message).at(node.span).also(first, "first typed here");
                    problems.push((path.key("certificate").key(kind), problem));
                }
            }
        }
    }
}

fn shown(node: &Node) -> String {
    node.scalar().map(crate::node::Scalar::describe).unwrap_or_default()
}

/// Without a route that identifies, consumers and plans are for nothing.
fn unknown(tree: &Node, ways: &Ways<'_>, problems: &mut Problems) {
    let plans = tree.get("plans").map(Node::entries).unwrap_or_default();
    let key = if section(tree, "consumers").is_empty() { "plans" } else { "consumers" };
    if !ways.identify() && (key == "consumers" || !plans.is_empty()) {
        let problem = Problem::warning(format!("`{key}` has no effect: no route finds out who is calling"));
        problems
            .push((Path::new().key(key), problem.hint("add `auth: [api_key]` or another way to a route")));
    }
}

/// What consumers can show is asked for by some route. Each kind is told once.
fn without_way(consumers: &[Node], ways: &Ways<'_>, problems: &mut Problems) {
    for (key, way) in [("api_keys", "api_key"), ("basic", "basic"), ("certificate", "mtls")] {
        let first = consumers.iter().position(|consumer| is_typed(consumer, key));
        if let Some(index) = first.filter(|_| !ways.has(way)) {
            let path = path_of("consumers", index).key(key);
            let problem =
                Problem::warning(format!("{} has no effect: no route takes `{way}`", path.in_words()));
            problems.push((path, problem.hint(format!("add `auth: [{way}]` to a route"))));
        }
    }
}

/// Plans that nobody can have.
fn unused_plans(tree: &Node, ways: &Ways<'_>, problems: &mut Problems) {
    let consumers = section(tree, "consumers");
    let brings = |section: &str, key| {
        let auth = tree.get("auth").and_then(|auth| auth.get(section));
        auth.is_some_and(|section| section.one_or_list().iter().any(|one| is_typed(one, key)))
    };
    let brought = brings("jwt", "plan_claim") || brings("oidc", "plan_claim") || brings("forward", "plan");
    // A key may bring a plan too.
    if brought || ways.has("api_key") {
        return;
    }
    let used: HashSet<&str> =
        consumers.iter().filter_map(|consumer| consumer.get("plan").and_then(Node::text)).collect();
    for plan in tree.get("plans").map(Node::entries).unwrap_or_default() {
        if !used.contains(&*plan.key) {
            let problem = Problem::warning(format!("no consumer has plan `{}`", &*plan.key));
            problems.push((Path::new().key("plans").key(&plan.key), problem));
        }
    }
}
