//! Kubernetes: a cluster from outside has no namespace of Tidegate's own; and what KEDA asks has a port to itself.

use super::{Problems, any_free_port, is_typed, section};
use crate::file::{Admin, Keda};
use crate::node::Node;
use crate::path::Path;
use crate::report::Problem;
use crate::value::{Address, AdminAddress, Typed};

/// Targets that KEDA is told about.
const TARGETS: [&str; 2] = ["concurrency", "rps"];

/// Checks the `deployment` at `path`.
pub(super) fn deployment(node: &Node, path: &Path, problems: &mut Problems) {
    if is_typed(node, "api") && !is_typed(node, "namespace") {
        let problem = Problem::error(format!("{} needs `namespace` beside `api`", path.in_words()));
        let hint =
            "only a pod of the cluster has a namespace of its own; write for example `namespace: default`";
        problems.push((path.clone(), problem.hint(hint)));
    }
}

/// Checks `keda`.
pub(super) fn keda(tree: &Node, problems: &mut Problems) {
    let Some(node) = tree.get("keda").filter(|node| !node.is_null()) else { return };
    let path = Path::new().key("keda");
    let (at, typed) = match node.get("listen") {
        Some(listen) => (path.key("listen"), Some(listen)),
        None => (path.clone(), node.scalar().is_some().then_some(node)),
    };
    let read = typed.map_or(Ok(Address::Ip(Keda::DEFAULT_LISTEN)), |node| {
        node.text().map_or(Err(crate::value::Bad::plain()), Address::read)
    });
    // What is no address was told already.
    let Ok(address) = read else { return };
    if matches!(address, Address::Unix(_)) {
        let problem = Problem::error(format!("{} is a Unix socket", at.in_words()));
        problems.push((at, problem.expected("an address that KEDA can reach, such as `:9095`")));
    } else if let Some(whose) = taken(tree, &address) {
        problems.push((at, Problem::error(format!("`keda` has the address of {whose}, {address}"))));
    }
    if !somebody_has_a_target(tree) {
        let problem = Problem::warning("`keda` has nothing to tell");
        let hint = "add `concurrency` or `rps` to `scale` of the instances that KEDA is to scale";
        problems.push((path, problem.hint(hint)));
    }
}

/// Who else listens there.
fn taken(tree: &Node, address: &Address) -> Option<String> {
    if any_free_port(address) {
        return None;
    }
    let is_it = |node: &Node| node.text().map(Address::read).is_some_and(|read| read.as_ref() == Ok(address));
    let listener =
        section(tree, "listeners").iter().position(|node| is_it(node.get("address").unwrap_or(node)));
    if let Some(index) = listener {
        return Some(format!("listener {}", index + 1));
    }
    let admin = tree.get("admin").map(|admin| admin.get("address").unwrap_or(admin));
    let admin = match admin.and_then(Node::text).map(AdminAddress::read) {
        Some(Ok(AdminAddress::At(address))) => address,
        Some(_) => return None,
        None => Address::Ip(Admin::DEFAULT_ADDRESS),
    };
    (admin == *address).then(|| "the admin API".to_owned())
}

fn somebody_has_a_target(tree: &Node) -> bool {
    let services = tree.get("services").map(Node::entries).unwrap_or_default();
    services.iter().any(|entry| {
        let scale = entry.value.get("instances").and_then(|instances| instances.get("scale"));
        scale.is_some_and(|scale| TARGETS.iter().any(|key| is_typed(scale, key)))
    })
}
