//! The table of all that the admin server offers. Requests are looked up in it and `/openapi.json` is made from it.

use crate::answer::Problem;
use http::header::ALLOW;
use http::{Method, StatusCode};

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
    Status,
    Explain,
    Reload,
    Drain,
    Upgrade,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) door: Door,
    /// Asked for with `POST`, for it changes something; the others only read and take `GET`.
    pub(crate) changes: bool,
    pub(crate) path: &'static str,
    /// Open to everybody: probes carry no token and name the machine as they like, and learn one word.
    pub(crate) open: bool,
    pub(crate) summary: &'static str,
    /// The media type of a success.
    pub(crate) media_type: &'static str,
    /// What else it may answer beside 200 and what guards every endpoint.
    pub(crate) otherwise: &'static [(u16, &'static str)],
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

const fn get(door: Door, path: &'static str, media_type: &'static str, summary: &'static str) -> Endpoint {
    Endpoint { door, changes: false, path, open: false, summary, media_type, otherwise: &[] }
}

const fn post(door: Door, path: &'static str, summary: &'static str) -> Endpoint {
    Endpoint { changes: true, ..get(door, path, JSON, summary) }
}

/// Everything.
pub(crate) static ENDPOINTS: [Endpoint; 13] = [
    get(Door::Page, "/", "text/html", "The overview page."),
    Endpoint { open: true, ..get(Door::Health, "/healthz", TEXT, "Does the process live?") },
    Endpoint {
        open: true,
        otherwise: &[(503, "Not yet, or not any more.")],
        ..get(Door::Ready, "/readyz", TEXT, "May traffic be sent here?")
    },
    get(Door::Metrics, "/metrics", TEXT, "All numbers in Prometheus' text format 0.0.4."),
    get(Door::OpenApi, "/openapi.json", JSON, "This description."),
    get(Door::Config, "/api/config", JSON, "The config in force, secrets redacted."),
    get(Door::Routes, "/api/routes", JSON, "The routes in force."),
    get(Door::Services, "/api/services", JSON, "The services in force, their endpoints and their health."),
    get(
        Door::Status,
        "/api/status",
        JSON,
        "Version, uptime, connections and traffic, in total and recently.",
    ),
    Endpoint {
        otherwise: &[(400, "The request to explain is missing or malformed.")],
        ..get(Door::Explain, "/api/explain", JSON, "The road that a request would take.")
    },
    Endpoint {
        otherwise: &[(422, "The config has problems; nothing changed.")],
        ..post(Door::Reload, "/api/reload", "Reads the config again and puts it in force.")
    },
    post(Door::Drain, "/api/drain", "Stops taking work and ends when the work under way is done."),
    Endpoint {
        otherwise: &[(409, "No other process could take over; this one serves on.")],
        ..post(
            Door::Upgrade,
            "/api/upgrade",
            "Hands over to the binary that is installed now, and ends when the work under way is done.",
        )
    },
];

/// The endpoint for a method and a path. `HEAD` is answered like `GET`, without the body.
pub(crate) fn find(method: &Method, path: &str) -> Result<&'static Endpoint, Problem> {
    let Some(endpoint) = ENDPOINTS.iter().find(|e| e.path == path) else {
        let detail = format!("There is nothing at {path}. GET /openapi.json lists what there is.");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    let (same, allowed) = if endpoint.changes {
        (*method == Method::POST, "POST")
    } else {
        (matches!(*method, Method::GET | Method::HEAD), "GET, HEAD")
    };
    if same {
        return Ok(endpoint);
    }
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{path} takes {allowed}."));
    Err(problem.header(ALLOW, allowed))
}
