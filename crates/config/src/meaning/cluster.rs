//! `cluster`: the servers, and what goes with how they stand together.

use super::{Problems, is_typed};
use crate::node::Node;
use crate::path::Path;
use crate::report::Problem;
use crate::value::{RedisUrl, Typed};

/// Checks `cluster.redis`.
pub(super) fn check(tree: &Node, problems: &mut Problems) {
    let Some(redis) = tree.get("cluster").and_then(|cluster| cluster.get("redis")) else { return };
    let path = Path::new().key("cluster").key("redis");
    let nodes = ["url", "urls"].iter().find_map(|key| redis.get(key)).unwrap_or(redis).one_or_list();
    let urls: Vec<(&Node, RedisUrl)> =
        nodes.iter().filter_map(|node| Some((node, RedisUrl::read(node.text()?).ok()?))).collect();
    let mode = redis.get("mode").map_or(Some("single"), Node::text);
    mode_of(redis, mode, &urls, &path, problems);
    let Some(((_, first), others)) = urls.split_first() else { return };
    if let Some((node, _)) = others.iter().find(|(_, url)| url.secure != first.secure) {
        let problem = Problem::error("some servers of `cluster.redis` are asked with TLS and some without");
        problems.push((path.key("urls"), problem.at(node.span)));
    }
    if is_typed(redis, "ca") && !urls.iter().any(|(_, url)| url.secure) {
        let problem = Problem::warning("`cluster.redis.ca` has no effect");
        problems.push((path.key("ca"), problem.hint("it is for URLs that start with `rediss://`")));
    }
    for (key, has) in [
        ("username", urls.iter().any(|(_, url)| url.username.is_some())),
        ("password", urls.iter().any(|(_, url)| url.password.is_some())),
    ] {
        if has && is_typed(redis, key) {
            let problem = Problem::error(format!("`cluster.redis` has a {key} twice: in its URL too"));
            problems.push((path.key(key), problem.hint("leave it out of the URL")));
        }
    }
}

/// What goes with one server, with sentinels and with a Redis Cluster.
fn mode_of(
    redis: &Node,
    mode: Option<&str>,
    urls: &[(&Node, RedisUrl)],
    path: &Path,
    problems: &mut Problems,
) {
    match (mode, redis.get("master").is_some()) {
        (Some("sentinel"), false) => {
            let problem = Problem::error("`mode: sentinel` needs a `master`");
            problems.push((
                path.key("mode"),
                problem.hint("add `master: mymaster`, the name the sentinels have for it"),
            ));
        }
        (Some("single" | "cluster"), true) => {
            let problem = Problem::error("`cluster.redis.master` goes with `mode: sentinel`");
            problems.push((path.key("master"), problem));
        }
        _ => {}
    }
    if let (Some("single"), [_, (second, _), ..]) = (mode, urls) {
        let problem = Problem::error("`cluster.redis` names several servers").at(second.span);
        let problem = problem.expected("one, or `mode: sentinel`, or `mode: cluster`");
        problems.push((path.key("urls"), problem));
    }
    let numbered = urls.iter().find(|(_, url)| url.database != 0);
    if let (Some("cluster"), Some((node, _))) = (mode, numbered) {
        let problem = Problem::error("a Redis Cluster has no database but 0").at(node.span);
        problems.push((path.key("urls"), problem));
    }
}
