//! What the endpoints answer.

use crate::server::Server;
use admin::{ServiceInstances, Settings};
use message::Method;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn probes_say_whether_it_lives_and_whether_it_takes_traffic() {
    let server = Server::start(Settings::default()).await;
    assert_eq!(server.send("GET /healthz", "").await.body(), "ok\n");
    assert_eq!(server.send("GET /readyz", "").await.body(), "ready\n");
    let drained = server.send("POST /api/drain", "").await;
    assert_eq!((drained.status(), drained.json()), (200, json!({ "draining": true })));
    assert_eq!(server.send("GET /healthz", "").await.status(), 200);
    assert_eq!(server.send("GET /readyz", "").await.status(), 503);
}

#[tokio::test]
async fn what_the_node_says_is_handed_on() {
    let server = Server::start(Settings::default()).await;
    assert_eq!(server.send("GET /api/config", "").await.json()["admin"]["token"], "***");
    assert_eq!(server.send("GET /api/routes", "").await.json()[0]["route"], "orders");
    assert_eq!(server.send("GET /api/services", "").await.json()[0]["name"], "shop");
    let metrics = server.send("GET /metrics", "").await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(metrics.body().contains("tidegate_build_info{version="));
}

#[tokio::test]
async fn a_request_is_explained_or_refused_with_the_reason() {
    let server = Server::start(Settings::default()).await;
    let road = server.send("GET /api/explain?a=b&request=GET%20http://a/b%3Fc%3Dd", "").await.json();
    assert_eq!(road, json!({ "method": "GET", "url": "http://a/b?c=d", "headers": [] }));
    let asked = "GET /api/explain?header=X-Beta:%201&request=GET+http://a/&header=A:+b%26c%2Bd";
    assert_eq!(server.send(asked, "").await.json()["headers"], json!(["X-Beta: 1", "A: b&c+d"]));
    let road = server.send("GET /api/explain?request=POST+http://a/", "").await.json();
    assert_eq!(road["method"], "POST");
    assert!(
        server.send("GET /api/explain", "").await.problem(400)["detail"]
            .as_str()
            .unwrap()
            .contains("explain?")
    );
    let refused = server.send("GET /api/explain?request=%22", "").await.problem(400);
    assert!(refused["detail"].as_str().unwrap().ends_with("is no request"));
}

#[tokio::test]
async fn a_reload_says_what_changed_or_what_is_wrong() {
    let server = Server::start(Settings::default()).await;
    let reloaded = server.send("POST /api/reload", "Content-Length: 0\r\n").await;
    assert_eq!((reloaded.status(), reloaded.json()["changed"][0].clone()), (200, json!("routes")));
    server.node.config_is_good.store(false, Ordering::Relaxed);
    assert_eq!(server.send("POST /api/reload", "").await.problem(422)["problems"][0]["line"], 3);
}

#[tokio::test]
async fn an_upgrade_says_who_took_over_or_why_nobody_did() {
    let server = Server::start(Settings::default()).await;
    let upgraded = server.send("POST /api/upgrade", "").await;
    assert_eq!((upgraded.status(), upgraded.json()["pid"].clone()), (200, json!(4711)));
    server.node.config_is_good.store(false, Ordering::Relaxed);
    let refused = server.send("POST /api/upgrade", "").await.problem(409);
    assert_eq!(refused["detail"], "the new process ended with exit status: 1");
}

#[tokio::test]
async fn the_status_counts_traffic() {
    let server = Server::start(Settings::default()).await;
    let route = server.node.meters.route("orders", "shop");
    let took = Duration::from_millis(3);
    route.record(0, &Method::GET, 200, took, 0, 10);
    route.record(0, &Method::GET, 502, took, 0, 10);
    server.node.meters.listener("0.0.0.0:80").accepted(0);
    let status = server.send("GET /api/status", "").await.json();
    assert_eq!(
        (&status["requests"], &status["errors"], &status["connections"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(status["pid"], std::process::id());
    assert_eq!((&status["ready"], &status["draining"]), (&json!(true), &json!(false)));
    assert_eq!(status["routes"][0]["route"], "orders");
    assert_eq!(status["services"][0]["requests"], 2);
    assert!(status["recent"]["requests_per_second"].as_f64().unwrap() > 0.0);
    assert!((status["recent"]["error_ratio"].as_f64().unwrap() - 0.5).abs() < 1e-9);
}

#[tokio::test]
async fn the_description_describes_exactly_what_there_is() {
    let server = Server::start(Settings::default()).await;
    let service = "shop".to_owned();
    *server.node.instances.lock().unwrap() =
        vec![ServiceInstances { service, ..ServiceInstances::default() }];
    let document = server.send("GET /openapi.json", "").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let mut described: Vec<_> = paths.keys().map(String::as_str).collect();
    described.sort_unstable();
    let there = [
        "/",
        "/api/cache",
        "/api/config",
        "/api/consumers",
        "/api/drain",
        "/api/events",
        "/api/explain",
        "/api/instances",
        "/api/keys",
        "/api/keys/{id}",
        "/api/keys/{id}/rotate",
        "/api/limits",
        "/api/purge",
        "/api/reload",
        "/api/revocations",
        "/api/routes",
        "/api/scale/{name}/decisions",
        "/api/services",
        "/api/services/{name}",
        "/api/services/{name}/endpoints",
        "/api/services/{name}/endpoints/drain",
        "/api/services/{name}/endpoints/undrain",
        "/api/services/{name}/restart",
        "/api/status",
        "/api/upgrade",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/readyz",
    ];
    assert_eq!(described, there);
    for (path, methods) in paths {
        let methods = methods.as_object().unwrap();
        let path = path.replace("{name}", "shop").replace("{id}", "k1");
        for (method, operation) in methods {
            let target = format!("{path}?request=GET+/&url=http://a:1");
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            let body = if example.is_null() { String::new() } else { example.to_string() };
            let answer = server.with_body(&format!("{} {target}", method.to_uppercase()), &body).await;
            // The drain above makes `/readyz` a 503, which is described too.
            assert!(answer.status() < 300 || path == "/readyz", "{path}: {}", answer.0);
            let described = &operation["responses"][answer.status().to_string()]["content"];
            let described = described.as_object().unwrap_or_else(|| panic!("{path}: {}", answer.0));
            let media_type = answer.header("content-type").unwrap().split(';').next().unwrap();
            assert!(described.contains_key(media_type), "{path}: {media_type}");
        }
        for other in ["get", "post", "delete", "put"].iter().filter(|other| !methods.contains_key(**other)) {
            server.send(&format!("{} {path}", other.to_uppercase()), "").await.problem(405);
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_and_a_wrong_method_says_the_right_one() {
    let server = Server::start(Settings::default()).await;
    server.send("GET /nope", "").await.problem(404);
    server.send("GET /metrics/", "").await.problem(404);
    let wrong = server.send("POST /metrics", "").await;
    wrong.problem(405);
    assert_eq!(wrong.header("allow"), Some("GET, HEAD"));
    let wrong = server.send("GET /api/reload", "").await;
    wrong.problem(405);
    assert_eq!(wrong.header("allow"), Some("POST"));
    let head = server.send("HEAD /api/config", "").await;
    assert_eq!((head.status(), head.body()), (200, ""));
}
