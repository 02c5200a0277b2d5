//! What the shop says about itself: index, OpenAPI description, health, the caller as it sees it, and the answer
//! that fails every third time.

use crate::api::Shop;
use crate::reply::{Problem, Reply, ReplyBody, json, whole};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering;

/// The OpenAPI 3.1 description. A test holds live answers against it.
const OPENAPI: &str = include_str!("openapi.json");

/// Fields that say how a request came here, shown by `/v1/me`.
const TOLD: [&str; 15] = [
    "host",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
    "traceparent",
    "accept-encoding",
    "user-agent",
    "x-tidegate-auth",
    "x-tidegate-consumer",
    "x-tidegate-subject",
    "x-tidegate-plan",
    "x-tidegate-scopes",
];

/// Fields that hold secrets: `/v1/me` says that they came, never what was in them.
const SECRET: [&str; 3] = ["authorization", "cookie", "x-api-key"];

/// `GET /`: every operation with a line that explains it, read from the OpenAPI description.
pub(crate) fn index(shop: &Shop) -> Response<ReplyBody> {
    let description: Value = serde_json::from_str(OPENAPI).expect("a test parses it");
    let mut lines = Map::new();
    for (path, methods) in description["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            lines.insert(format!("{} {path}", method.to_uppercase()), operation["summary"].clone());
        }
    }
    let body = json!({
        "name": "Tidegate sample API",
        "instance": shop.settings.name,
        "description": "/openapi.json",
        "endpoints": lines,
    });
    // Indented: this one is read by people.
    let text = format!("{body:#}\n");
    whole(StatusCode::OK, HeaderValue::from_static("application/json"), text)
}

/// `GET /openapi.json`
pub(crate) fn openapi() -> Response<ReplyBody> {
    whole(StatusCode::OK, HeaderValue::from_static("application/json"), OPENAPI)
}

/// `GET /healthz`
pub(crate) fn health() -> Response<ReplyBody> {
    json(StatusCode::OK, &json!({ "status": "ok" }))
}

/// `GET /v1/me`: who calls, and what came with the call.
pub(crate) fn me(shop: &Shop, fields: &HeaderMap) -> Response<ReplyBody> {
    let mut came = Map::new();
    for name in TOLD {
        let lines: Vec<_> =
            fields.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        if !lines.is_empty() {
            came.insert(name.to_owned(), lines.join(", ").into());
        }
    }
    for name in SECRET.into_iter().filter(|name| fields.contains_key(*name)) {
        came.insert(name.to_owned(), "(not shown)".into());
    }
    let body = json!({ "id": "u-1", "name": "Robin", "instance": shop.settings.name, "request": came });
    json(StatusCode::OK, &body)
}

/// `GET /v1/flaky`: of three calls to an instance the third fails, always.
pub(crate) fn flaky(shop: &Shop) -> Reply {
    let call = shop.flaky_calls.fetch_add(1, Ordering::Relaxed) + 1;
    if call.is_multiple_of(3) {
        let says = "every third call to an instance fails; try again";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, says)
            .with(header::RETRY_AFTER, HeaderValue::from_static("1")));
    }
    Ok(json(StatusCode::OK, &json!({ "lucky": true, "instance": shop.settings.name })))
}
