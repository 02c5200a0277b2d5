//! A service's endpoints in a file of their own, `endpoints_file`.
//!
//! The file is read again and again while Tidegate runs, by whoever watches it. *Promise*: what is wrong is explained as
//! in the config file, and a file that is wrong in any way gives no endpoints at all, so that the last ones that were
//! right can stay in use. *Not here*: watching. *Cost on the hot path*: none.

use std::path::Path;

use crate::expand::Env;
use crate::file::Endpoint;
use crate::load::{About, text_of, tree_of, typed};
use crate::report::Report;
use crate::{meaning, shape};

/// A file of endpoints.
const ENDPOINTS: About = About {
    what: "the endpoints file",
    empty: "list at least one endpoint, for example `- http://10.0.0.5:9200`",
};

/// Reads and checks the endpoints in the file at `path`, with the environment of this process.
pub fn load_endpoints(path: &Path) -> Result<Vec<Endpoint>, Report> {
    let text = text_of(path, &ENDPOINTS, "`endpoints_file` of a service names it")?;
    parse_endpoints(&text, &path.display().to_string(), &|name| std::env::var(name).ok())
}

/// Checks a list of endpoints, YAML or JSON; `name` is what errors call the file.
pub fn parse_endpoints(text: &str, name: &str, env: Env<'_>) -> Result<Vec<Endpoint>, Report> {
    let (tree, mut report) = tree_of(text, name, &ENDPOINTS, env)?;
    let plain = shape::check_endpoints(&tree, &mut report);
    meaning::check_endpoints(&tree, &mut report);
    typed(plain, &mut report).ok_or(report)
}
