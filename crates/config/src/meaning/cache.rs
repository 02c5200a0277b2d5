//! `cache`: what is kept fits where it is kept, names in tags exist, and what is private stays so.

use super::identity::Ways;
use super::names::bare_or;
use super::{Problems, is_on, is_typed, path_of, section};
use crate::file::{Cache, CacheDisk, SharedCache};
use crate::node::{Node, clip};
use crate::path::Path;
use crate::report::Problem;
use crate::suggest::{list, nearest};
use crate::value::{ByteSize, Cidr, TagText, Typed};

/// Routes that answer without a service, and why their answers are not kept.
const ANSWERED_HERE: [(&str, &str); 3] = [
    ("redirect", "a redirect is made here, which takes less time than looking one up"),
    ("respond", "the answer is made here, which takes less time than looking one up"),
    (
        "static",
        "files are read from this machine, which keeps them in memory by itself; what browsers keep is said by `static.cache_control`",
    ),
];

/// Headers that are no part of a key, and what is meant by them.
const NO_KEYS: [(&str, &str); 3] = [
    ("cookie", "name the cookies that matter under `key.cookies`"),
    ("authorization", "`per_consumer: true` gives each caller responses of its own"),
    ("host", "the host is part of the key, unless `any_host` is true"),
];

/// Checks the cache that routes share, and that of every route.
pub(super) fn check(tree: &Node, problems: &mut Problems) {
    let kept = Kept::of(tree);
    let mut used = false;
    for (index, route) in section(tree, "routes").iter().enumerate() {
        // `cache:` with nothing behind it is `cache: {}`.
        let Some(cache) = route.get("cache") else { continue };
        used = true;
        let path = path_of("routes", index);
        if let Some((action, why)) = ANSWERED_HERE.iter().find(|(action, _)| route.get(action).is_some()) {
            let message = format!("{} has nothing to keep beside `{action}`", path.key("cache").in_words());
            let problem = Problem::error(message).expected("`service` or `split` in the route");
            problems.push((path.key("cache"), problem.hint(*why)));
            continue;
        }
        one(route, cache, &path, kept, problems);
    }
    let Some(shared) = tree.get("cache").filter(|shared| !shared.is_null()) else { return };
    let path = Path::new().key("cache");
    if !used {
        let problem = Problem::warning("`cache` has no effect: no route has one");
        problems.push((path.clone(), problem.hint("add `cache: {}` or `cache: 60s` to a route")));
    }
    disk(tree, shared, &path.key("disk"), problems);
    purgers(shared, &path.key("purge_from"), problems);
}

/// Where responses are kept, and what it takes.
#[derive(Clone, Copy)]
enum Kept {
    /// In memory alone, which has so many bytes.
    InMemory(u64),
    /// On disk too, which takes responses of so many bytes.
    OnDisk(u64),
}

impl Kept {
    /// `None` where that is broken.
    fn of(tree: &Node) -> Option<Self> {
        let key = |key| tree.get("cache").and_then(|shared| shared.get(key)).filter(|node| !node.is_null());
        if let Some(disk) = key("disk") {
            let size = bytes(bare_or(disk, "size")?)?;
            let most = disk.get("max_object").map_or(Some(CacheDisk::MAX_OBJECT.min(size)), bytes);
            return most.map(Self::OnDisk);
        }
        key("memory").map_or(Some(SharedCache::default().memory.get()), bytes).map(Self::InMemory)
    }
}

fn bytes(node: &Node) -> Option<u64> {
    ByteSize::read(node.text()?).ok().map(ByteSize::get)
}

/// The disk holds its largest response, in a folder of its own.
fn disk(tree: &Node, shared: &Node, path: &Path, problems: &mut Problems) {
    let Some(disk) = shared.get("disk") else { return };
    if let (Some(size), Some(most)) =
        (disk.get("size").and_then(bytes), disk.get("max_object").and_then(bytes))
        && most > size
    {
        let at = path.key("max_object");
        let problem =
            Problem::error(format!("{} is larger than `size`: nothing of that size fits", at.in_words()));
        problems.push((at, problem.expected(format!("at most {}", ByteSize::show(size)))));
    }
    let data_dir = tree.get("data_dir").and_then(Node::text).map_or_else(crate::file::data_dir, Into::into);
    if let Some(folder) = disk.get("path").and_then(Node::text) {
        let at = path.key("path");
        if folder.is_empty() {
            problems.push((
                at.clone(),
                Problem::error(format!("{} is empty", at.in_words())).expected("a folder"),
            ));
        } else if std::path::Path::new(folder) == data_dir {
            let problem = Problem::error(format!("{} is `data_dir` itself", at.in_words()));
            let hint = "what is in the folder of the cache may be thrown away at any time; give it its own";
            problems.push((at, problem.expected("a folder of its own").hint(hint)));
        }
    }
}

/// A range of all addresses lets anybody empty the cache.
fn purgers(shared: &Node, path: &Path, problems: &mut Problems) {
    let Some(ranges) = shared.get("purge_from") else { return };
    for range in ranges.one_or_list() {
        let everybody = range.text().is_some_and(|text| text.ends_with("/0") && Cidr::read(text).is_ok());
        if everybody {
            let problem =
                Problem::warning(format!("{} lets everybody purge", path.in_words())).at(range.span);
            problems.push((path.clone(), problem.hint("name the networks from which it is done")));
        }
    }
}

/// Checks the cache of one route that forwards; `path` is the route's.
fn one(route: &Node, cache: &Node, path: &Path, kept: Option<Kept>, problems: &mut Problems) {
    let at = path.key("cache");
    let methods = route.get("match").and_then(|matches| matches.get("methods")).map(Node::items);
    let reads = |method: &Node| matches!(method.text(), Some("GET" | "HEAD"));
    if methods.is_some_and(|methods| !methods.is_empty() && !methods.iter().any(reads)) {
        let problem =
            Problem::warning(format!("{} has no effect: only answers to GET are kept", at.in_words()));
        problems.push((at.clone(), problem.hint("the `methods` of the route leave GET out")));
    }
    callers(route, cache, &at, problems);
    room(cache, &at, kept, problems);
    tags(route, cache, &at.key("tags"), problems);
    headers(cache, &at, problems);
}

/// Whose responses they are.
fn callers(route: &Node, cache: &Node, at: &Path, problems: &mut Problems) {
    let identified = Ways::of_one(route).identify();
    let per_consumer = is_on(cache.get("per_consumer"));
    if is_on(cache.get("force")) {
        let at = at.key("force");
        if bare_or(cache, "ttl").is_none() {
            let problem = Problem::error(format!("{} does not say for how long", at.in_words()));
            problems.push((at, problem.expected("a `ttl` beside it").hint("add `ttl: 60s`")));
        } else if identified && !per_consumer {
            let message = format!("with {} responses to one caller are given to all others", at.in_words());
            let problem = Problem::warning(message);
            let hint = "what the service says is `private` is kept too; add `per_consumer: true`, or take `force` away";
            problems.push((at, problem.hint(hint)));
        }
    }
    if per_consumer && !identified {
        let at = at.key("per_consumer");
        let message = format!("{} tells callers apart, and the route identifies nobody", at.in_words());
        let hint = "add `auth: [api_key]` or another way to the route; else callers are told apart by their \
                    `Authorization` alone";
        problems.push((at, Problem::warning(message).hint(hint)));
    }
}

/// What is kept fits where it is kept.
fn room(cache: &Node, at: &Path, kept: Option<Kept>, problems: &mut Problems) {
    let (Some(most), Some(kept)) = (cache.get("max_object").and_then(bytes), kept) else { return };
    let at = at.key("max_object");
    let words = at.in_words();
    let problem = match kept {
        Kept::OnDisk(limit) if most > limit => {
            let problem = Problem::error(format!("{words} is larger than what the disk keeps"));
            let problem = problem.expected(format!("at most {}", ByteSize::show(limit)));
            problem.hint("raise `cache.disk.max_object` at the top of the file")
        }
        Kept::InMemory(memory) if most > memory => {
            let problem = Problem::error(format!("{words} is larger than the memory"));
            let problem = problem.expected(format!("at most {}", ByteSize::show(memory)));
            problem.hint("add `disk: 10GiB` to `cache` at the top of the file, or raise its `memory`")
        }
        Kept::InMemory(memory) if most > memory / Cache::SHARE => {
            let share = ByteSize::show(memory / Cache::SHARE);
            let message =
                format!("responses above {share} may find no room in the memory, whatever {words} says");
            let enough = ByteSize::show(most.saturating_mul(Cache::SHARE));
            Problem::warning(message).hint(format!(
                "one response gets an eighth of it at most: raise `cache.memory` to {enough}, or add `cache.disk`"
            ))
        }
        _ => return,
    };
    problems.push((at, problem));
}

/// Names in tags are parameters of the path, of the query, or headers.
fn tags(route: &Node, cache: &Node, path: &Path, problems: &mut Problems) {
    let Some(tags) = cache.get("tags") else { return };
    let template =
        route.get("match").and_then(|matches| matches.get("path")).and_then(Node::text).unwrap_or("");
    let known: Vec<&str> =
        template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect();
    for (index, tag) in tags.one_or_list().iter().enumerate() {
        let Some(text) = tag.text().filter(|text| TagText::read(text).is_ok()) else { continue };
        let right = |name: &&str| known.contains(name) || TagText::is_query(name) || TagText::is_header(name);
        let Some(name) = TagText::names_in(text).find(|name| !right(name)) else { continue };
        let at = if tags.items().is_empty() { path.clone() } else { path.index(index) };
        // A tag out of a variable is not shown.
        let hidden = tag.scalar().is_some_and(|scalar| scalar.typed().is_some());
        let shown = if hidden { "something".into() } else { format!("`{{{}}}`", clip(name)) };
        let message = format!("{} names {shown}, which the path does not have", at.in_words());
        let parameters = known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>();
        let forms = parameters.iter().map(String::as_str).chain(["{query.NAME}", "{header.NAME}"]);
        let near = nearest(name, known.iter().copied()).filter(|_| !hidden);
        let problem = Problem::error(message).at(tag.span).expected(format!("one of {}", list(forms)));
        problems.push((at, problem.maybe_hint(near.map(|near| format!("did you mean `{{{near}}}`?")))));
    }
}

/// Headers of the key, and of the response.
fn headers(cache: &Node, at: &Path, problems: &mut Problems) {
    if let Some(key) = cache.get("key") {
        let names = key.get("headers").map(Node::one_or_list).unwrap_or_default();
        for (index, node) in names.iter().enumerate() {
            let Some(name) = node.text().map(str::to_ascii_lowercase) else { continue };
            if let Some((_, hint)) = NO_KEYS.iter().find(|(header, _)| *header == name) {
                let at = at.key("key").key("headers");
                let problem = Problem::error(format!("{} names `{name}`", at.in_words())).at(node.span);
                problems.push((at.index(index), problem.hint(*hint)));
            }
        }
    }
    if !is_typed(cache, "targeted") {
        return;
    }
    let names = cache.get("targeted").map(Node::one_or_list).unwrap_or_default();
    let plain = |node: &&Node| node.text().is_some_and(|name| name.eq_ignore_ascii_case("cache-control"));
    if let Some(node) = names.iter().find(plain) {
        let at = at.key("targeted");
        let problem = Problem::error(format!("{} names `cache-control`", at.in_words())).at(node.span);
        problems.push((at, problem.hint("it counts where none of the others is there; leave it out")));
    }
}
