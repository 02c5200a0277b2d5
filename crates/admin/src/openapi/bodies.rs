//! What the bodies of requests hold, for the description.

use crate::cache::PURGED_MOST;
use crate::endpoint::Door;
use serde_json::{Value, json};

/// The body that a door takes; none where it needs none.
pub(super) fn of(door: Door) -> Option<Value> {
    match door {
        Door::AddEndpoint => Some(new_endpoint()),
        Door::CreateKey => Some(new_key()),
        Door::RotateKey => Some(rotation()),
        Door::RevokeTokens => Some(new_revocation()),
        Door::Purge => Some(purge()),
        _ => None,
    }
}

fn body(required: bool, schema: &Value, example: &Value) -> Value {
    json!({
        "required": required,
        "content": { "application/json": { "schema": schema, "example": example } },
    })
}

/// What describes an endpoint: as in the config file, where each key is explained.
fn new_endpoint() -> Value {
    let whole = json!({
        "type": "object",
        "required": ["url"],
        "additionalProperties": false,
        "properties": {
            "url": { "type": "string" },
            "weight": { "type": "integer", "minimum": 1, "maximum": 65_535, "default": 1 },
            "zone": { "type": "string" },
            "backup": { "type": "boolean", "default": false },
            "priority": { "type": "integer", "minimum": 0, "maximum": 9, "default": 0 },
            "max_connections": { "type": "integer", "minimum": 1 },
            "max_requests": { "type": "integer", "minimum": 1 },
        },
    });
    let schema = json!({ "oneOf": [{ "type": "string", "description": "Its URL." }, whole] });
    body(true, &schema, &json!({ "url": "http://10.0.0.7:9200", "weight": 2 }))
}

fn new_key() -> Value {
    let schema = json!({
        "type": "object",
        "required": ["consumer"],
        "additionalProperties": false,
        "properties": {
            "consumer": { "type": "string", "description": "The name of a consumer in the config." },
            "label": { "type": "string", "description": "What its owner calls it." },
            "scopes": {
                "type": "array", "items": { "type": "string" },
                "description": "What the key may do; absent: what its consumer may.",
            },
            "plan": { "type": "string", "description": "A plan in the config; absent: its consumer's." },
            "expires_in": { "type": "string", "description": "After what time it expires; absent: never." },
        },
    });
    body(true, &schema, &json!({ "consumer": "mobile-app", "label": "build 7", "expires_in": "30d" }))
}

fn rotation() -> Value {
    let overlap = json!({
        "type": "string", "default": "24h",
        "description": "How long the old key is good for yet; `0` ends it at once.",
    });
    let schema =
        json!({ "type": "object", "additionalProperties": false, "properties": { "overlap": overlap } });
    body(false, &schema, &json!({ "overlap": "24h" }))
}

fn new_revocation() -> Value {
    let schema = json!({
        "type": "object",
        "additionalProperties": false,
        "description": "Either `jti` or `subject`.",
        "properties": {
            "jti": { "type": "string", "description": "The id of one token." },
            "subject": { "type": "string", "description": "All tokens of this `sub` that were issued up to now." },
            "until": {
                "type": "integer",
                "description": "When the last of them expires, in seconds since 1970: it can be forgotten then.",
            },
        },
    });
    body(true, &schema, &json!({ "subject": "ann" }))
}

fn purge() -> Value {
    let texts = |description: &str| {
        json!({
            "type": "array", "items": { "type": "string" }, "maxItems": PURGED_MOST, "description": description,
        })
    };
    let schema = json!({
        "type": "object",
        "additionalProperties": false,
        "description": "At least one of the first four, and up to 1,000 things together.",
        "properties": {
            "urls": texts("URLs, in all their variants; without a scheme: `host/path?query`."),
            "prefixes": texts("All URLs that begin so; without a query."),
            "tags": texts("All responses that have one of these tags."),
            "all": { "type": "boolean", "default": false, "description": "Everything; goes with none of the others." },
            "soft": { "type": "boolean", "default": false, "description": "Stale from now on instead of gone." },
        },
    });
    body(
        true,
        &schema,
        &json!({ "tags": ["product-42"], "urls": ["https://shop.example/a?b=c"], "soft": true }),
    )
}
