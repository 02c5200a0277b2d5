//! From a path, a text or a URL to a checked [`File`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::Read as _;
use std::path::Path as FilePath;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::expand::{self, Env};
use crate::file::{Admin, Auth, File, Limits, Listener, Observe, Overload, Route, Service, SharedCache};
use crate::node::{Kind, Node, Scalar};
use crate::path::Trail;
use crate::report::{Problem, Report};
use crate::shape::{self, Plain};
use crate::source::{Source, Span, sounds_secret};
use crate::value::{Address, EndpointUrl, ServiceName, Typed};
use crate::{meaning, yaml};

/// Bytes that a config file may hold.
const MAX_FILE: u64 = 8 << 20;

/// What errors say about a kind of file.
pub(crate) struct About {
    /// What it is.
    pub(crate) what: &'static str,
    /// The hint where it is empty.
    pub(crate) empty: &'static str,
}

/// The config file itself.
const CONFIG: About = About {
    what: "the config file",
    empty: "the smallest file has `listeners`, `services` and `routes`; see examples/minimal.yaml",
};

/// A config file without errors.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the file says, defaults applied.
    pub file: File,
    /// Its warnings. Later checks add what they find here; it knows the places of the file.
    pub report: Report,
}

/// Reads and checks the file at `path`, with the environment of this process.
pub fn load(path: &FilePath) -> Result<Loaded, Report> {
    load_with(path, &|name| std::env::var(name).ok())
}

/// Reads and checks the file at `path`, with variables from `env`.
pub fn load_with(path: &FilePath, env: Env<'_>) -> Result<Loaded, Report> {
    let text = text_of(path, &CONFIG, "without a file: `tidegate run --to http://127.0.0.1:3000`")?;
    parse(&text, &path.display().to_string(), env)
}

/// The text of the file at `path`; `missing` is the hint where there is none.
pub(crate) fn text_of(path: &FilePath, about: &About, missing: &str) -> Result<String, Report> {
    let name = path.display().to_string();
    match read(path) {
        Ok(bytes) => String::from_utf8(bytes)
            .map_err(|error| not_utf8(&name, error.as_bytes(), error.utf8_error().valid_up_to())),
        Err(reason) => {
            let mut report = Report::new(Source::new(&name, ""));
            let problem = unreadable(&name, about, &reason);
            report.push(if path.exists() { problem } else { problem.hint(missing) });
            Err(report)
        }
    }
}

fn unreadable(name: &str, about: &About, reason: &str) -> Problem {
    Problem::error(format!("cannot read {} {name}: {reason}", about.what))
}

fn read(path: &FilePath) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err("it is a directory".into());
    }
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE { Err(too_large()) } else { Ok(bytes) }
}

fn too_large() -> String {
    format!("it is larger than {} MiB", MAX_FILE >> 20)
}

fn not_utf8(name: &str, bytes: &[u8], at: usize) -> Report {
    let mut report = Report::new(Source::new(name, &String::from_utf8_lossy(bytes)));
    let problem = Problem::error("the file is not UTF-8").at(Span { start: at, end: at + 1 });
    report.push(problem.hint("save it as UTF-8"));
    report
}

/// Checks a config `text`; `name` is what errors call it.
pub fn parse(text: &str, name: &str, env: Env<'_>) -> Result<Loaded, Report> {
    let (tree, mut report) = tree_of(text, name, &CONFIG, env)?;
    let plain = shape::check(&tree, &mut report);
    meaning::check(&tree, &mut report);
    match typed(plain, &mut report) {
        Some(file) => Ok(Loaded { file: with_route_names(file), report }),
        None => Err(report),
    }
}

/// The tree of `text`, its variables expanded, and a report that knows it.
pub(crate) fn tree_of(
    text: &str,
    name: &str,
    about: &About,
    env: Env<'_>,
) -> Result<(Arc<Node>, Report), Report> {
    let mut report = Report::new(Source::new(name, text));
    if text.len() as u64 > MAX_FILE {
        report.push(unreadable(name, about, &too_large()));
        return Err(report);
    }
    let text = report.source().shared_text();
    let Some(mut tree) = yaml::read(&text, about.empty, &mut report) else { return Err(report) };
    hide_secrets(&tree, report.source_mut());
    expand::tree(&mut tree, &Trail::Top, env, &mut report);
    let tree = Arc::new(tree);
    report.source_mut().set_tree(Arc::clone(&tree));
    Ok((tree, report))
}

/// The value that checked data stands for; none where the report has an error.
pub(crate) fn typed<T: DeserializeOwned>(plain: Plain<'_>, report: &mut Report) -> Option<T> {
    if report.has_errors() {
        return None;
    }
    // The check promises that this cannot fail; if it does, the file is refused, not misread.
    let refused = |error| Problem::error(format!("the file passed its check but cannot be used: {error}"));
    T::deserialize(plain).map_err(|error| report.push(refused(error))).ok()
}

/// Hides the value of every key that sounds like a secret, known or not, from error texts, and the environment of
/// instances. What only points to a secret (`${NAME}`, `file:/path`) stays visible, and so does a plain yes or no.
fn hide_secrets(node: &Node, source: &mut Source) {
    for entry in node.entries() {
        if &*entry.key == "env" {
            hide_texts(&entry.value, source);
        }
        match &entry.value.kind {
            Kind::Scalar(scalar)
                if sounds_secret(&entry.key) && !is_pointer(&scalar.text) && !is_yes_or_no(scalar) =>
            {
                source.hide(entry.value.span);
                hide_all(scalar.defined(), source);
            }
            Kind::List(items) if sounds_secret(&entry.key) => {
                hide_all(items.iter().map(|item| item.span), source);
            }
            _ => {}
        }
        hide_secrets(&entry.value, source);
    }
    node.items().iter().for_each(|item| hide_secrets(item, source));
}

/// Hides every text below `node`, whatever its key.
pub(crate) fn hide_texts(node: &Node, source: &mut Source) {
    match &node.kind {
        Kind::Scalar(scalar) if !scalar.is_null() && !is_pointer(&scalar.text) => {
            hide_all([node.span].into_iter().chain(scalar.defined()), source);
        }
        Kind::Scalar(_) | Kind::Broken => {}
        Kind::List(items) => items.iter().for_each(|item| hide_texts(item, source)),
        Kind::Map(entries) => entries.iter().for_each(|entry| hide_texts(&entry.value, source)),
    }
}

fn hide_all(spans: impl IntoIterator<Item = Span>, source: &mut Source) {
    for span in spans {
        source.hide(span);
    }
}

fn is_yes_or_no(scalar: &Scalar) -> bool {
    scalar.as_bool().or_else(|| scalar.as_switch()).is_some()
}

fn is_pointer(text: &str) -> bool {
    let variable = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    text.starts_with("file:") || variable.is_some_and(|name| !name.contains([':', '$', '{']))
}

/// Gives each route without a name the text of its match, made unique with a number where it has to be.
fn with_route_names(mut file: File) -> File {
    let unnamed = |route: &Route| route.name.is_empty();
    let texts: Vec<(usize, String)> = file
        .routes
        .iter()
        .enumerate()
        .filter(|(_, route)| unnamed(route))
        .map(|(at, route)| (at, route.default_name()))
        .collect();
    let taken: HashSet<&str> =
        file.routes.iter().filter(|route| !unnamed(route)).map(|route| route.name.as_str()).collect();
    let mut uses: HashMap<&str, usize> = HashMap::with_capacity(texts.len());
    let names: Vec<(usize, String)> =
        texts.iter().map(|(at, text)| (*at, unique(text, uses.entry(text).or_default(), &taken))).collect();
    for (at, name) in names {
        file.routes[at].name = name;
    }
    file
}

/// `text`, or where that is in use `text #2` and so on. A match's text holds no ` #`, so that numbered names of
/// different matches are different.
fn unique(text: &str, uses: &mut usize, taken: &HashSet<&str>) -> String {
    loop {
        *uses += 1;
        let name = if *uses == 1 { text.to_owned() } else { format!("{text} #{uses}") };
        if !taken.contains(name.as_str()) {
            return name;
        }
    }
}

/// The config of `tidegate run --to URL`: one listener, one service, one route for everything.
pub fn from_url(url: &str, listen: &str) -> Result<File, Report> {
    let mut report = Report::new(Source::new("the command line", ""));
    let url = argument::<EndpointUrl>("--to", url, &mut report);
    let address = argument::<Address>("--listen", listen, &mut report);
    let name = ServiceName::read("api").ok();
    let (Some(url), Some(address), Some(name)) = (url, address, name) else { return Err(report) };
    let route = Route { service: Some(name.clone()), ..Route::default() };
    Ok(with_route_names(File {
        listeners: vec![Listener::at(address)],
        admin: Admin::default(),
        keda: None,
        data_dir: crate::file::data_dir(),
        workers: crate::file::workers(),
        limits: Limits::default(),
        overload: Overload::default(),
        cluster: None,
        cache: SharedCache::default(),
        zone: None,
        trusted_proxies: Vec::new(),
        services: [(name, Service::at(url))].into(),
        consumers: Vec::new(),
        plans: BTreeMap::new(),
        auth: Auth::default(),
        rate_limit: Vec::new(),
        routes: vec![route],
        observe: Observe::default(),
    }))
}

fn argument<T: Typed>(name: &str, text: &str, report: &mut Report) -> Option<T> {
    let problem = |bad: crate::value::Bad| {
        let reason = bad.reason.map_or(String::new(), |reason| format!(": {reason}"));
        let problem = Problem::error(format!("bad value for {name}{reason}"));
        problem.expected(T::EXPECTED).found(format!("`{}`", crate::node::clip(text))).maybe_hint(bad.hint)
    };
    T::read(text).map_err(|bad| report.push(problem(bad))).ok()
}
