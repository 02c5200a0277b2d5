//! Ports that instances listen at one after the other: they exist, and nobody else has them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::instances::{command, port};
use super::{Problems, is_typed, scale, section};
use crate::file::{Admin, Keda};
use crate::node::Node;
use crate::path::Path;
use crate::report::Problem;
use crate::source::Span;
use crate::value::{Address, InstancePort, Typed};

/// The largest port.
const MAX: i64 = 65_535;

/// Ports of somebody, by the first of them: the last one, whose they are, and where that was typed. They do not
/// overlap.
type Taken = BTreeMap<i64, (i64, String, At)>;

/// Where an address was typed, or the section whose absence, or silence, means it.
#[derive(Clone, Copy)]
enum At {
    Typed(Span),
    Silent(&'static str),
}

/// Checks the instances of all services.
pub(super) fn check(tree: &Node, problems: &mut Problems) {
    let mut taken = None;
    for entry in tree.get("services").map(Node::entries).unwrap_or_default() {
        let Some(instances) = entry.value.get("instances") else { continue };
        let (Some(InstancePort::First(first)), Some(node)) = (port(instances), instances.get("port")) else {
            continue;
        };
        // One more than `max` while an instance is replaced: it begins before the old one ends.
        let (first, (_, max)) = (i64::from(first), scale::bounds(instances));
        if command(instances).is_none() || is_typed(instances, "image") || max < 1 {
            continue;
        }
        let last = first.saturating_add(max);
        let service = Path::new().key("services").key(&entry.key);
        let path = service.key("instances").key("port");
        if last > MAX {
            let problem = Problem::error(format!("{} leaves too few ports up to {MAX}", path.in_words()));
            let hint = format!("there are up to {max} instances, and one more while they are replaced");
            let expected = (1..=MAX).contains(&(MAX - max)).then(|| format!("at most {}", MAX - max));
            problems.push((path, Problem { expected, ..problem.hint(hint) }));
            continue;
        }
        let taken = taken.get_or_insert_with(|| listeners(tree));
        match taken.range(..=last).next_back() {
            Some((_, (end, whose, at))) if *end >= first => {
                let message =
                    format!("{} goes from {first} to {last}, where {whose} listens", path.in_words());
                let problem = Problem::error(message);
                let problem = match at {
                    At::Typed(at) => problem.also(*at, "the other one"),
                    At::Silent(hint) => problem.hint(*hint),
                };
                problems.push((path, problem));
            }
            _ => {
                taken.insert(first, (last, service.in_words(), At::Typed(node.span)));
            }
        }
    }
}

/// What Tidegate itself listens at.
fn listeners(tree: &Node) -> Taken {
    let typed = section(tree, "listeners").iter().enumerate();
    let listeners = typed.map(|(index, listener)| (format!("listener {}", index + 1), listener, "address"));
    let admin = tree.get("admin").map(|admin| ("the admin API".to_owned(), admin, "address"));
    let keda = tree.get("keda").map(|keda| ("`keda`".to_owned(), keda, "listen"));
    let taken = |(whose, node, key): (String, &Node, &str)| {
        let node = node.get(key).unwrap_or(node);
        let port = match Address::read(node.text()?).ok()? {
            Address::Port(port) => port,
            // Instances listen at 127.0.0.1, which other addresses leave free.
            Address::Ip(at) if at.ip().is_unspecified() || at.ip() == Ipv4Addr::LOCALHOST => at.port(),
            Address::Ip(_) | Address::Unix(_) => return None,
        };
        let port = i64::from(port);
        (port > 0).then_some((port, (port, whose, At::Typed(node.span))))
    };
    let mut taken: Taken = listeners.chain(admin).chain(keda).filter_map(taken).collect();
    if tree.get("admin").is_none_or(|admin| says_nothing_of(admin, "address")) {
        let at = At::Silent("it does so where `admin` says no `address`");
        let port = i64::from(Admin::DEFAULT_ADDRESS.port());
        taken.entry(port).or_insert((port, "the admin API".into(), at));
    }
    if tree.get("keda").is_some_and(|keda| says_nothing_of(keda, "listen")) {
        let at = At::Silent("it does so where `keda` says no `listen`");
        let port = i64::from(Keda::DEFAULT_LISTEN.port());
        taken.entry(port).or_insert((port, "`keda`".into(), at));
    }
    taken
}

/// A mapping without that key.
fn says_nothing_of(node: &Node, key: &str) -> bool {
    node.scalar().is_none() && !node.is_null() && node.get(key).is_none()
}
