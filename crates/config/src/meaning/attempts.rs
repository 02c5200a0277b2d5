//! Times of attempts beside each other: retries, hedges, and the time of the whole request.

use super::names::bare_or;
use super::{Problems, absent, period};
use crate::file::{Backoff, Timeouts};
use crate::node::Node;
use crate::path::Path;
use crate::report::Problem;
use crate::value::{HedgeAfter, Period, Typed};

/// The time that requests of a service or route may take, and where it was typed.
pub(super) type Whole<'t> = (Period, Option<&'t Node>);

/// `timeouts.request` of a route or service, or else what it inherits. `None` where it is broken.
pub(super) fn whole<'t>(node: &'t Node, inherited: Option<Whole<'t>>) -> Option<Whole<'t>> {
    match node.get("timeouts").and_then(|timeouts| timeouts.get("request")) {
        Some(typed) => Some((period(Some(typed), Timeouts::default().request)?, Some(typed))),
        None => inherited,
    }
}

/// Checks `retry` and `hedge` of the service or route at `path`.
pub(super) fn check(node: &Node, path: &Path, whole: Option<Whole<'_>>, problems: &mut Problems) {
    if let Some(retry) = node.get("retry") {
        backoff(retry, path, problems);
        let per_try = retry.get("per_try_timeout").and_then(|node| period(Some(node), Period::seconds(1)));
        if let (Some(per_try), Some((all, typed))) = (per_try, whole)
            && per_try > all
        {
            let at = path.key("retry").key("per_try_timeout");
            problems.push((at.clone(), too_late(&format!("{} has no effect", at.in_words()), typed)));
        }
    }
    let after = node.get("hedge").and_then(|hedge| HedgeAfter::read(bare_or(hedge, "after")?.text()?).ok());
    if let (Some(HedgeAfter::Time(after)), Some((all, typed))) = (after, whole)
        && after >= all
    {
        let at = path.key("hedge");
        problems
            .push((at.key("after"), too_late(&format!("{} never starts an attempt", at.in_words()), typed)));
    }
}

fn too_late(message: &str, whole: Option<&Node>) -> Problem {
    let problem = Problem::warning(message).hint("`timeouts.request` ends the whole request before that");
    match whole {
        Some(typed) => problem.also(typed.span, "the time for all attempts"),
        None => problem,
    }
}

/// The first wait is not longer than the longest.
fn backoff(retry: &Node, path: &Path, problems: &mut Problems) {
    let Some(backoff) = retry.get("backoff") else { return };
    let base = period(backoff.get("base"), Backoff::BASE);
    let max = period(backoff.get("max"), Backoff::MAX);
    if base.zip(max).is_some_and(|(base, max)| base > max) {
        let at = path.key("retry").key("backoff");
        let problem = Problem::error(format!("`base` is longer than `max` in {}", at.in_words()));
        problems.push((at, problem.maybe_hint(absent(backoff, "max", Backoff::MAX))));
    }
}
