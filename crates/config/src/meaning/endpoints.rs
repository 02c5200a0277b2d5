//! Endpoints of one list, and names that endpoints are looked up by.

use std::collections::HashMap;
use std::slice;

use super::names::bare_or;
use super::{Problems, is_on, tell};
use crate::node::{Entry, Node, Scalar};
use crate::path::Path;
use crate::report::{Problem, Report};
use crate::source::Span;
use crate::value::{DnsName, EndpointUrl, Typed};

/// Checks a list of endpoints that is a file of its own.
pub(crate) fn check(tree: &Node, report: &mut Report) {
    let mut problems = Vec::new();
    list(tree.items(), &Path::new(), &Path::new(), &mut problems);
    tell(problems, report);
}

/// Checks a list of endpoints at `path`, which belongs to `owner`.
pub(super) fn list(endpoints: &[Node], path: &Path, owner: &Path, problems: &mut Problems) {
    same(endpoints, path, owner, problems);
    if !endpoints.is_empty() && endpoints.iter().all(|endpoint| is_on(endpoint.get("backup"))) {
        let problem = Problem::error(format!("all endpoints of {} are `backup`", owner.in_words()));
        let hint =
            "a `backup` is for when no other endpoint can be used; take the key off those that serve always";
        problems.push((path.clone(), problem.hint(hint)));
    }
}

fn same(endpoints: &[Node], path: &Path, owner: &Path, problems: &mut Problems) {
    let mut seen: HashMap<EndpointUrl, Span> = HashMap::new();
    for (at, node) in endpoints.iter().enumerate() {
        let Some(url) = url_of(node) else { continue };
        if let Some(first) = seen.insert(url, node.span) {
            let problem = Problem::error(format!("two endpoints of {} have the same URL", owner.in_words()));
            let problem = problem.hint("a larger share is given by `weight`").also(first, "first typed here");
            problems.push((path.index(at), problem));
        }
    }
}

pub(super) fn url_of(endpoint: &Node) -> Option<EndpointUrl> {
    EndpointUrl::read(bare_or(endpoint, "url")?.text()?).ok()
}

/// The list of a service's endpoints, which may stand for the service, and its path.
pub(super) fn of_service<'t>(service: &'t Node, path: &Path) -> (&'t [Node], Path) {
    if let Some(node) = service.get("endpoints") {
        return (node.one_or_list(), path.key("endpoints"));
    }
    // One endpoint stands for a list of it.
    let list = if service.scalar().is_some() { slice::from_ref(service) } else { service.items() };
    (list, path.clone())
}

/// Names in DNS that endpoints are looked up by.
pub(super) fn looked_up(service: &Node, path: &Path, problems: &mut Problems) {
    if let Some(dns) = service.get("dns") {
        port(dns, &path.key("dns"), problems);
    }
    for key in ["dns", "srv"] {
        let Some(node) = service.get(key) else { continue };
        if let (Some(refresh), Some(_)) = (node.entry("refresh"), node.get("min_ttl")) {
            let at = path.key(key).key("min_ttl");
            let problem = Problem::warning(format!("{} has no effect", at.in_words()));
            problems.push((at, problem.also(refresh.key_span, "whatever the TTL, it is looked up so often")));
        }
    }
}

/// A name needs a port, and only one.
fn port(dns: &Node, path: &Path, problems: &mut Problems) {
    let Some(Ok(name)) = bare_or(dns, "name").and_then(Node::text).map(DnsName::read) else { return };
    let problem = match (name.port(), dns.entry("port")) {
        (None, None) => Problem::error(format!("{} has no port", path.in_words()))
            .expected("a name such as `search.internal:9200`, or `port` beside it"),
        (Some(first), Some(Entry { value, key_span, .. }))
            if value.scalar().and_then(Scalar::as_integer).is_some_and(|port| port != i64::from(first)) =>
        {
            Problem::error(format!("{} has two ports", path.in_words()))
                .at(value.span)
                .also(*key_span, "the other one")
        }
        _ => return,
    };
    problems.push((path.clone(), problem));
}

/// Zones of endpoints mean nothing to a node that does not know its own.
pub(super) fn zones(tree: &Node, problems: &mut Problems) {
    if tree.get("zone").is_some() {
        return;
    }
    for entry in tree.get("services").map(Node::entries).unwrap_or_default() {
        let path = Path::new().key("services").key(&entry.key);
        let (endpoints, path) = of_service(&entry.value, &path);
        if let Some(at) = endpoints.iter().position(|endpoint| endpoint.get("zone").is_some()) {
            let problem = Problem::warning("`zone` of endpoints has no effect").hint(
                "say at the top of the file in which zone this node stands, for example with `zone: ${ZONE}`",
            );
            problems.push((path.index(at).key("zone"), problem));
            return;
        }
    }
}
