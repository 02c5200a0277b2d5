//! `/openapi.json`: the description of the admin API, made from the table that answers it.

mod bodies;

use crate::endpoint::{Door, ENDPOINTS, Endpoint, Verb};
use serde_json::{Map, Value, json};

/// The document, OpenAPI 3.1.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for endpoint in &ENDPOINTS {
        let method = match endpoint.verb {
            Verb::Get => "get",
            Verb::Post => "post",
            Verb::Delete => "delete",
        };
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[method] = operation(endpoint);
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
    responses.insert(endpoint.success().as_u16().to_string(), success);
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
    let parameters = parameters(endpoint);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = bodies::of(endpoint.door) {
        operation["requestBody"] = body;
    }
    operation["responses"] = responses.into();
    operation
}

/// What stands in the path and in the query.
fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let mut parameters = Vec::new();
    if endpoint.path.contains("{name}") {
        parameters.push(json!({
            "name": "name", "in": "path", "required": true, "schema": { "type": "string" },
            "description": "The name of a service.", "example": "shop",
        }));
    }
    if endpoint.path.contains("{id}") {
        parameters.push(json!({
            "name": "id", "in": "path", "required": true, "schema": { "type": "string" },
            "description": "The id of a key: the part of its text behind `tg_`.", "example": "0aB1cD2eF3gH",
        }));
    }
    match endpoint.door {
        Door::RemoveEndpoint | Door::DrainEndpoint | Door::UndrainEndpoint => parameters.push(json!({
            "name": "url", "in": "query", "required": true, "schema": { "type": "string" },
            "description": "The URL of the endpoint.", "example": "http://10.0.0.5:9200",
        })),
        Door::Instances => parameters.push(json!({
            "name": "service", "in": "query", "schema": { "type": "string" },
            "description": "Only the service of that name.", "example": "shop",
        })),
        Door::Keys => parameters.push(json!({
            "name": "consumer", "in": "query", "schema": { "type": "string" },
            "description": "Only the keys of this consumer.", "example": "mobile-app",
        })),
        Door::Explain => parameters.extend([
            json!({
                "name": "request", "in": "query", "required": true, "schema": { "type": "string" },
                "example": "GET http://api.example.com/v1/orders",
            }),
            json!({
                "name": "header", "in": "query", "schema": { "type": "array", "items": { "type": "string" } },
                "description": "A header of the request; may be given several times.",
                "example": ["X-Beta: 1"],
            }),
        ]),
        _ => {}
    }
    parameters
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
            "problems": { "description": "What is wrong with the config, or with the endpoint." },
        },
    })
}
