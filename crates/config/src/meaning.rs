//! What one part of the file says about another: names that must exist or be unique, keys that need each other.
//!
//! The checks read the tree, not the types, so they also run where something else in the file is wrong and
//! everything is told at once. A part that is broken is passed over: its problem was told already.

use std::collections::HashMap;

use crate::node::{Node, Path};
use crate::report::{Problem, Report};
use crate::source::Span;
use crate::suggest::{list, nearest};
use crate::value::{Address, AdminAddress, EndpointUrl, Typed};

/// Checks the whole file; problems go to the report.
pub(crate) fn check(tree: &Node, report: &mut Report) {
    let mut problems = Vec::new();
    listeners(tree, &mut problems);
    admin(tree, &mut problems);
    services(tree, &mut problems);
    routes(tree, &mut problems);
    for (path, problem) in problems {
        report.push_at(&path, problem);
    }
}

type Problems = Vec<(Path, Problem)>;

fn section<'t>(tree: &'t Node, key: &str) -> impl Iterator<Item = (Path, &'t Node)> {
    let path = Path::new().key(key);
    let items = tree.get(key).map(Node::items).unwrap_or_default();
    items.iter().enumerate().map(move |(at, item)| (path.index(at), item))
}

fn listeners(tree: &Node, problems: &mut Problems) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for (path, listener) in section(tree, "listeners") {
        // A listener may be typed as its bare address.
        let (at, node) =
            listener.get("address").map_or((path.clone(), listener), |node| (path.key("address"), node));
        if let Some(Ok(address)) = node.text().map(Address::read)
            && !address.to_string().ends_with(":0")
        {
            if let Some(first) = seen.get(&address.to_string()) {
                let problem = Problem::error("two listeners have the same address");
                problems.push((at, problem.also(*first, "first typed here")));
            } else {
                seen.insert(address.to_string(), node.span);
            }
        }
        if let Some(tls) = listener.get("tls").filter(|tls| !tls.entries().is_empty() || tls.is_null()) {
            let known = ["certificate", "key", "certificates", "acme"];
            if !tls.entries().iter().any(|entry| known.contains(&entry.key.as_str())) {
                let message = format!("`tls` of {} has no certificate", path.in_words());
                let problem = Problem::error(message).expected("`certificate` and `key`, or `certificates`");
                problems.push((path.key("tls"), problem));
            }
        }
    }
}

fn admin(tree: &Node, problems: &mut Problems) {
    let path = Path::new().key("admin");
    let Some(admin) = tree.get("admin") else { return };
    let (at, address) =
        admin.get("address").map_or((path.clone(), admin), |node| (path.key("address"), node));
    let Some(Ok(AdminAddress::At(address))) = address.text().map(AdminAddress::read) else { return };
    if !address.is_local() && admin.get("token").is_none() {
        let message =
            format!("the admin address {address} can be reached from other machines and has no token");
        let hint = "add `token: ${ADMIN_TOKEN}` or `token: file:/path`, or listen on 127.0.0.1";
        problems.push((at, Problem::error(message).hint(hint)));
    }
    let taken = section(tree, "listeners").filter_map(|(_, node)| node.get("address").unwrap_or(node).text());
    if taken
        .map(Address::read)
        .any(|taken| taken.is_ok_and(|taken| taken == address && taken.to_string() != "127.0.0.1:0"))
    {
        problems.push((path, Problem::error("the admin API and a listener have the same address")));
    }
}

fn services(tree: &Node, problems: &mut Problems) {
    let used: Vec<&str> =
        section(tree, "routes").filter_map(|(_, route)| route.get("service")?.text()).collect();
    for entry in tree.get("services").map(Node::entries).unwrap_or_default() {
        let path = Path::new().key("services").key(&entry.key);
        if !used.contains(&entry.key.as_str()) {
            let problem = Problem::warning(format!("no route uses service `{}`", entry.key));
            problems.push((path.clone(), Problem { path: String::new(), ..problem }));
        }
        let endpoints = entry.value.get("endpoints").map(Node::items).unwrap_or_default();
        let urls = endpoints.iter().map(|node| node.get("url").unwrap_or(node).text().map(EndpointUrl::read));
        let urls: Option<Vec<EndpointUrl>> = urls.map(|url| url?.ok()).collect();
        let mut seen: HashMap<EndpointUrl, usize> = HashMap::new();
        for (at, url) in urls.iter().flatten().enumerate() {
            if let Some(first) = seen.insert(url.clone(), at) {
                let message = format!("{} has the endpoint {url} twice", path.in_words());
                let problem = Problem::error(message).hint("a larger share is given by `weight`");
                let first = endpoints.get(first).map_or(Span::default(), |node| node.span);
                problems.push((path.key("endpoints").index(at), problem.also(first, "first typed here")));
            }
        }
        let tls = entry.value.get("tls").is_some_and(|tls| !tls.is_null());
        let no_https =
            |urls: Vec<EndpointUrl>| !urls.iter().any(|url| matches!(url, EndpointUrl::Https { .. }));
        if tls && urls.is_some_and(no_https) {
            let problem = Problem::warning(format!("`tls` of {} has no effect", path.in_words()));
            problems.push((path.key("tls"), problem.hint("it is for endpoints that start with `https://`")));
        }
    }
}

fn routes(tree: &Node, problems: &mut Problems) {
    let known: Vec<&str> = tree
        .get("services")
        .map(Node::entries)
        .unwrap_or_default()
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for (path, route) in section(tree, "routes") {
        if let Some(node) = route.get("service")
            && let Some(scalar) = node.scalar()
            && !known.contains(&scalar.text.as_str())
        {
            let shown = if scalar.typed.is_some() { scalar.describe() } else { format!("`{}`", scalar.text) };
            let problem =
                Problem::error(format!("{} names a service that does not exist: {shown}", path.in_words()));
            let problem = if known.is_empty() {
                problem.hint("add it under `services`")
            } else {
                problem.expected(format!("one of the services {}", list(known.iter().copied())))
            };
            let near = nearest(&scalar.text, known.iter().copied()).filter(|_| scalar.typed.is_none());
            problems.push((
                path.key("service"),
                problem.maybe_hint(near.map(|near| format!("did you mean `{near}`?"))),
            ));
        }
        if let Some(node) = route.get("name")
            && let Some(name) = node.text()
        {
            if let Some(first) = seen.get(name) {
                let problem = Problem::error(format!("two routes have the name `{name}`"));
                problems.push((path.key("name"), problem.also(*first, "first typed here")));
            } else {
                seen.insert(name, node.span);
            }
        }
    }
}
