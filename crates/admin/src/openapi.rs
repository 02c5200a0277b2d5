//! `/openapi.json`: the description of the admin API, made from the table that answers it.

use crate::endpoint::{Door, ENDPOINTS, Endpoint};
use serde_json::{Map, Value, json};

/// The document, OpenAPI 3.1.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for endpoint in &ENDPOINTS {
        let method = if endpoint.changes { "post" } else { "get" };
        paths.insert(endpoint.path.to_owned(), json!({ method: operation(endpoint) }));
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Tidegate admin API", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "security": [{ "token": [] }, {}],
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Problem": problem() },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut responses = Map::new();
    let success = json!({ "description": "Done.", "content": { endpoint.media_type: { "schema": {} } } });
    responses.insert("200".to_owned(), success);
    for (status, meaning) in endpoint.otherwise {
        // A probe's answer is one word whatever the status.
        let content = if endpoint.open {
            json!({ endpoint.media_type: { "schema": {} } })
        } else {
            json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } })
        };
        responses.insert(status.to_string(), json!({ "description": meaning, "content": content }));
    }
    let mut operation = json!({
        "operationId": format!("{:?}", endpoint.door).to_ascii_lowercase(),
        "summary": endpoint.summary,
    });
    if endpoint.open {
        operation["security"] = json!([]);
    } else {
        responses.insert("default".to_owned(), refused());
    }
    if endpoint.door == Door::Explain {
        operation["parameters"] = json!([
            {
                "name": "request", "in": "query", "required": true, "schema": { "type": "string" },
                "example": "GET http://api.example.com/v1/orders",
            },
            {
                "name": "header", "in": "query", "schema": { "type": "array", "items": { "type": "string" } },
                "description": "A header of the request; may be given several times.",
                "example": ["X-Beta: 1"],
            },
        ]);
    }
    operation["responses"] = responses.into();
    operation
}

fn refused() -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    json!({
        "description": "Refused: no token, an unknown host name, or another site's page.",
        "content": { "application/problem+json": { "schema": schema } },
    })
}

/// RFC 9457.
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "problems": { "description": "What is wrong with the config." },
        },
    })
}
