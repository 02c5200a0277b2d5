//! What one part of the file says about another: names that must exist or be unique, keys that need each other.
//!
//! The checks read the tree, not the types, so they also run where something else in the file is wrong and
//! everything is told at once. A part that is broken is passed over: its problem was told already.

mod attempts;
mod authorities;
mod cache;
mod cluster;
mod consumers;
mod cors;
mod endpoints;
mod identity;
mod instances;
mod kubernetes;
mod limits;
mod names;
mod ports;
mod routes;
mod scale;
mod services;
mod static_files;

use std::collections::HashMap;

use crate::file::Admin;
use crate::node::Node;
use crate::path::Path;
use crate::report::{Problem, Report, Severity};
use crate::source::Span;
use crate::value::{Address, AdminAddress, Period, Typed};

pub(crate) use endpoints::check as check_endpoints;

/// Checks the whole file; problems go to the report.
pub(crate) fn check(tree: &Node, report: &mut Report) {
    let mut problems = Vec::new();
    listeners(tree, &mut problems);
    admin(tree, &mut problems);
    let names = names::Names::of(tree);
    services::check(tree, &names, &mut problems);
    routes::check(tree, &names, &mut problems);
    endpoints::zones(tree, &mut problems);
    ports::check(tree, &mut problems);
    kubernetes::keda(tree, &mut problems);
    let ways = identity::Ways::of(tree);
    identity::check(tree, &ways, &mut problems);
    consumers::check(tree, &ways, &mut problems);
    authorities::check(tree, &mut problems);
    limits::check(tree, &ways, &mut problems);
    cors::check(tree, &mut problems);
    cache::check(tree, &mut problems);
    static_files::check(tree, &mut problems);
    cluster::check(tree, &mut problems);
    tell(problems, report);
}

/// Hands the problems to the report.
fn tell(problems: Problems, report: &mut Report) {
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
            if is_typed(tls, "client_auth") && tls.get("client_ca").is_none() {
                let at = path.key("tls").key("client_auth");
                let problem = Problem::error(format!("{} goes with `client_ca`", at.in_words()));
                let hint = "add `client_ca: clients.pem`, the authorities that sign clients' certificates";
                problems.push((at, problem.hint(hint)));
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

/// A duration that was typed, or what holds where none was; `None` where it is broken.
fn period(node: Option<&Node>, otherwise: Period) -> Option<Period> {
    node.map_or(Some(otherwise), |node| Period::read(node.text()?).ok())
}

/// The hint that says what holds for a key that was not typed.
fn absent(node: &Node, key: &str, default: impl std::fmt::Display) -> Option<String> {
    node.get(key).is_none().then(|| format!("`{key}` is {default} where it is absent"))
}

/// Whether a boolean was typed, and is true.
fn is_on(node: Option<&Node>) -> bool {
    let scalar = node.and_then(Node::scalar);
    scalar.is_some_and(|scalar| scalar.as_bool().or_else(|| scalar.as_switch()) == Some(true))
}

/// Whether a key was typed, with a value behind it.
fn is_typed(node: &Node, key: &str) -> bool {
    node.get(key).is_some_and(|value| !value.is_null())
}

/// The whole number that was typed under `key`.
fn integer(node: &Node, key: &str) -> Option<i64> {
    node.get(key)?.scalar()?.as_integer()
}
