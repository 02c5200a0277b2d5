//! Limits: what they count by is known, and what they hold is enough for one request and not too much for a clock.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::identity::Ways;
use super::names::bare_or;
use super::{Problems, integer, is_on, is_typed, path_of, section};
use crate::node::{Node, clip};
use crate::path::Path;
use crate::report::Problem;
use crate::source::Span;
use crate::value::{Address, Calendar, CostWord, LimitKey, Rate, Typed};

/// The longest that a bucket may take to fill.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Headers in which proxies tell the client's address, and clients whatever they like.
const ADDRESSES: [&str; 5] = ["x-forwarded-for", "forwarded", "x-real-ip", "x-client-ip", "true-client-ip"];

/// Whose limits they are, and with them who can be told apart.
#[derive(Clone, Copy)]
enum Owner<'o, 't> {
    /// They hold for every route; these are the ways of all.
    File(&'o Ways<'t>),
    /// A route's, which takes these ways.
    Route(&'o Ways<'t>),
    /// The consumers of a plan.
    Plan,
}

/// Checks every limit of the file.
pub(super) fn check(tree: &Node, ways: &Ways<'_>, problems: &mut Problems) {
    let mut check = Check { problems, by_address: None };
    let none = Names::new();
    let everywhere = check.owner(tree, &Path::new(), Owner::File(ways), &none);
    for (index, route) in section(tree, "routes").iter().enumerate() {
        if ["rate_limit", "concurrency"].iter().any(|key| route.get(key).is_some()) {
            let own = Ways::of_one(route);
            check.owner(route, &path_of("routes", index), Owner::Route(&own), &everywhere);
        }
    }
    for plan in tree.get("plans").map(Node::entries).unwrap_or_default() {
        let path = Path::new().key("plans").key(&plan.key);
        check.owner(&plan.value, &path, Owner::Plan, &everywhere);
    }
    let by_address = check.by_address;
    alone(tree, problems);
    if let Some(path) = by_address {
        sockets(tree, path, problems);
    }
}

/// Names of limits, and where they were typed.
type Names<'t> = HashMap<&'t str, Span>;

/// The walk over all limits.
struct Check<'p> {
    problems: &'p mut Problems,
    /// The first limit that counts by the client's address.
    by_address: Option<Path>,
}

impl Check<'_> {
    /// Checks what one owner has, and gives the names. `others` are those of limits that hold for the same requests.
    fn owner<'t>(
        &mut self,
        node: &'t Node,
        path: &Path,
        owner: Owner<'_, '_>,
        others: &Names<'t>,
    ) -> Names<'t> {
        let mut names = Names::new();
        if let Some(limits) = node.get("rate_limit") {
            let path = path.key("rate_limit");
            for (at, limit) in limits.one_or_list().iter().enumerate() {
                let path = if limits.items().is_empty() { path.clone() } else { path.index(at) };
                self.key(limit, &path, owner);
                self.amounts(limit, &path);
                self.name(limit, &path, others, &mut names);
            }
        }
        // At the top of the file there is no such key.
        if let Some(gate) = node.get("concurrency").filter(|_| !matches!(owner, Owner::File(_))) {
            self.key(gate, &path.key("concurrency"), owner);
        }
        names
    }

    /// What a limit counts by is known of the callers that it is for.
    fn key(&mut self, limit: &Node, path: &Path, owner: Owner<'_, '_>) {
        let Some(typed) = limit.get("key") else {
            let nobody = match owner {
                Owner::File(_) => true,
                Owner::Route(ways) => !ways.identify(),
                Owner::Plan => false,
            };
            if nobody {
                self.by_address.get_or_insert_with(|| path.clone());
            }
            return;
        };
        let path = path.key("key");
        let parts: Vec<(&Node, LimitKey)> = typed
            .one_or_list()
            .iter()
            .filter_map(|node| Some((node, LimitKey::read(node.text()?).ok()?)))
            .collect();
        let whole = parts.len() == typed.one_or_list().len();
        if matches!(owner, Owner::Plan) && whole && !parts.iter().any(|(_, key)| *key == LimitKey::Consumer) {
            let message =
                format!("{} leaves the consumer out, and a plan is each consumer's own", path.in_words());
            let problem = Problem::error(message).expected("no `key`, or a list with `consumer`");
            self.problems.push((path.clone(), problem));
        }
        let mut seen = HashSet::new();
        for (node, key) in &parts {
            if !seen.insert(key) {
                let problem = Problem::error(format!("{} has `{key}` twice", path.in_words()));
                self.problems.push((path.clone(), problem.at(node.span)));
            }
            if *key == LimitKey::Ip {
                self.by_address.get_or_insert_with(|| path.clone());
            }
            if *key == LimitKey::Global && parts.len() > 1 {
                let message = format!("`global` adds nothing to the others in {}", path.in_words());
                self.problems.push((path.clone(), Problem::warning(message).at(node.span)));
            }
            if let Some(problem) = unknown(key, &path, owner) {
                self.problems.push((path.clone(), problem.at(node.span)));
            }
        }
    }

    /// One request fits, a bucket fills within a year, and who waits waits for a bucket.
    fn amounts(&mut self, limit: &Node, path: &Path) {
        let rate = bare_or(limit, "rate").and_then(|node| Rate::read(node.text()?).ok());
        let Some(rate) = rate else { return };
        let has_burst = limit.get("burst").is_some();
        let quota = rate.calendar().filter(|_| !has_burst);
        self.waiting(limit, quota, path);
        let burst = integer(limit, "burst").and_then(|burst| u64::try_from(burst).ok());
        // A burst that is none was told.
        let Some(holds) = (if has_burst { burst.filter(|burst| *burst > 0) } else { Some(rate.count()) })
        else {
            return;
        };
        let cost = limit.get("cost").and_then(|node| CostWord::read(bare_or(node, "of")?.text()?).ok());
        if let Some(CostWord::Fixed(cost)) = cost
            && u64::from(cost) > holds
        {
            let at = path.key("cost");
            let message =
                format!("{} is more than the limit ever holds, {holds}: nothing gets through", at.in_words());
            let hint = if quota.is_some() { "raise the `rate`" } else { "raise `burst`" };
            self.problems.push((at, Problem::error(message).hint(hint)));
        }
        if quota.is_none() {
            self.bucket(rate, holds, &path.key(if has_burst { "burst" } else { "rate" }));
        }
    }

    /// Nobody waits for a quota, and nobody has to wait where nobody is refused.
    fn waiting(&mut self, limit: &Node, quota: Option<Calendar>, path: &Path) {
        let Some(queue) = limit.get("on_exceed").and_then(|on| on.get("queue")) else { return };
        let at = path.key("on_exceed");
        if let Some(span) = quota {
            let next = match span {
                Calendar::Hour => "hour",
                Calendar::Day => "day",
                Calendar::Month => "month",
            };
            let message = format!("{} is a quota: nobody can wait for the next {next}", path.in_words());
            let hint = "with `burst` it is a bucket, which fills evenly; or take `queue` away";
            self.problems.push((at, Problem::error(message).at(queue.span).hint(hint)));
        } else if is_on(limit.get("shadow")) {
            let problem = Problem::warning(format!("{} has no effect with `shadow`", at.in_words()));
            self.problems.push((at, problem));
        }
    }

    /// What a bucket holds is a number that its clock can count.
    fn bucket(&mut self, rate: Rate, holds: u64, at: &Path) {
        let fills = u128::from(holds) * rate.per().as_nanos() / u128::from(rate.count());
        if fills > YEAR.as_nanos() {
            let message = format!("at this rate {} takes longer than a year to fill", at.in_words());
            let hint = "`burst` is what may come at once";
            self.problems.push((at.clone(), Problem::error(message).hint(hint)));
        } else if u32::try_from(holds).is_err() {
            let problem = Problem::error(format!("{} is too large for a bucket", at.in_words()));
            self.problems.push((at.clone(), problem.hint("add a `burst`: what may come at once")));
        }
    }

    /// Limits that hold for the same request have names of their own.
    fn name<'t>(&mut self, limit: &'t Node, path: &Path, others: &Names<'t>, names: &mut Names<'t>) {
        let Some(node) = limit.get("name") else { return };
        let Some(name) = node.text() else { return };
        if let Some(first) = others.get(name).or_else(|| names.get(name)) {
            let problem = Problem::error(format!("two limits have the name `{}`", clip(name)));
            let problem = problem.hint("clients tell them apart by it");
            self.problems.push((path.key("name"), problem.also(*first, "first typed here")));
        } else {
            names.insert(name, node.span);
        }
    }
}

/// What is wrong with counting by `key` where these callers come.
fn unknown(key: &LimitKey, path: &Path, owner: Owner<'_, '_>) -> Option<Problem> {
    let at = path.in_words();
    let (ways, add) = match owner {
        Owner::File(ways) => (Some(ways), "to a route"),
        Owner::Route(ways) => (Some(ways), "to the route"),
        Owner::Plan => (None, ""),
    };
    match key {
        LimitKey::Consumer if ways.is_some_and(|ways| !ways.identify()) => {
            let problem = Problem::error(format!("{at} counts by `consumer`, and nobody is identified"));
            Some(problem.hint(format!("add `auth: [api_key]` {add}, or write `key: ip`")))
        }
        LimitKey::ApiKey if ways.is_some_and(|ways| !ways.has("api_key")) => {
            let problem = Problem::error(format!("{at} counts by `api_key`, which nobody has to show"));
            Some(problem.hint(format!("add `auth: [api_key]` {add}, or write `key: consumer`")))
        }
        LimitKey::Claim(claim) if ways.is_some_and(|ways| !ways.bring_claims()) => {
            let problem =
                Problem::error(format!("{at} counts by the claim `{claim}`, and nobody has claims"));
            Some(
                problem.hint(format!("add `auth: [jwt]` {add}; `introspection` and `oidc` bring claims too")),
            )
        }
        LimitKey::Header(name) if ADDRESSES.contains(&name.as_str()) => {
            let problem = Problem::warning(format!("{at} counts by `{name}`, which clients can make up"));
            Some(problem.hint("write `key: ip`, and name the proxies in front under `trusted_proxies`"))
        }
        _ => None,
    }
}

/// Without `cluster`, nothing is counted together. The first of each key is told.
fn alone(tree: &Node, problems: &mut Problems) {
    if tree.get("cluster").is_some() {
        return;
    }
    let places = |key: &str| {
        let lists = section(tree, "routes").iter().enumerate();
        let routes = lists.map(|(index, route)| (path_of("routes", index), route));
        let plans = tree.get("plans").map(Node::entries).unwrap_or_default().iter();
        let plans = plans.map(|plan| (Path::new().key("plans").key(&plan.key), &plan.value));
        let mut all = std::iter::once((Path::new(), tree)).chain(routes).chain(plans);
        all.find_map(|(path, owner)| {
            let limits = owner.get("rate_limit")?;
            let at = limits.one_or_list().iter().position(|limit| is_typed(limit, key))?;
            let path = path.key("rate_limit");
            Some(if limits.items().is_empty() { path.key(key) } else { path.index(at).key(key) })
        })
    };
    for key in ["precision", "on_store_error"] {
        if let Some(path) = places(key) {
            let problem = Problem::warning(format!("{} has no effect without `cluster`", path.in_words()));
            problems.push((path, problem.hint("a node on its own always counts exactly")));
        }
    }
}

/// Who comes through a Unix socket has no address.
fn sockets(tree: &Node, path: Path, problems: &mut Problems) {
    for (index, listener) in section(tree, "listeners").iter().enumerate() {
        let address =
            listener.get("address").unwrap_or(listener).text().and_then(|text| Address::read(text).ok());
        let told = listener.get("proxy_protocol").is_some_and(|node| node.text() != Some("off"));
        if matches!(address, Some(Address::Unix(_))) && !told {
            let message = format!(
                "{} counts by address, and clients of listener {} have none",
                path.in_words(),
                index + 1
            );
            let hint =
                format!("add `proxy_protocol: any` to listener {}, or count by another `key`", index + 1);
            problems.push((path, Problem::warning(message).hint(hint)));
            return;
        }
    }
}
