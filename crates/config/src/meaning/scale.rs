//! `scale`: bounds in order, targets that can be measured and reached, windows of time.

use super::instances::OTHERS;
use super::{Problems, absent, integer, is_on, is_typed, period};
use crate::file::Scale;
use crate::node::Node;
use crate::path::Path;
use crate::report::Problem;

/// Targets: what says how many instances there are to be.
const TARGETS: [&str; 5] = ["concurrency", "rps", "cpu", "memory", "queue_seconds"];

/// The hint where there is none of them.
const ADD_A_TARGET: &str = "add a target, for example `concurrency: 20`";

/// Fewest and most instances.
type Bounds = (i64, i64);

/// Fewest and most instances that `instances` may have, as far as what was typed is right.
pub(super) fn bounds(instances: &Node) -> Bounds {
    let Some(scale) = instances.get("scale") else { return (1, 1) };
    let count = scale.scalar().and_then(crate::node::Scalar::as_integer).or_else(|| integer(scale, "count"));
    let least = i64::from(!is_typed(scale, "zero"));
    let min = count.or_else(|| integer(scale, "min")).unwrap_or(least);
    (min, count.or_else(|| integer(scale, "max")).unwrap_or(min.max(1)))
}

/// Checks `scale` of the `instances` at `path`.
pub(super) fn check(instances: &Node, scale: &Node, path: &Path, launched: bool, problems: &mut Problems) {
    let path = &path.key("scale");
    let bounds = bounds(instances);
    order(scale, path, bounds, problems);
    targets(scale, path, bounds, problems);
    measured(instances, scale, path, launched, problems);
    windows(scale, path, problems);
    for (index, window) in scale.get("schedule").map(Node::items).unwrap_or_default().iter().enumerate() {
        let at = path.key("schedule").index(index);
        scheduled(window, &at, problems);
        beside(scale, window, &at, bounds, problems);
    }
}

/// `count` alone, `min` up to `max`, and 0 only where something says when.
fn order(scale: &Node, path: &Path, (min, max): Bounds, problems: &mut Problems) {
    if scale.get("count").is_some() {
        for key in ["min", "max", "zero"].iter().filter(|key| is_typed(scale, key)) {
            let at = path.key(key);
            let problem = Problem::error(format!("{} does not go with `count`", at.in_words()));
            problems.push((at, problem.hint("`count` is so many instances, always")));
        }
        return;
    }
    let zero = scale.entry("zero").filter(|_| is_typed(scale, "zero"));
    let at = path.key("min");
    match (zero, min) {
        (None, 0) if is_typed(scale, "min") => {
            let problem = Problem::error(format!("{} is 0 without `zero`", at.in_words()));
            let hint = "`zero: { after: 5m }` beside it says when there may be no instance";
            problems.push((at, problem.hint(hint)));
        }
        (Some(zero), 1..) => {
            let problem = Problem::error(format!("{} leaves no room for `zero`", at.in_words()));
            let problem = problem.hint("take one of them away: with `zero` it is 0");
            problems.push((at, problem.also(zero.key_span, "no instance while nobody asks")));
        }
        _ if min > max => above(scale, path, problems),
        _ => {}
    }
}

fn above(node: &Node, path: &Path, problems: &mut Problems) {
    let problem = Problem::error(format!("`min` is above `max` in {}", path.in_words()));
    let problem = match node.get("max") {
        Some(max) => problem.also(max.span, "`max`"),
        None => problem,
    };
    problems.push((path.key("min"), problem));
}

/// Something says when there are more instances, where there may be more; and nothing does where there may not.
fn targets(scale: &Node, path: &Path, (min, max): Bounds, problems: &mut Problems) {
    let target = TARGETS.iter().find(|key| is_typed(scale, key));
    let guard = is_typed(scale, "latency_p95").then_some(&"latency_p95");
    let scheduled = scale.get("schedule").is_some_and(|list| !list.items().is_empty());
    if max <= min.max(1) {
        if let Some(key) = target.or(guard).filter(|_| !scheduled) {
            let at = path.key(key);
            let problem = Problem::warning(format!("{} has no effect", at.in_words()));
            let hint = if is_typed(scale, "max") {
                format!("there are never more than {max}; raise `max`")
            } else {
                format!("there are never more than {max}; add `max`, the most that there may be")
            };
            problems.push((at, problem.hint(hint)));
        }
        return;
    }
    if target.is_some() {
        return;
    }
    if guard.is_some() {
        let at = path.key("latency_p95");
        let message = format!("{} is a guard, and there is nothing for it to guard", at.in_words());
        problems.push((at, Problem::warning(message).hint(ADD_A_TARGET)));
    } else if !scheduled && !is_on(scale.get("forecast")) {
        let at = path.key("max");
        let message = format!("nothing says when there are to be more instances than {}", min.max(1));
        problems.push((at, Problem::warning(message).hint(ADD_A_TARGET)));
    }
}

/// What cannot be measured is no target.
fn measured(instances: &Node, scale: &Node, path: &Path, launched: bool, problems: &mut Problems) {
    let typed =
        |keys: &[&'static str]| keys.iter().copied().filter(|key| is_typed(scale, key)).collect::<Vec<_>>();
    let others = OTHERS.iter().find(|key| is_typed(instances, key));
    if let Some(other @ &"deployment") = others.filter(|_| !launched) {
        for key in typed(&["cpu", "memory"]) {
            let at = path.key(key);
            let problem = Problem::error(format!("{} is not measured with `{other}`", at.in_words()));
            let hint = "what pods use is known to the cluster only; `concurrency` and `rps` are counted here";
            problems.push((at, problem.hint(hint)));
        }
    } else if let Some(other) = others.filter(|_| !launched) {
        for key in typed(&["cpu", "memory", "zero"]) {
            let at = path.key(key);
            let problem = Problem::error(format!("{} goes with `command`", at.in_words()));
            problems
                .push((at, problem.hint(format!("with `{other}` Tidegate does not launch the instances"))));
        }
    } else if !typed(&["memory"]).is_empty() {
        let hard = instances.get("limits").is_some_and(|limits| is_typed(limits, "memory"));
        if !is_typed(instances, "max_memory") && !hard {
            let at = path.key("memory");
            let problem = Problem::error(format!("{} needs `max_memory`", at.in_words()));
            problems.push((
                at,
                problem.hint("add `max_memory: 512MiB`, or as much as one may use, to `instances`"),
            ));
        }
    }
    if !typed(&["queue_seconds"]).is_empty() {
        let at = path.key("queue_seconds");
        let problem = Problem::warning(format!("{} has no effect", at.in_words()));
        problems.push((at, problem.hint("jobs are not part of this version of Tidegate yet")));
    }
}

/// A decision looks at times that are longer than what is between two of them.
fn windows(scale: &Node, path: &Path, problems: &mut Problems) {
    let typed = [("tick", Scale::TICK), ("panic_window", Scale::PANIC), ("stable_window", Scale::STABLE)];
    for pair in typed.windows(2) {
        let [(short, short_default), (long, long_default)] = pair else { continue };
        let times = period(scale.get(short), *short_default).zip(period(scale.get(long), *long_default));
        // A panic window as long as the stable one would notice nothing sooner.
        let same_is_wrong = *long == "stable_window";
        if times.is_some_and(|(short, long)| short > long || (same_is_wrong && short == long)) {
            let relation = if same_is_wrong { "not shorter" } else { "longer" };
            let message = format!("`{short}` is {relation} than `{long}` in {}", path.in_words());
            let problem = Problem::error(message).maybe_hint(absent(scale, short, short_default));
            let at = path.key(if is_typed(scale, short) { short } else { long });
            problems.push((at, problem.maybe_hint(absent(scale, long, long_default))));
        }
    }
}

/// A window says something, and in order.
fn scheduled(window: &Node, at: &Path, problems: &mut Problems) {
    if window.get("min").is_none() && window.get("max").is_none() {
        let problem = Problem::error(format!("{} says neither `min` nor `max`", at.in_words()));
        problems.push((at.clone(), problem.hint("without one of them it changes nothing")));
    }
    if integer(window, "min").zip(integer(window, "max")).is_some_and(|(min, max)| min > max) {
        above(window, at, problems);
    }
}

/// A window narrows the bounds that always hold.
fn beside(scale: &Node, window: &Node, at: &Path, (min, max): Bounds, problems: &mut Problems) {
    let place = |key: &str| scale.get(key).unwrap_or(scale).span;
    if let Some(floor) = integer(window, "min") {
        let at = at.key("min");
        if floor > max {
            let problem =
                Problem::error(format!("{} is above the `max` that always holds, {max}", at.in_words()));
            problems.push((at, problem.also(place("max"), "raise it")));
        } else if floor <= min {
            let problem = Problem::warning(format!("{} has no effect", at.in_words()));
            problems.push((at, problem.hint(format!("there are never fewer than {min}"))));
        }
    }
    if let Some(ceiling) = integer(window, "max") {
        let at = at.key("max");
        if ceiling < min {
            let problem =
                Problem::error(format!("{} is below the `min` that always holds, {min}", at.in_words()));
            problems.push((at, problem.also(place("min"), "lower it")));
        } else if ceiling >= max {
            let problem = Problem::warning(format!("{} has no effect", at.in_words()));
            problems.push((at, problem.hint(format!("there are never more than {max}"))));
        }
    }
}
