//! The table of all that the admin server offers. Requests are looked up in it and `/openapi.json` is made from it.

use super::{Door, Endpoint, Verb};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

/// Paths of a service's endpoints.
const ENDPOINTS_PATH: &str = "/api/services/{name}/endpoints";
const NO_SUCH: &[(u16, &str)] =
    &[(400, "The URL of the endpoint is missing."), (404, "There is no such service, or no such endpoint.")];

/// What may come of changes to keys and tokens.
const KEPT: &[(u16, &str)] = &[
    (409, "It cannot be done as things stand; the detail says why."),
    (422, "The body does not say what to do; nothing changed."),
    (500, "It could not be made to last; nothing changed."),
];
const KEPT_ID: &[(u16, &str)] = &[(404, "There is no such key."), KEPT[0], KEPT[1], KEPT[2]];

const fn get(door: Door, path: &'static str, media_type: &'static str, summary: &'static str) -> Endpoint {
    Endpoint { door, verb: Verb::Get, path, open: false, summary, media_type, otherwise: &[] }
}

const fn post(door: Door, path: &'static str, summary: &'static str) -> Endpoint {
    Endpoint { verb: Verb::Post, ..get(door, path, JSON, summary) }
}

/// Everything.
pub(crate) static ENDPOINTS: [Endpoint; 32] = [
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
    Endpoint {
        otherwise: &[(404, "There is no such service.")],
        ..get(Door::Service, "/api/services/{name}", JSON, "One service, its endpoints and their health.")
    },
    Endpoint {
        otherwise: &[
            (404, "There is no such service."),
            (422, "The body describes no endpoint; nothing changed."),
        ],
        ..post(
            Door::AddEndpoint,
            ENDPOINTS_PATH,
            "Adds an endpoint, or gives the one with this URL other settings and takes it back into service.",
        )
    },
    Endpoint {
        verb: Verb::Delete,
        otherwise: NO_SUCH,
        ..post(
            Door::RemoveEndpoint,
            ENDPOINTS_PATH,
            "Takes an endpoint away: no new requests at once, those under way end.",
        )
    },
    Endpoint {
        otherwise: NO_SUCH,
        ..post(
            Door::DrainEndpoint,
            "/api/services/{name}/endpoints/drain",
            "Sends an endpoint no new requests; those under way end.",
        )
    },
    Endpoint {
        otherwise: NO_SUCH,
        ..post(
            Door::UndrainEndpoint,
            "/api/services/{name}/endpoints/undrain",
            "Lets requests come to an endpoint again.",
        )
    },
    Endpoint {
        otherwise: &[(404, "No service of that name has instances.")],
        ..get(
            Door::Instances,
            "/api/instances",
            JSON,
            "Services with instances: how many there are and are wanted and why, and how each instance stands.",
        )
    },
    Endpoint {
        otherwise: &[(404, "Nothing is decided for a service of that name.")],
        ..get(
            Door::Decisions,
            "/api/scale/{name}/decisions",
            JSON,
            "The last decisions on how many instances there are, with the sum behind each, the newest first.",
        )
    },
    Endpoint {
        otherwise: &[
            (404, "No service of that name has instances."),
            (409, "They cannot be replaced now; the detail says why."),
        ],
        ..post(
            Door::Restart,
            "/api/services/{name}/restart",
            "Replaces the instances of a service, one after the other, without losing a request.",
        )
    },
    Endpoint {
        otherwise: &[(404, "There is no such consumer.")],
        ..get(Door::Keys, "/api/keys", JSON, "API keys of consumers, without their texts, the newest first.")
    },
    Endpoint {
        otherwise: KEPT,
        ..post(Door::CreateKey, "/api/keys", "Makes an API key for a consumer. Its text is told this once.")
    },
    Endpoint {
        otherwise: KEPT_ID,
        ..post(
            Door::RotateKey,
            "/api/keys/{id}/rotate",
            "Makes a key in the place of another one, which is good for a while yet. Its text is told this once.",
        )
    },
    Endpoint {
        verb: Verb::Delete,
        otherwise: KEPT_ID,
        ..post(Door::RevokeKey, "/api/keys/{id}", "Revokes an API key, at once and for good, on all nodes.")
    },
    get(Door::Revocations, "/api/revocations", JSON, "Tokens that were revoked, the latest first."),
    Endpoint {
        otherwise: KEPT,
        ..post(
            Door::RevokeTokens,
            "/api/revocations",
            "Revokes a token by its `jti`, or all of a subject that were issued up to now, on all nodes.",
        )
    },
    get(Door::Consumers, "/api/consumers", JSON, "Callers that the config names, and their keys."),
    get(
        Door::Limits,
        "/api/limits",
        JSON,
        "Limits, what they did, how full the tables are, and the cluster.",
    ),
    get(
        Door::Cache,
        "/api/cache",
        JSON,
        "How full memory and disk are, what the cache did for each route and why not, and what is known of purges.",
    ),
    Endpoint {
        otherwise: &[
            (409, "This node has no cache."),
            (422, "The body does not say what to purge; nothing was purged."),
        ],
        ..post(
            Door::Purge,
            "/api/purge",
            "Takes responses out of the cache, or makes them stale, on all nodes: by URL, prefix or tag, or all.",
        )
    },
    get(
        Door::Status,
        "/api/status",
        JSON,
        "Version, uptime, connections and traffic, in total and recently.",
    ),
    get(Door::Events, "/api/events", JSON, "What happened lately, the newest first."),
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
