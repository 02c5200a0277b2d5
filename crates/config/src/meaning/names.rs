//! Names of services, and everything that names one: routes, shares, copies, fallbacks.

use std::collections::{HashMap, HashSet};

use super::{Problems, section};
use crate::node::{Entry, Node};
use crate::path::Path;
use crate::report::Problem;
use crate::suggest::{list, nearest};
use crate::value::{ServiceName, Typed};

/// Services of a circle that its problem shows.
const SHOWN: usize = 8;

/// The services of the file, and which of them are named somewhere.
pub(super) struct Names<'t> {
    entries: &'t [Entry],
    known: HashMap<&'t str, &'t Node>,
    used: HashSet<&'t str>,
}

impl<'t> Names<'t> {
    pub(super) fn of(tree: &'t Node) -> Self {
        let entries = tree.get("services").map(Node::entries).unwrap_or_default();
        let mut used: HashSet<&str> =
            entries.iter().filter_map(|entry| fallback(&entry.value)?.text()).collect();
        for route in section(tree, "routes") {
            let shares = route.get("split").map(Node::entries).unwrap_or_default();
            used.extend(shares.iter().map(|share| &*share.key));
            let named = [route.get("service"), mirror(route), fallback(route)];
            used.extend(named.into_iter().flatten().filter_map(Node::text));
        }
        Self { entries, known: entries.iter().map(|entry| (&*entry.key, &entry.value)).collect(), used }
    }

    pub(super) fn is_used(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    /// The service of this name.
    pub(super) fn get(&self, name: &str) -> Option<&'t Node> {
        self.known.get(name).copied()
    }

    /// What is wrong where `owner` names a service at `node`.
    pub(super) fn unknown(&self, node: &Node, owner: &Path) -> Option<Problem> {
        let scalar = node.scalar()?;
        match scalar.typed() {
            None => self.unknown_name(&scalar.text, owner),
            Some(_) if self.known.contains_key(&*scalar.text) => None,
            Some(_) => Some(self.missing(&scalar.describe(), owner)),
        }
    }

    /// What is wrong where `owner` has `name` for a service. That a text which can be no name names nothing goes
    /// without saying.
    pub(super) fn unknown_name(&self, name: &str, owner: &Path) -> Option<Problem> {
        if self.known.contains_key(name) || ServiceName::read(name).is_err() {
            return None;
        }
        let near = nearest(name, self.names()).map(|near| format!("did you mean `{near}`?"));
        Some(self.missing(&format!("`{name}`"), owner).maybe_hint(near))
    }

    fn missing(&self, shown: &str, owner: &Path) -> Problem {
        let problem =
            Problem::error(format!("{} names a service that does not exist: {shown}", owner.in_words()));
        if self.entries.is_empty() {
            problem.hint("add it under `services`")
        } else {
            problem.expected(format!("one of the services {}", list(self.names())))
        }
    }

    fn names(&self) -> impl Iterator<Item = &'t str> {
        self.entries.iter().map(|entry| &*entry.key)
    }

    /// Services whose fallbacks lead back to themselves. Each circle is told once.
    pub(super) fn circles(&self, problems: &mut Problems) {
        let next: HashMap<&str, &str> = self
            .entries
            .iter()
            .filter_map(|entry| Some((&*entry.key, fallback(&entry.value)?.text()?)))
            .collect();
        // The walk on which a service was first met.
        let mut met: HashMap<&str, usize> = HashMap::new();
        for (walk, start) in self.names().enumerate() {
            let mut here = start;
            while !met.contains_key(here) {
                met.insert(here, walk);
                let Some(there) = next.get(here) else { break };
                here = there;
            }
            let again = met.get(here) == Some(&walk) && next.contains_key(here);
            if again && let Some(problem) = circle(here, &next) {
                problems.push((Path::new().key("services").key(here).key("fallback"), problem));
            }
        }
    }
}

/// The circle of fallbacks that `start` is on, if it is on one.
fn circle(start: &str, next: &HashMap<&str, &str>) -> Option<Problem> {
    let mut round = vec![start];
    let mut here = *next.get(start)?;
    while here != start {
        round.push(here);
        here = next.get(here)?;
    }
    if round.len() == 1 {
        return Some(Problem::error(format!("service `{start}` falls back to itself")));
    }
    let more = if round.len() > SHOWN { " -> …" } else { "" };
    round.truncate(SHOWN);
    let shown: Vec<String> = round.iter().map(|name| format!("`{name}`")).collect();
    Some(Problem::error(format!(
        "the fallbacks of services run in a circle: {}{more} -> `{start}`",
        shown.join(" -> ")
    )))
}

/// Where a service or route names its fallback.
pub(super) fn fallback(node: &Node) -> Option<&Node> {
    bare_or(node.get("fallback")?, "service")
}

/// Where a route names the service that gets copies.
pub(super) fn mirror(route: &Node) -> Option<&Node> {
    bare_or(route.get("mirror")?, "service")
}

/// The value of `key`, which the bare value stands for.
pub(super) fn bare_or<'t>(node: &'t Node, key: &str) -> Option<&'t Node> {
    if node.scalar().is_some() { Some(node) } else { node.get(key) }
}
