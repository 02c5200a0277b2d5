//! `/openapi.json` held against live answers: it says nothing that is not so, and leaves nothing out.

use crate::client::{Answer, Running};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Requests that together see every answer that is described, but for [`UNSEEN`]: the path as it is described, then
/// the request line, then the body of a POST.
const CALLS: [(&str, &str, &str); 32] = [
    ("/", "GET /", ""),
    ("/openapi.json", "GET /openapi.json", ""),
    ("/healthz", "GET /healthz", ""),
    ("/v1/products", "GET /v1/products", ""),
    ("/v1/products", "GET /v1/products?limit=2&category=music", ""),
    ("/v1/products", "GET /v1/products?limit=0", ""),
    ("/v1/products", "GET /v1/products?category=none", ""),
    ("/v1/products", "GET /v1/products #have", ""),
    ("/v1/products/{id}", "GET /v1/products/50", ""),
    ("/v1/products/{id}", "GET /v1/products/51", ""),
    ("/v1/products/{id}", "GET /v1/products/1 #have", ""),
    ("/v1/search", "GET /v1/search?q=bo", ""),
    ("/v1/search", "GET /v1/search", ""),
    ("/v1/images/{id}.svg", "GET /v1/images/1.svg", ""),
    ("/v1/images/{id}.svg", "GET /v1/images/x.svg", ""),
    ("/v1/images/{id}.svg", "GET /v1/images/1.svg #have", ""),
    ("/v1/echo", "GET /v1/echo", ""),
    ("/v1/echo", "GET /v1/echo #keyless", ""),
    ("/v1/reports", "POST /v1/reports", r#"{"seconds": 0}"#),
    ("/v1/reports", "POST /v1/reports", r#"{"seconds": -1}"#),
    ("/v1/reports", "POST /v1/reports", "?"),
    ("/v1/reports", "POST /v1/reports #text", "{}"),
    ("/v1/report", "GET /v1/report?seconds=0", ""),
    ("/v1/report", "GET /v1/report?seconds=99", ""),
    ("/v1/flaky", "GET /v1/flaky", ""),
    ("/v1/flaky", "GET /v1/flaky", ""),
    ("/v1/flaky", "GET /v1/flaky", ""),
    ("/v1/orders", "POST /v1/orders", r#"{"product_id": 50, "quantity": 100}"#),
    ("/v1/orders", "POST /v1/orders", r#"{"product_id": 50, "quantity": 101}"#),
    ("/v1/orders", "POST /v1/orders", "?"),
    ("/v1/orders", "POST /v1/orders #text", "{}"),
    ("/v1/me", "GET /v1/me", ""),
];

/// What this test leaves to others: streams have tests of their own, and nobody waits ten seconds for a 408.
const UNSEEN: [(&str, &str); 4] =
    [("/v1/feed", "200"), ("/v1/echo", "101"), ("/v1/reports", "408"), ("/v1/orders", "408")];

struct Description(Value);

impl Description {
    fn operation(&self, path: &str, method: &str) -> &Value {
        &self.0["paths"][path][method.to_lowercase()]
    }

    /// Follows a `$ref`, where there is one.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.0.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference}")),
            None => value,
        }
    }

    fn accepts(&self, schema: &Value, value: &Value) -> bool {
        let whole = json!({ "allOf": [schema], "components": self.0["components"] });
        jsonschema::draft202012::new(&whole).unwrap().is_valid(value)
    }

    /// Asserts that the answer is one of those that are described for the operation.
    fn check(&self, path: &str, method: &str, answer: &Answer) {
        let at = format!("{method} {path} {answer:?}");
        let described = &self.operation(path, method)["responses"][answer.status.to_string()];
        assert!(described.is_object(), "not described: {at}");
        let described = self.resolved(described);
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            assert_eq!(self.resolved(header)["required"], true, "{name}");
            assert_ne!(answer.field(name), "", "{name} is missing: {at}");
        }
        match described["content"].as_object() {
            None => assert_eq!(answer.body, "", "{at}"),
            Some(content) => {
                let schema = &content[answer.field("content-type")]["schema"];
                let body = if answer.field("content-type").ends_with("json") {
                    answer.json()
                } else {
                    json!(answer.body)
                };
                assert!(self.accepts(schema, &body), "{at}");
            }
        }
    }
}

/// Sends a call; what stands behind `#` says what is special about it.
async fn call(shop: &Running, line: &str, body: &str) -> Answer {
    let (line, special) = line.split_once(" #").unwrap_or((line, ""));
    let (method, path) = line.split_once(' ').unwrap();
    match (method, special) {
        ("POST", "text") => shop.post_as(path, "text/plain", body).await,
        ("POST", _) => shop.post(path, body).await,
        (_, "have") => {
            let tag = shop.get(path).await.field("etag").to_owned();
            shop.ask(line, &format!("If-None-Match: {tag}\r\n")).await
        }
        (_, "keyless") => {
            shop.ask(line, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n").await
        }
        _ => shop.ask(line, "").await,
    }
}

#[tokio::test]
async fn every_answer_is_described_and_every_description_is_seen() {
    let shop = Running::start();
    let description = Description(shop.get("/openapi.json").await.json());
    let mut seen: BTreeSet<_> = UNSEEN.map(|(path, status)| (path.to_owned(), status.to_owned())).into();
    let mut note = |path: &str, method: &str, answer: &Answer| {
        description.check(path, method, answer);
        seen.insert((path.to_owned(), answer.status.to_string()));
    };
    for (path, line, body) in CALLS {
        note(path, &line[..line.find(' ').unwrap()], &call(&shop, line, body).await);
    }
    for path in ["/v1/orders", "/v1/reports"] {
        note(path, "POST", &shop.post(path, &" ".repeat(64 * 1024 + 1)).await);
    }
    let taken = shop.post("/v1/orders", r#"{"product_id": 1, "quantity": 1}"#).await;
    note("/v1/orders/{id}", "GET", &shop.get(taken.field("location")).await);
    note("/v1/orders/{id}", "GET", &shop.get("/v1/orders/x").await);

    let mut described = BTreeSet::new();
    for (path, operations) in description.0["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            let statuses = operation["responses"].as_object().unwrap().keys();
            described.extend(statuses.map(|status| (path.clone(), status.clone())));
        }
    }
    assert_eq!(described.difference(&seen).collect::<Vec<_>>(), Vec::<&_>::new(), "described but not seen");
}

#[tokio::test]
async fn a_body_is_taken_where_its_schema_takes_it() {
    let shop = Running::start();
    let description = Description(shop.get("/openapi.json").await.json());
    for (path, body) in [
        ("/v1/orders", json!({ "product_id": 1, "quantity": 1 })),
        ("/v1/orders", json!({ "product_id": 50, "quantity": 100 })),
        ("/v1/orders", json!({ "product_id": 51, "quantity": 1 })),
        ("/v1/orders", json!({ "product_id": 0, "quantity": 1 })),
        ("/v1/orders", json!({ "product_id": 1, "quantity": 101 })),
        ("/v1/orders", json!({ "product_id": 1, "quantity": 0 })),
        ("/v1/orders", json!({ "product_id": 1 })),
        ("/v1/orders", json!({ "product_id": "1", "quantity": 1 })),
        ("/v1/orders", json!({ "product_id": 1, "quantity": 1, "x": 1 })),
        ("/v1/orders", json!([])),
        ("/v1/reports", json!({ "seconds": 0 })),
        ("/v1/reports", json!({ "seconds": 31 })),
        ("/v1/reports", json!({ "seconds": null })),
        ("/v1/reports", json!({ "x": 0 })),
        ("/v1/reports", json!("x")),
    ] {
        let schema =
            &description.operation(path, "POST")["requestBody"]["content"]["application/json"]["schema"];
        let status = shop.post(path, &body.to_string()).await.status;
        assert_eq!(description.accepts(schema, &body), status < 300, "{path} {body} got {status}");
    }
}

#[tokio::test]
async fn every_place_that_is_described_is_there() {
    let shop = Running::start();
    let description = Description(shop.get("/openapi.json").await.json());
    assert_eq!(description.0["openapi"], "3.1.0");
    for (path, operations) in description.0["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "1");
        let answer = shop.ask(&format!("PATCH {path}"), "").await;
        assert_eq!(answer.status, 405, "{path}");
        let methods: Vec<_> = operations.as_object().unwrap().keys().map(|m| m.to_uppercase()).collect();
        assert!(
            methods.iter().all(|method| answer.field("allow").split(", ").any(|a| a == method)),
            "{path}"
        );
    }
}
