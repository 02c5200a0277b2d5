//! Other web sites (CORS): whom a route lets in.

use super::{Problems, is_on, path_of, section};
use crate::node::Node;
use crate::report::Problem;

/// Checks `cors` of every route.
pub(super) fn check(tree: &Node, problems: &mut Problems) {
    for (index, route) in section(tree, "routes").iter().enumerate() {
        let Some(cors) = route.get("cors") else { continue };
        let path = path_of("routes", index).key("cors");
        let list = cors.get("origins").map_or_else(|| cors.one_or_list(), Node::one_or_list);
        let Some(any) = list.iter().find(|origin| origin.text() == Some("*")) else { continue };
        if is_on(cors.get("credentials")) {
            let message = format!("{} lets any web site act as the user who is logged in", path.in_words());
            let problem = Problem::error(message).at(any.span).expected("no `*` beside `credentials: true`");
            problems.push((path.key("origins"), problem.hint("name the origins that are meant")));
        } else if list.len() > 1 {
            let message = format!("the other origins of {} have no effect beside `*`", path.in_words());
            problems.push((path.key("origins"), Problem::warning(message).at(any.span)));
        }
    }
}
