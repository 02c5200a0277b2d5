//! `static`: a folder is served below a path, to those who read.

use super::names::bare_or;
use super::{Problems, is_typed, path_of, section};
use crate::node::{Node, clip};
use crate::path::Path;
use crate::report::Problem;
use crate::value::{PathPattern, Typed};

/// Checks every route that serves files.
pub(super) fn check(tree: &Node, problems: &mut Problems) {
    for (index, route) in section(tree, "routes").iter().enumerate() {
        let Some(files) = route.get("static") else { continue };
        let path = path_of("routes", index);
        if let Some(root) = bare_or(files, "root").filter(|root| root.text() == Some("")) {
            let at = path.key("static").key("root");
            let problem = Problem::error(format!("{} is empty", at.in_words())).at(root.span);
            problems.push((at, problem.expected("a folder such as `./public`")));
        }
        below(route, &path, problems);
        if is_typed(route, "strip_prefix") {
            let at = path.key("strip_prefix");
            let problem = Problem::warning(format!("{} has no effect beside `static`", at.in_words()));
            problems.push((
                at,
                problem.hint("the path of a file begins where `/*` stands in the path of the match"),
            ));
        }
    }
}

/// The path ends with `/*`, and the methods are those of files.
fn below(route: &Node, path: &Path, problems: &mut Problems) {
    let Some(matches) = route.get("match") else { return };
    let pattern = matches.get("path");
    if let Some(text) = pattern.and_then(Node::text)
        && PathPattern::read(text).is_ok()
        && !text.ends_with("/*")
    {
        let at = path.key("match").key("path");
        let message = format!(
            "`static` of {} serves what is in a folder, and its path has no `/*` at its end",
            path.in_words()
        );
        let hidden = pattern.and_then(Node::scalar).is_some_and(|scalar| scalar.typed().is_some());
        let better = clip(text.trim_end_matches(['*', '/']));
        let hint = (!hidden).then(|| format!("did you mean `{better}/*`?"));
        problems.push((at, Problem::error(message).expected("a path such as `/assets/*`").maybe_hint(hint)));
    }
    let methods = matches.get("methods").map(Node::items).unwrap_or_default();
    let reads = |method: &Node| matches!(method.text(), Some("GET" | "HEAD"));
    if !methods.is_empty() && !methods.iter().any(reads) {
        let at = path.key("match").key("methods");
        let message = format!("{} let nobody read the files of the route", at.in_words());
        problems.push((at, Problem::error(message).expected("`GET`, or no `methods`")));
    }
}
