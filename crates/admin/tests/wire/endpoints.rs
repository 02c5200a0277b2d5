//! Endpoints of services: one service, changes at run time, and what happened lately.

use crate::server::{Server, shop};
use admin::Settings;
use observe::{Event, EventKind};
use serde_json::{Value, json};

const PATH: &str = "/api/services/shop/endpoints";

impl Server {
    pub(crate) async fn with_body(&self, line: &str, body: &str) -> crate::server::Answer {
        let head = format!("{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        self.raw(&format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await
    }

    fn edits(&self) -> Vec<String> {
        self.node.edits.lock().expect("no test panics with it").clone()
    }
}

#[tokio::test]
async fn one_service_is_shown_or_there_is_none() {
    let server = Server::start(Settings::default()).await;
    let service = server.send("GET /api/services/shop", "").await.json();
    assert_eq!((&service["name"], &service["endpoints"][0]["url"]), (&json!("shop"), &json!("http://a:1")));
    let problem = server.send("GET /api/services/shoes", "").await.problem(404);
    assert!(problem["detail"].as_str().unwrap().contains("`shoes`"), "{problem}");
}

#[tokio::test]
async fn each_change_reaches_the_node_as_it_was_meant() {
    let server = Server::start(Settings::default()).await;
    let body = "{\"url\": \"http://c:1\"}";
    assert_eq!(server.with_body(&format!("POST {PATH}"), body).await.json(), json!({ "done": true }));
    for line in [
        "DELETE /api/services/shop/endpoints?url=http%3A%2F%2Fa%3A1",
        "POST /api/services/shop/endpoints/drain?url=http://a:1",
        "POST /api/services/sh%6fp/endpoints/undrain?x=y&url=unix:/run/a+b",
    ] {
        assert_eq!(server.send(line, "").await.status(), 200, "{line}");
    }
    let add = format!("Add({body:?})");
    let wanted = [&*add, "Remove(\"http://a:1\")", "Drain(\"http://a:1\")", "Undrain(\"unix:/run/a b\")"];
    assert_eq!(server.edits(), wanted);
}

#[tokio::test]
async fn what_cannot_be_done_says_what_to_change() {
    let server = Server::start(Settings::default()).await;
    let problem = server.with_body(&format!("POST {PATH}"), "{}").await.problem(422);
    assert_eq!(
        (&problem["detail"], &problem["problems"][0]["message"]),
        (&json!("`url` is missing"), &json!("no"))
    );
    let problem =
        server.send("POST /api/services/shop/endpoints/drain?url=http://b:1", "").await.problem(404);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("`http://b:1`") && detail.contains("http://a:1"), "{detail}");
    let problem = server.send(&format!("DELETE {PATH}"), "").await.problem(400);
    assert!(problem["detail"].as_str().unwrap().contains("?url="), "{problem}");
    server.send("POST /api/services/shoes/endpoints/drain?url=http://a:1", "").await.problem(404);
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", server.address);
    server.raw(&format!("{head}Content-Length: 1048577\r\n\r\n")).await.problem(413);
}

#[tokio::test]
async fn strangers_and_other_sites_change_no_endpoints() {
    let server = Server::start(Settings::default()).await;
    for line in ["POST /api/services/shop/endpoints", "DELETE /api/services/shop/endpoints?url=http://a:1"] {
        server.send(line, "Origin: https://evil.example\r\n").await.problem(403);
        server.send(line, "Sec-Fetch-Site: cross-site\r\n").await.problem(403);
    }
    assert!(server.edits().is_empty());
    let closed = Server::start(Settings { token: Some("s3cret".to_owned()), hosts: Vec::new() }).await;
    for line in [
        "POST /api/services/shop/endpoints",
        "DELETE /api/services/shop/endpoints?url=http://a:1",
        "POST /api/services/shop/endpoints/drain?url=http://a:1",
        "GET /api/services/shop",
        "GET /api/events",
    ] {
        closed.send(line, "").await.problem(401);
    }
    assert!(closed.edits().is_empty());
    let token = "Authorization: Bearer s3cret\r\n";
    assert_eq!(closed.send(&format!("DELETE {PATH}?url=http://a:1"), token).await.status(), 200);
}

#[tokio::test]
async fn events_are_told_newest_first() {
    let server = Server::start(Settings::default()).await;
    let events = server.node.meters.events();
    events.tell(Event::new(EventKind::Reload).to("in force").because("routes"));
    events.tell(
        Event::new(EventKind::Endpoint).of("shop").at("http://a:1").from("up").to("dead").because("why"),
    );
    let told = server.send("GET /api/events", "").await.json();
    assert_eq!(told.as_array().map(Vec::len), Some(2));
    let newest = &told[0];
    for (key, value) in [
        ("kind", "endpoint"),
        ("service", "shop"),
        ("endpoint", "http://a:1"),
        ("from", "up"),
        ("to", "dead"),
    ] {
        assert_eq!(newest[key], value, "{newest}");
    }
    assert!(newest["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{newest}");
    assert_eq!((&told[1]["kind"], &told[1]["service"]), (&json!("reload"), &Value::Null));
}

#[tokio::test]
async fn the_status_and_the_page_put_what_is_wrong_in_words() {
    let server = Server::start(Settings::default()).await;
    let endpoints =
        [("http://a:1", "up"), ("http://b:1", "dead"), ("http://c:1", "ejected"), ("http://d:1", "draining")];
    *server.node.services.lock().unwrap() = vec![shop(&endpoints)];
    let status = server.send("GET /api/status", "").await.json();
    assert_eq!(status["strain"], "shed_low");
    let service = &status["services"][0];
    assert_eq!((&service["endpoints_up"], &service["endpoints_total"]), (&json!(1), &json!(4)));
    let told: Vec<_> = status["endpoints"].as_array().unwrap().iter().map(|e| &e["state"]).collect();
    assert_eq!(told, ["up", "dead", "ejected", "draining"]);
    let page = server.send("GET /", "").await;
    let html = page.body();
    assert!(html.contains("1/4") && html.contains("overload: shed low"), "{html}");
    let at = |words: &str| html.find(words).unwrap_or_else(|| panic!("{words} is not on the page"));
    for state in ["dead", "ejected", "draining"] {
        assert!(html.contains(&format!("\">{state}</span>")), "{state}");
    }
    let row = |url: &str| at(&format!("row\">{url}"));
    assert!(row("http://b:1") < row("http://a:1"), "what is wrong stands first");
    assert!(row("http://d:1") < row("http://a:1"));
}
