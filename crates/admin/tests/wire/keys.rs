//! API keys, revocations, consumers and limits: what reaches the node, and what comes back.

use crate::server::Server;
use admin::{KeyRefusal, Settings};
use serde_json::{Value, json};

impl Server {
    fn asked(&self) -> Vec<String> {
        self.node.asked.lock().expect("no test panics with it").clone()
    }

    fn refuse(&self, refusal: KeyRefusal) {
        *self.node.refusal.lock().expect("no test panics with it") = Some(refusal);
    }
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().expect("a detail")
}

#[tokio::test]
async fn a_new_key_is_told_once_and_kept_by_no_cache() {
    let server = Server::start(Settings::default()).await;
    let body = "{\"consumer\": \"web\", \"label\": \"a\", \"scopes\": [\"r\"], \"expires_in\": \"30d\"}";
    let answer = server.with_body("POST /api/keys", body).await;
    assert_eq!((answer.status(), answer.header("cache-control")), (201, Some("no-store")));
    let key = answer.json();
    assert_eq!((&key["key"], &key["id"], &key["consumer"]), (&json!("tg_text"), &json!("k1"), &json!("web")));
    assert_eq!(key.get("replaces"), None);
    let asked = server.asked().join("\n");
    assert!(
        asked.contains("scopes: Some([\"r\"])") && asked.contains("expires_in: Some(\"30d\")"),
        "{asked}"
    );
    for path in ["/api/keys", "/api/consumers", "/api/limits", "/api/status", "/api/config", "/"] {
        let shown = server.send(&format!("GET {path}"), "").await;
        assert!(!shown.0.contains("tg_text"), "{path}: {}", shown.0);
    }
}

#[tokio::test]
async fn a_rotated_key_is_told_with_the_one_it_replaces() {
    let server = Server::start(Settings::default()).await;
    let answer = server.with_body("POST /api/keys/k0/rotate", "{\"overlap\": \"1h\"}").await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.json()["replaces"], json!({ "id": "k0", "expires": 99 }));
    assert_eq!(server.with_body("POST /api/keys/k0/rotate", "").await.status(), 201);
    assert_eq!(server.asked(), ["rotate k0 Some(\"1h\")", "rotate k0 None"]);
}

#[tokio::test]
async fn keys_are_listed_by_their_consumer_and_the_newest_first() {
    let server = Server::start(Settings::default()).await;
    let all = server.send("GET /api/keys", "").await.json();
    let ids = |all: &Value| all.as_array().unwrap().iter().map(|k| k["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&all), ["k3", "k2", "k1"]);
    assert_eq!(ids(&server.send("GET /api/keys?consumer=web", "").await.json()), ["k3", "k1"]);
    assert_eq!(ids(&server.send("GET /api/keys?consumer=idle", "").await.json()), [""; 0]);
    let problem = server.send("GET /api/keys?consumer=wep", "").await.problem(404);
    assert!(detail(&problem).contains("`wep`") && detail(&problem).contains("web"), "{problem}");
}

#[tokio::test]
async fn what_was_revoked_is_told_and_reaches_the_node() {
    let server = Server::start(Settings::default()).await;
    assert_eq!(server.send("DELETE /api/keys/k%31", "").await.json()["state"], "revoked");
    let done = server.with_body("POST /api/revocations", "{\"jti\": \"t\", \"until\": 5}").await;
    assert_eq!((done.status(), &done.json()["jti"]), (201, &json!("t")));
    assert_eq!(server.send("GET /api/revocations", "").await.json()[0]["jti"], "t");
    assert_eq!(server.asked(), ["revoke k1", "tokens Some(\"t\") None Some(5)"]);
}

#[tokio::test]
async fn a_body_that_says_not_what_to_do_changes_nothing_and_gets_an_example() {
    let server = Server::start(Settings::default()).await;
    for (line, body) in [
        ("POST /api/keys", ""),
        ("POST /api/keys", "[\"web\"]"),
        ("POST /api/keys", "{\"label\": \"x\"}"),
        ("POST /api/keys", "{\"consumer\": \"web\", \"plam\": \"pro\"}"),
        ("POST /api/keys", "{\"consumer\": 7}"),
        ("POST /api/keys/k1/rotate", "{\"overlap\": 7}"),
        ("POST /api/revocations", "{}"),
        ("POST /api/revocations", "{\"jti\": \"\"}"),
        ("POST /api/revocations", "{\"jti\": \"a\", \"subject\": \"b\"}"),
        ("POST /api/revocations", "{\"jti\": \"a\", \"until\": -1}"),
    ] {
        let problem = server.with_body(line, body).await.problem(422);
        assert!(detail(&problem).contains("{\""), "{line} {body}: {problem}");
    }
    assert_eq!(server.asked(), [""; 0]);
}

#[tokio::test]
async fn each_refusal_of_the_node_has_its_status() {
    let server = Server::start(Settings::default()).await;
    for (refusal, status) in [
        (KeyRefusal::NoKey, 404),
        (KeyRefusal::Bad("why".into()), 422),
        (KeyRefusal::NotNow("why".into()), 409),
        (KeyRefusal::Failed("why".into()), 500),
    ] {
        server.refuse(refusal);
        let problem = server.send("DELETE /api/keys/nope", "").await.problem(status);
        assert!(detail(&problem).contains("why") || detail(&problem).contains("`nope`"), "{problem}");
    }
}

#[tokio::test]
async fn other_sites_and_strangers_change_no_key() {
    let server = Server::start(Settings::default()).await;
    for line in ["POST /api/keys", "POST /api/keys/k1/rotate", "DELETE /api/keys/k1", "POST /api/revocations"]
    {
        server.send(line, "Origin: http://evil.example\r\n").await.problem(403);
    }
    assert_eq!(server.asked(), [""; 0]);
    let guarded = Server::start(Settings { token: Some("secret".into()), ..Settings::default() }).await;
    for line in
        ["GET /api/keys", "POST /api/keys", "GET /api/revocations", "GET /api/consumers", "GET /api/limits"]
    {
        guarded.send(line, "").await.problem(401);
    }
}

#[tokio::test]
async fn the_description_has_the_bodies_and_the_statuses() {
    let server = Server::start(Settings::default()).await;
    let document = server.send("GET /openapi.json", "").await.json();
    let create = &document["paths"]["/api/keys"]["post"];
    assert!(create["responses"]["201"].is_object() && create["responses"]["200"].is_null(), "{create}");
    let schema = &create["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["required"], json!(["consumer"]));
    assert_eq!(document["paths"]["/api/keys/{id}/rotate"]["post"]["parameters"][0]["name"], "id");
}

#[tokio::test]
async fn the_page_has_a_card_of_callers_and_limits() {
    let server = Server::start(Settings::default()).await;
    let page = server.send("GET /", "").await.0;
    for words in [
        "Callers and limits",
        "cluster down",
        "no route to host",
        "idle",
        "everywhere",
        "10/s, burst 20",
        "shadow",
    ] {
        assert!(page.contains(words), "`{words}` is missing");
    }
    let limits = server.send("GET /api/limits", "").await.json();
    assert_eq!((&limits["policies"][0]["rejected"], &limits["cluster"]["nodes"]), (&json!(7), &json!(2)));
}
