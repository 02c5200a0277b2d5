//! Changes to the endpoints of a service at run time: what can be asked, and the words in which it is refused.

use crate::answer::{self, Answer, Problem};
use crate::node::Node;
use crate::query::Query;
use http::StatusCode;
use serde_json::{Value, json};

/// What is to be done to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// The one that this text describes joins: a JSON object as in the config file, or a bare URL. One that is there
    /// already gets these settings, and takes requests again.
    Add(&'a str),
    /// The one with this URL gets no more requests and is forgotten; those under way end.
    Remove(&'a str),
    /// The one with this URL gets no new requests.
    Drain(&'a str),
    /// The one with this URL gets requests again.
    Undrain(&'a str),
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// There is no such service.
    NoService,
    /// The service has no such endpoint; these are what it has.
    NoEndpoint(Vec<String>),
    /// What was sent does not describe an endpoint: in one sentence what to change, and all that is wrong.
    Bad(String, Value),
    /// It cannot be done as things stand: why, in one sentence.
    NotNow(String),
}

/// Longest list of names that a refusal gives.
const NAMED: usize = 10;

/// Does it, and answers with how things stand then.
pub(crate) fn done(node: &dyn Node, service: &str, edit: Edit<'_>) -> Result<Answer, Problem> {
    let answer = node.edit(service, edit).map_err(|refusal| problem(service, edit, refusal))?;
    Ok(answer::json(StatusCode::OK, &answer))
}

/// The URL in a query, which says which endpoint.
pub(crate) fn url(query: &str) -> Result<String, Problem> {
    Query::of(query).first("url").filter(|url| !url.is_empty()).ok_or_else(|| {
        let detail = "Say which endpoint: add `?url=` with its URL as GET /api/services shows it.";
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })
}

/// There is no service of that name.
pub(crate) fn no_service(name: &str) -> Problem {
    let detail = format!("There is no service `{}`. GET /api/services lists what there is.", shown(name));
    Problem::new(StatusCode::NOT_FOUND, detail)
}

fn problem(service: &str, edit: Edit<'_>, refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NoService => no_service(service),
        Refusal::NoEndpoint(known) => {
            let url = match edit {
                Edit::Add(_) => "",
                Edit::Remove(url) | Edit::Drain(url) | Edit::Undrain(url) => url,
            };
            let has = listed(known).map_or("It has none.".to_owned(), |list| format!("It has {list}."));
            let detail = format!("The service `{service}` has no endpoint `{}`. {has}", shown(url));
            Problem::new(StatusCode::NOT_FOUND, detail)
        }
        Refusal::Bad(detail, problems) => bad(detail, problems),
        Refusal::NotNow(why) => not_now(why),
    }
}

/// What was sent is wrong.
pub(crate) fn bad(detail: String, problems: Value) -> Problem {
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    if problems == json!([]) { problem } else { problem.member("problems", problems) }
}

/// It cannot be done as things stand.
pub(crate) fn not_now(why: String) -> Problem {
    Problem::new(StatusCode::CONFLICT, why)
}

/// Names in a row, in a bounded length; nothing where there are none.
pub(crate) fn listed(names: Vec<String>) -> Option<String> {
    let more = names.len().saturating_sub(NAMED);
    let list = names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    match (list.is_empty(), more) {
        (true, _) => None,
        (_, 0) => Some(list),
        _ => Some(format!("{list} and {more} more")),
    }
}

/// What a stranger typed, in a bounded length.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}
