//! What one part of the file says about another: names that must exist or be unique, keys that need each other.
//!
//! The checks read the tree, not the types, so they also run where something else in the file is wrong and
//! everything is told at once. A part that is broken is passed over: its problem was told already.

use std::collections::{HashMap, HashSet};

use crate::file::Admin;
use crate::node::Node;
use crate::path::Path;
use crate::report::{Problem, Report, Severity};
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
    let (errors, warnings): (Problems, Problems) =
        problems.into_iter().partition(|(_, problem)| problem.severity == Severity::Error);
    push(report, errors);
    // A warning about a broken file is most often about the break.
    if !report.has_errors() {
        push(report, warnings);
    }
}

fn push(report: &mut Report, problems: Problems) {
    for (path, problem) in problems {
        report.push_at(&path, problem);
    }
}

type Problems = Vec<(Path, Problem)>;

fn section<'t>(tree: &'t Node, key: &str) -> &'t [Node] {
    tree.get(key).map(Node::items).unwrap_or_default()
}

fn path_of(key: &str, index: usize) -> Path {
    Path::new().key(key).index(index)
}

fn listeners(tree: &Node, problems: &mut Problems) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for (index, listener) in section(tree, "listeners").iter().enumerate() {
        let path = path_of("listeners", index);
        // A listener may be typed as its bare address.
        let (at, node) =
            listener.get("address").map_or((path.clone(), listener), |node| (path.key("address"), node));
        if let Some(Ok(address)) = node.text().map(Address::read)
            && !any_free_port(&address)
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
            if !tls.entries().iter().any(|entry| known.contains(&&*entry.key)) {
                let message = format!("`tls` of {} has no certificate", path.in_words());
                let problem = Problem::error(message).expected("`certificate` and `key`, or `certificates`");
                problems.push((path.key("tls"), problem));
            }
        }
    }
}

fn admin(tree: &Node, problems: &mut Problems) {
    let path = Path::new().key("admin");
    let typed = tree.get("admin").map(|admin| {
        admin.get("address").map_or((path.clone(), admin), |address| (path.key("address"), address))
    });
    let read = typed.as_ref().and_then(|(_, node)| node.text()).map(AdminAddress::read);
    let address = match read {
        Some(Ok(AdminAddress::At(address))) => address,
        Some(_) => return,
        None => Address::Ip(Admin::DEFAULT_ADDRESS),
    };
    let has_token = tree.get("admin").is_some_and(|admin| admin.get("token").is_some());
    if let Some((at, _)) = typed.filter(|_| !address.is_local() && !has_token) {
        let message =
            format!("the admin address {address} can be reached from other machines and has no token");
        let hint = "add `token: ${ADMIN_TOKEN}` or `token: file:/path`, or listen on 127.0.0.1";
        problems.push((at, Problem::error(message).hint(hint)));
    }
    for (index, listener) in section(tree, "listeners").iter().enumerate() {
        let path = path_of("listeners", index);
        let taken = listener.get("address").unwrap_or(listener).text().map(Address::read);
        if taken.is_some_and(|taken| taken.is_ok_and(|taken| taken == address && !any_free_port(&taken))) {
            let message = format!("{} has the address of the admin API, {address}", path.in_words());
            problems.push((path, Problem::error(message)));
        }
    }
}

/// Whether the system chooses the port, so that two such addresses are not the same.
fn any_free_port(address: &Address) -> bool {
    matches!(address, Address::Port(0)) || matches!(address, Address::Ip(address) if address.port() == 0)
}

fn services(tree: &Node, problems: &mut Problems) {
    let used: HashSet<&str> =
        section(tree, "routes").iter().filter_map(|route| route.get("service")?.text()).collect();
    for entry in tree.get("services").map(Node::entries).unwrap_or_default() {
        let path = Path::new().key("services").key(&entry.key);
        if !used.contains(&*entry.key) {
            let message = format!("no route uses service `{}`", &*entry.key);
            problems.push((path.clone(), Problem::warning(message)));
        }
        let endpoints = entry.value.get("endpoints").map(Node::items).unwrap_or_default();
        let urls: Vec<Option<EndpointUrl>> = endpoints.iter().map(url_of).collect();
        same_endpoints(&path, endpoints, &urls, problems);
        let tls = entry.value.get("tls").is_some_and(|tls| !tls.is_null());
        let plain = |url: &Option<EndpointUrl>| {
            url.as_ref().is_some_and(|url| !matches!(url, EndpointUrl::Https { .. }))
        };
        if tls && !urls.is_empty() && urls.iter().all(plain) {
            let problem = Problem::warning(format!("`tls` of {} has no effect", path.in_words()));
            problems.push((path.key("tls"), problem.hint("it is for endpoints that start with `https://`")));
        }
    }
}

fn url_of(endpoint: &Node) -> Option<EndpointUrl> {
    EndpointUrl::read(endpoint.get("url").unwrap_or(endpoint).text()?).ok()
}

fn same_endpoints(path: &Path, endpoints: &[Node], urls: &[Option<EndpointUrl>], problems: &mut Problems) {
    let mut seen: HashMap<&EndpointUrl, Span> = HashMap::new();
    for (at, (node, url)) in endpoints.iter().zip(urls).enumerate() {
        let Some(url) = url else { continue };
        if let Some(first) = seen.insert(url, node.span) {
            let problem = Problem::error(format!("two endpoints of {} have the same URL", path.in_words()));
            let problem = problem.hint("a larger share is given by `weight`").also(first, "first typed here");
            problems.push((path.key("endpoints").index(at), problem));
        }
    }
}

fn routes(tree: &Node, problems: &mut Problems) {
    let services = tree.get("services").map(Node::entries).unwrap_or_default();
    let known = || services.iter().map(|entry| &*entry.key);
    let is_known: HashSet<&str> = known().collect();
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for (index, route) in section(tree, "routes").iter().enumerate() {
        let path = || path_of("routes", index);
        if let Some(node) = route.get("service")
            && let Some(scalar) = node.scalar()
            && !is_known.contains(&*scalar.text)
        {
            let shown =
                if scalar.typed().is_some() { scalar.describe() } else { format!("`{}`", &*scalar.text) };
            let message = format!("{} names a service that does not exist: {shown}", path().in_words());
            let problem = Problem::error(message);
            let problem = if services.is_empty() {
                problem.hint("add it under `services`")
            } else {
                problem.expected(format!("one of the services {}", list(known())))
            };
            let near = nearest(&scalar.text, known()).filter(|_| scalar.typed().is_none());
            problems.push((
                path().key("service"),
                problem.maybe_hint(near.map(|near| format!("did you mean `{near}`?"))),
            ));
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
