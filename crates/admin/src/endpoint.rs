//! What the admin server offers, and how a request is looked up in it. The table itself stands in `table.rs`.

mod table;

pub(crate) use table::ENDPOINTS;

use crate::answer::Problem;
use http::header::ALLOW;
use http::{Method, StatusCode};
use message::percent_decoded;

/// What answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Page,
    Health,
    Ready,
    Metrics,
    OpenApi,
    Config,
    Routes,
    Services,
    Service,
    AddEndpoint,
    RemoveEndpoint,
    DrainEndpoint,
    UndrainEndpoint,
    Instances,
    Decisions,
    Restart,
    Keys,
    CreateKey,
    RotateKey,
    RevokeKey,
    Revocations,
    RevokeTokens,
    Consumers,
    Limits,
    Cache,
    Purge,
    Status,
    Events,
    Explain,
    Reload,
    Drain,
    Upgrade,
}

/// How it is asked for. What takes `Get` only reads; the others change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// `HEAD` is answered like it, without the body.
    Get,
    Post,
    Delete,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) door: Door,
    pub(crate) verb: Verb,
    /// A segment `{name}` stands for the name of a service, `{id}` for the id of a key.
    pub(crate) path: &'static str,
    /// Open to everybody: probes carry no token and name the machine as they like, and learn one word.
    pub(crate) open: bool,
    pub(crate) summary: &'static str,
    /// The media type of a success.
    pub(crate) media_type: &'static str,
    /// What else it may answer beside 200 and what guards every endpoint.
    pub(crate) otherwise: &'static [(u16, &'static str)],
}

/// What was asked for, and the name where its path has one.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) name: String,
}

/// The endpoint for a method and a path.
pub(crate) fn find(method: &Method, path: &str) -> Result<Found, Problem> {
    let mut verbs = Vec::new();
    for endpoint in &ENDPOINTS {
        let Some(name) = matched(endpoint.path, path) else { continue };
        if endpoint.verb.is(method) {
            return Ok(Found { endpoint, name });
        }
        verbs.push(endpoint.verb);
    }
    let has = |verb| verbs.contains(&verb);
    let allowed = match (has(Verb::Get), has(Verb::Post), has(Verb::Delete)) {
        (false, false, false) => {
            let detail = format!("There is nothing at {path}. GET /openapi.json lists what there is.");
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        }
        (true, false, false) => "GET, HEAD",
        (false, true, false) => "POST",
        (false, false, true) => "DELETE",
        (true, true, false) => "GET, HEAD, POST",
        (true, false, true) => "GET, HEAD, DELETE",
        (false, true, true) => "POST, DELETE",
        (true, true, true) => "GET, HEAD, POST, DELETE",
    };
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{path} takes {allowed}."));
    Err(problem.header(ALLOW, allowed))
}

impl Endpoint {
    /// The status of a success.
    pub(crate) fn success(&self) -> StatusCode {
        match self.door {
            Door::CreateKey | Door::RotateKey | Door::RevokeTokens => StatusCode::CREATED,
            _ => StatusCode::OK,
        }
    }
}

impl Verb {
    fn is(self, method: &Method) -> bool {
        match self {
            Self::Get => matches!(*method, Method::GET | Method::HEAD),
            Self::Post => *method == Method::POST,
            Self::Delete => *method == Method::DELETE,
        }
    }
}

/// Whether the path is the one of the template; then what its name is, empty where it has none.
fn matched(template: &str, path: &str) -> Option<String> {
    let (mut segments, mut name) = (path.split('/'), String::new());
    for expected in template.split('/') {
        match (expected, segments.next()?) {
            ("{name}" | "{id}", "") => return None,
            ("{name}" | "{id}", given) => name = percent_decoded(given).into_owned(),
            (expected, given) if expected == given => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_of_the_path_names_the_service() {
        let found = find(&Method::DELETE, "/api/services/sh%6fp/endpoints").unwrap();
        assert_eq!((found.endpoint.door, found.name.as_str()), (Door::RemoveEndpoint, "shop"));
        assert_eq!(find(&Method::HEAD, "/api/services/drain").unwrap().name, "drain");
        for path in ["/api/services/", "/api/services//endpoints", "/api/services/a/endpoints/", "/api", ""] {
            let problem = find(&Method::GET, path).unwrap_err();
            assert_eq!(problem.into_answer().status(), 404, "{path}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_every_right_one() {
        for (path, methods) in [
            ("/api/services/a/endpoints", "POST, DELETE"),
            ("/api/keys", "GET, HEAD, POST"),
            ("/api/keys/a", "DELETE"),
            ("/api/revocations", "GET, HEAD, POST"),
        ] {
            let refused = find(&Method::PUT, path).unwrap_err().into_answer();
            assert_eq!(
                (refused.status().as_u16(), &refused.headers()[ALLOW]),
                (405, &methods.parse().unwrap())
            );
        }
    }

    #[test]
    fn no_two_lines_of_the_table_answer_the_same_request() {
        for (at, one) in ENDPOINTS.iter().enumerate() {
            let again = ENDPOINTS[at + 1..].iter().find(|e| e.path == one.path && e.verb == one.verb);
            assert!(again.is_none(), "{again:?}");
        }
    }
}
