//! Ways to be identified: what routes ask for is there, and what is there is asked for.

use std::collections::{HashMap, HashSet};

use super::names::bare_or;
use super::{Problems, is_typed, path_of, section};
use crate::node::{Node, clip};
use crate::path::Path;
use crate::report::Problem;
use crate::source::Span;

/// Ways that a section of `auth` must tell about, and how it may look.
const SECTIONS: [(&str, &str); 4] = [
    ("jwt", "auth: { jwt: { issuer: \"https://id.example.com\", audience: my-api } }"),
    ("introspection", "auth: { introspection: { url: \"https://id.example.com/introspect\" } }"),
    ("forward", "auth: { forward: \"http://127.0.0.1:4180/auth\" }"),
    ("oidc", "auth: { oidc: { issuer: \"https://id.example.com\", client_id: my-api } }"),
];

/// Ways whose callers bring claims.
const WITH_CLAIMS: [&str; 3] = ["jwt", "oidc", "introspection"];

/// The ways that routes take.
pub(super) struct Ways<'t> {
    used: HashSet<&'t str>,
}

impl<'t> Ways<'t> {
    pub(super) fn of(tree: &'t Node) -> Self {
        let routes = section(tree, "routes").iter();
        Self { used: routes.flat_map(of_route).filter_map(Node::text).collect() }
    }

    /// Whether some route takes this way.
    pub(super) fn has(&self, way: &str) -> bool {
        self.used.contains(way)
    }

    /// Whether some route finds out who is calling.
    pub(super) fn identify(&self) -> bool {
        self.used.iter().any(|way| *way != "anonymous")
    }

    /// Whether callers of some route bring claims.
    pub(super) fn bring_claims(&self) -> bool {
        self.used.iter().any(|way| WITH_CLAIMS.contains(way))
    }

    /// The ways of one route.
    pub(super) fn of_one(route: &'t Node) -> Self {
        Self { used: of_route(route).iter().filter_map(Node::text).collect() }
    }
}

fn of_route(route: &Node) -> &[Node] {
    route.get("auth").map(Node::one_or_list).unwrap_or_default()
}

/// Checks the ways of every route, and that some route takes what `auth` tells about.
pub(super) fn check(tree: &Node, ways: &Ways<'_>, problems: &mut Problems) {
    // What is missing is told where it is asked for first.
    let mut asked = HashSet::new();
    for (index, route) in section(tree, "routes").iter().enumerate() {
        if route.get("auth").is_some() {
            order(route, &path_of("routes", index), problems);
            for (at, way) in of_route(route).iter().enumerate() {
                if let Some(word) = way.text().filter(|word| asked.insert(*word))
                    && let Some(problem) = missing(tree, word, index)
                {
                    let path = path_of("routes", index).key("auth");
                    problems.push((path.index(at), problem.at(way.span)));
                }
            }
        }
        deciding(route, index, problems);
    }
    let auth = tree.get("auth").map(Node::entries).unwrap_or_default();
    for entry in auth.iter().filter(|entry| SECTIONS.iter().any(|(way, _)| *way == &*entry.key)) {
        if !ways.has(&entry.key) {
            let problem = Problem::warning(format!("no route takes `{}`", &*entry.key));
            let path = Path::new().key("auth").key(&entry.key);
            problems.push((path, problem.hint(format!("add `auth: [{}]` to a route", &*entry.key))));
        }
    }
}

/// Each way stands once, and `anonymous` behind the others.
fn order(route: &Node, path: &Path, problems: &mut Problems) {
    let (ways, path) = (of_route(route), path.key("auth"));
    let last = ways.iter().rposition(|way| way.text().is_some_and(|word| word != "anonymous"));
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for (at, way) in ways.iter().enumerate() {
        let Some(word) = way.text() else { continue };
        if let Some(first) = seen.insert(word, way.span) {
            let problem = Problem::error(format!("{} has `{}` twice", path.in_words(), clip(word)));
            problems.push((path.index(at), problem.also(first, "first typed here")));
        } else if word == "anonymous" && last.is_some_and(|last| at < last) {
            let message = format!("the ways behind `anonymous` in {} are never tried", path.in_words());
            let problem = Problem::error(message).hint("it lets everybody on, so it stands last");
            problems.push((path.index(at), problem));
        }
    }
}

/// What a way needs elsewhere in the file and does not find.
fn missing(tree: &Node, way: &str, route: usize) -> Option<Problem> {
    let asks = format!("route {} takes `{way}`", route + 1);
    if let Some((_, example)) = SECTIONS.iter().find(|(section, _)| *section == way) {
        let told = tree.get("auth").is_some_and(|auth| auth.get(way).is_some());
        let problem = || Problem::error(format!("{asks}, and `auth.{way}` is missing"));
        return (!told).then(|| problem().hint(format!("add at the top of the file: `{example}`")));
    }
    let consumers = section(tree, "consumers");
    match way {
        "mtls" if !section(tree, "listeners").iter().any(asks_for_certificates) => {
            let problem = Problem::error(format!("{asks}, and no listener asks for client certificates"));
            Some(problem.hint("add `client_ca: clients.pem` to the `tls` of a listener"))
        }
        "basic" if !consumers.iter().any(|consumer| is_typed(consumer, "basic")) => {
            let problem = Problem::error(format!("{asks}, and no consumer has a password"));
            let hint =
                "add `basic: { password_hash: ... }` to a consumer; `tidegate hash-password` makes the hash";
            Some(problem.hint(hint))
        }
        "api_key" if consumers.is_empty() => {
            let problem =
                Problem::warning(format!("{asks}, and there are no consumers that could have a key"));
            Some(problem.hint("add `consumers: [{ name: mobile-app }]`, then `tidegate keys create`"))
        }
        _ => None,
    }
}

fn asks_for_certificates(listener: &Node) -> bool {
    listener.get("tls").is_some_and(|tls| is_typed(tls, "client_ca"))
}

/// Rules about callers need callers.
fn deciding(route: &Node, index: usize, problems: &mut Problems) {
    for key in ["allow", "scopes"].iter().filter(|key| is_typed(route, key)) {
        let path = path_of("routes", index).key(key);
        if route.get("auth").is_none() {
            let message = format!("{} decides about callers, and nobody is identified", path.in_words());
            let hint = "add `auth: [jwt]` or another way to the route; addresses are ruled by `ip`";
            problems.push((path, Problem::error(message).hint(hint)));
        } else if *key == "scopes" && !of_route(route).is_empty() && !Ways::of_one(route).identify() {
            let message = format!("nobody has the {}: all callers are anonymous", path.in_words());
            problems.push((path, Problem::error(message)));
        }
    }
    if let Some(ip) = route.get("ip") {
        addresses(ip, &path_of("routes", index).key("ip"), problems);
    }
}

/// Rules about addresses say something, and not the same twice.
fn addresses(ip: &Node, path: &Path, problems: &mut Problems) {
    let list = |key| ip.get(key).map(Node::one_or_list).unwrap_or_default();
    let (allow, deny) = (list("allow"), list("deny"));
    if bare_or(ip, "allow").is_none() && bare_or(ip, "deny").is_none() {
        let problem = Problem::warning(format!("{} has no effect", path.in_words()));
        problems.push((path.clone(), problem.hint("add `allow` or `deny` with ranges of addresses")));
    }
    let allowed: HashMap<&str, Span> =
        allow.iter().filter_map(|range| Some((range.text()?, range.span))).collect();
    for range in deny {
        if let Some(same) = range.text().and_then(|text| allowed.get(text)) {
            let message = format!("{} allows and denies the same addresses", path.in_words());
            let problem = Problem::error(message).at(range.span).also(*same, "allowed here");
            problems.push((path.key("deny"), problem.hint("`deny` goes first")));
        }
    }
}
