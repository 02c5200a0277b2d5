//! Services: what their keys say about each other.

use super::names::{Names, bare_or, fallback};
use super::{Problems, absent, attempts, endpoints, instances, is_on, is_typed, period};
use crate::file::{AdaptiveConcurrency, HealthCheck, OutlierDetection, Timeouts};
use crate::node::{Node, Scalar};
use crate::path::Path;
use crate::report::Problem;
use crate::value::EndpointUrl;

/// Checks every service.
pub(super) fn check(tree: &Node, names: &Names<'_>, problems: &mut Problems) {
    for entry in tree.get("services").map(Node::entries).unwrap_or_default() {
        let (service, path) = (&entry.value, Path::new().key("services").key(&entry.key));
        if !names.is_used(&entry.key) {
            let message = format!("no route uses service `{}`", &*entry.key);
            problems.push((path.clone(), Problem::warning(message)));
        }
        let (list, at) = endpoints::of_service(service, &path);
        endpoints::list(list, &at, &path, problems);
        endpoints::looked_up(service, &path, problems);
        instances::check(service, &path, problems);
        tls(service, list, &path, problems);
        balance(service, &path, problems);
        if let Some(check) = service.get("health_check") {
            health(check, &path.key("health_check"), problems);
        }
        if let Some(outliers) = service.get("outlier_detection") {
            ejection(outliers, &path.key("outlier_detection"), problems);
        }
        capacity(service, list, &path, problems);
        attempts::check(
            service,
            &path,
            attempts::whole(service, Some((Timeouts::default().request, None))),
            problems,
        );
        if let Some(node) = fallback(service) {
            let at = path.key("fallback");
            problems
                .extend(names.unknown(node, &at).map(|problem| (at.key("service"), problem.at(node.span))));
        }
    }
    names.circles(problems);
}

/// `tls` is for endpoints that are spoken to with TLS.
fn tls(service: &Node, list: &[Node], path: &Path, problems: &mut Problems) {
    let plain =
        |node: &Node| endpoints::url_of(node).is_some_and(|url| !matches!(url, EndpointUrl::Https { .. }));
    let found = ["dns", "srv"].iter().find_map(|key| service.get(key));
    let found_plain = found.is_some_and(|node| {
        !node.is_null() && node.get("scheme").is_none_or(|scheme| scheme.text() == Some("http"))
    });
    let launched = service.get("instances").is_some_and(instances::is_launched);
    let pods = service.get("instances").is_some_and(|instances| is_typed(instances, "deployment"));
    let all_plain = (!list.is_empty() && list.iter().all(plain)) || found_plain || launched || pods;
    if all_plain && service.get("tls").is_some_and(|tls| !tls.is_null()) {
        let problem = Problem::warning(format!("`tls` of {} has no effect", path.in_words()));
        let hint = if launched {
            "instances that Tidegate launches are spoken to in clear text, on this machine"
        } else if pods {
            "pods are spoken to in clear text"
        } else if found_plain {
            "add `scheme: https`"
        } else {
            "it is for endpoints that start with `https://`"
        };
        problems.push((path.key("tls"), problem.hint(hint)));
    }
}

/// Keys that only policies with a hash know.
fn balance(service: &Node, path: &Path, problems: &mut Problems) {
    let policy = service.get("lb_policy").map(|node| node.text().unwrap_or_default());
    let hashes = match policy {
        Some("maglev" | "ring_hash") => true,
        None | Some("p2c_ewma" | "least_request" | "round_robin" | "random" | "first") => false,
        // It is none of the policies, which was told.
        Some(_) => return,
    };
    for key in ["hash_on", "bounded_load"].iter().filter(|key| !hashes && service.get(key).is_some()) {
        let at = path.key(key);
        let message = format!("{} needs a policy that hashes", at.in_words());
        problems
            .push((at, Problem::error(message).expected("`lb_policy: maglev` or `lb_policy: ring_hash`")));
    }
}

fn health(check: &Node, path: &Path, problems: &mut Problems) {
    let (tcp, grpc) = (check.get("tcp").is_some(), check.get("grpc").is_some());
    let one_kind = check.get("path").is_none() && (tcp != grpc);
    for (key, needs, wrong) in [("expect", "`path`", tcp || grpc), ("host", "`path` or `grpc`", tcp)] {
        if one_kind && wrong && check.get(key).is_some() {
            let at = path.key(key);
            let message = format!("{} goes with {needs}", at.in_words());
            problems.push((at, Problem::error(message)));
        }
    }
    let timeout = period(check.get("timeout"), HealthCheck::TIMEOUT);
    let interval = period(check.get("interval"), HealthCheck::INTERVAL);
    if timeout.zip(interval).is_some_and(|(timeout, interval)| timeout > interval) {
        let message =
            format!("a probe may take longer than the time between two of them in {}", path.in_words());
        let at = path.key(if check.get("timeout").is_some() { "timeout" } else { "interval" });
        problems.push((
            at,
            Problem::warning(message).hint("a `timeout` below `interval` finds a dead endpoint sooner"),
        ));
    }
}

fn ejection(outliers: &Node, path: &Path, problems: &mut Problems) {
    let base = period(outliers.get("base_ejection_time"), OutlierDetection::BASE);
    let max = period(outliers.get("max_ejection_time"), OutlierDetection::MAX);
    if base.zip(max).is_some_and(|(base, max)| base > max) {
        let message =
            format!("`base_ejection_time` is longer than `max_ejection_time` in {}", path.in_words());
        let problem =
            Problem::error(message).maybe_hint(absent(outliers, "max_ejection_time", OutlierDetection::MAX));
        let problem = problem.maybe_hint(absent(outliers, "base_ejection_time", OutlierDetection::BASE));
        problems.push((path.clone(), problem));
    }
}

/// Limits of a service, and the queue that is for what is above them.
fn capacity(service: &Node, list: &[Node], path: &Path, problems: &mut Problems) {
    let limits = ["max_connections", "max_requests"];
    let limited = |node: &Node| limits.iter().any(|key| node.get(key).is_some());
    let adaptive = service.get("adaptive_concurrency");
    if let Some(node) = adaptive {
        range(node, &path.key("adaptive_concurrency"), problems);
    }
    let adapts = adaptive.is_some_and(|node| match bare_or(node, "enabled") {
        Some(enabled) => is_on(Some(enabled)),
        None => !node.is_null(),
    });
    let any =
        adapts || limited(service) || list.iter().any(limited) || service.get("endpoints_file").is_some();
    if service.get("queue").is_some() && !any {
        let problem = Problem::warning(format!("`queue` of {} has no effect", path.in_words()));
        let hint = "requests wait where there is a limit: `max_connections`, `max_requests` or `adaptive_concurrency`";
        problems.push((path.key("queue"), problem.hint(hint)));
    }
}

/// `min`, `initial` and `max` are in order.
fn range(adaptive: &Node, path: &Path, problems: &mut Problems) {
    let number = |key, otherwise: u32| match adaptive.get(key) {
        Some(node) => node.scalar().and_then(Scalar::as_integer),
        None => Some(otherwise.into()),
    };
    let min = number("min", AdaptiveConcurrency::MIN);
    let max = number("max", AdaptiveConcurrency::MAX);
    let Some((min, max)) = min.zip(max) else { return };
    let initial = adaptive.get("initial").and_then(|node| node.scalar()?.as_integer());
    if min > max {
        let message = format!("`min` is above `max` in {}", path.in_words());
        let hint = absent(adaptive, "max", AdaptiveConcurrency::MAX);
        problems.push((path.clone(), Problem::error(message).maybe_hint(hint)));
    } else if initial.is_some_and(|initial| !(min..=max).contains(&initial)) {
        let at = path.key("initial");
        let message = format!("{} is not between `min` and `max`", at.in_words());
        problems.push((at, Problem::error(message)));
    }
}
