//! Routes: names that are unique, services that exist, keys that need one.

use std::collections::HashMap;

use super::attempts::{self, Whole};
use super::names::{Names, fallback, mirror};
use super::{Problems, path_of, section};
use crate::file::Timeouts;
use crate::node::{Kind, Node};
use crate::path::Path;
use crate::report::Problem;
use crate::source::Span;
use crate::value::{Share, Typed};

/// Keys that say how requests are forwarded.
const FORWARDING: [&str; 4] = ["retry", "hedge", "fallback", "mirror"];

/// Checks every route.
pub(super) fn check(tree: &Node, names: &Names<'_>, problems: &mut Problems) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for (index, route) in section(tree, "routes").iter().enumerate() {
        let path = || path_of("routes", index);
        if let Some(node) = route.get("service")
            && let Some(problem) = names.unknown(node, &path())
        {
            problems.push((path().key("service"), problem));
        }
        if let Some(shares) = route.get("split") {
            split(shares, &path().key("split"), names, problems);
        }
        if FORWARDING.iter().any(|key| route.get(key).is_some()) {
            forwarding(route, &path(), names, problems);
        }
        if let Some(node) = route.get("name")
            && let Some(name) = node.text()
        {
            if let Some(first) = seen.get(name) {
                let problem = Problem::error(format!("two routes have the name `{name}`"));
                problems.push((path().key("name"), problem.also(*first, "first typed here")));
            } else {
                seen.insert(name, node.span);
            }
        }
    }
}

/// Shares are of services that exist, and not all zero.
fn split(shares: &Node, path: &Path, names: &Names<'_>, problems: &mut Problems) {
    for share in shares.entries() {
        if let Some(problem) = names.unknown_name(&share.key, path) {
            problems.push((path.key(&share.key), problem.at(share.key_span)));
        }
    }
    let zero = |share: &Node| share.text().is_some_and(|text| Share::read(text).is_ok_and(|s| s.get() == 0));
    let is_map = shares.is_null() || matches!(shares.kind, Kind::Map(_));
    if is_map && shares.entries().iter().all(|share| zero(&share.value)) {
        let problem = Problem::error(format!("{} sends requests nowhere", path.in_words()));
        problems.push((path.clone(), problem.expected("at least one share above 0")));
    }
}

/// Checks [`FORWARDING`].
fn forwarding(route: &Node, path: &Path, names: &Names<'_>, problems: &mut Problems) {
    let own = route.get("service").and_then(Node::text);
    for (key, node) in [("fallback", fallback(route)), ("mirror", mirror(route))] {
        let Some(node) = node else { continue };
        let at = path.key(key);
        problems.extend(names.unknown(node, &at).map(|problem| (at.key("service"), problem.at(node.span))));
        if own.is_some() && node.text() == own {
            let message = format!("{} is the service that the route forwards to", at.in_words());
            problems.push((at.key("service"), Problem::error(message).at(node.span)));
        }
    }
    let shares = route.get("split").map(Node::entries).unwrap_or_default();
    if let Some(to) = mirror(route)
        && shares.iter().any(|share| to.text() == Some(&*share.key))
    {
        let at = path.key("mirror");
        let message = format!("{} is a service that the route forwards to", at.in_words());
        problems.push((at.key("service"), Problem::error(message).at(to.span)));
    }
    if ["redirect", "respond", "static"].iter().any(|key| route.get(key).is_some()) {
        for key in FORWARDING.iter().filter(|key| route.get(key).is_some()) {
            let at = path.key(key);
            let problem = Problem::warning(format!("{} has no effect", at.in_words()));
            problems.push((at, problem.hint("it is for routes with `service` or `split`")));
        }
    }
    let inherited: Option<Whole<'_>> = own
        .and_then(|name| names.get(name))
        .and_then(|service| attempts::whole(service, Some((Timeouts::default().request, None))));
    attempts::check(route, path, attempts::whole(route, inherited), problems);
}
