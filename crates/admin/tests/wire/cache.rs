//! The cache: what is shown of it, what reaches the node that is to be purged, and what is refused.

use crate::server::{Server, cache};
use admin::{PurgeOrder, PurgeRefusal, Settings};
use serde_json::{Value, json};

impl Server {
    fn purges(&self) -> Vec<PurgeOrder> {
        self.node.purges.lock().expect("no test panics with it").clone()
    }
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().expect("a detail")
}

#[tokio::test]
async fn what_is_to_be_purged_reaches_the_node_as_it_was_sent() {
    let server = Server::start(Settings::default()).await;
    let body = "{\"urls\": [\"https://shop.example/a?b=c\"], \"prefixes\": [\"https://shop.example/img/\"], \
                \"tags\": [\"product-42\", \"b\"], \"all\": false, \"soft\": true}";
    let answer = server.with_body("POST /api/purge", body).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json(), json!({ "purged": ["tag product-42", "tag b"], "soft": true }));
    let wanted = PurgeOrder {
        urls: vec!["https://shop.example/a?b=c".to_owned()],
        prefixes: vec!["https://shop.example/img/".to_owned()],
        tags: vec!["product-42".to_owned(), "b".to_owned()],
        all: false,
        soft: true,
    };
    assert_eq!(server.purges(), [wanted]);
    let all = server.with_body("POST /api/purge", "{\"all\": true}").await;
    assert_eq!(all.json(), json!({ "purged": [], "soft": false }));
    assert_eq!(server.purges()[1], PurgeOrder { all: true, ..PurgeOrder::default() });
}

#[tokio::test]
async fn a_body_that_does_not_say_what_to_purge_purges_nothing() {
    let server = Server::start(Settings::default()).await;
    let many = format!("{{\"tags\": {}}}", json!(vec!["t"; 1001]));
    for (body, words) in [
        ("", "{\"urls\""),
        ("[]", "{\"urls\""),
        ("{}", "{\"urls\""),
        ("{\"soft\": true}", "{\"urls\""),
        ("{\"all\": false}", "{\"urls\""),
        ("{\"tag\": [\"a\"]}", "unknown field `tag`"),
        ("{\"tags\": \"a\"}", "expected a sequence"),
        ("{\"all\": true, \"tags\": [\"a\"]}", "`all` purges everything"),
        (&many, "1001 things"),
    ] {
        let problem = server.with_body("POST /api/purge", body).await.problem(422);
        assert!(detail(&problem).contains(words), "{body}: {problem}");
    }
    assert_eq!(server.purges(), []);
    assert_eq!(server.send("GET /api/purge", "").await.status(), 405);
}

#[tokio::test]
async fn each_refusal_to_purge_has_its_status() {
    let server = Server::start(Settings::default()).await;
    for (refusal, status) in
        [(PurgeRefusal::Bad("why".into()), 422), (PurgeRefusal::NotNow("why".into()), 409)]
    {
        *server.node.unpurged.lock().unwrap() = Some(refusal);
        let problem = server.with_body("POST /api/purge", "{\"all\": true}").await.problem(status);
        assert_eq!(detail(&problem), "why");
    }
    assert_eq!(server.purges(), []);
}

#[tokio::test]
async fn other_sites_and_strangers_purge_nothing() {
    let server = Server::start(Settings::default()).await;
    server.send("POST /api/purge", "Sec-Fetch-Site: cross-site\r\n").await.problem(403);
    let guarded = Server::start(Settings { token: Some("secret".into()), ..Settings::default() }).await;
    for line in ["GET /api/cache", "POST /api/purge"] {
        guarded.send(line, "").await.problem(401);
    }
    assert_eq!(guarded.purges(), []);
}

#[tokio::test]
async fn the_cache_is_shown_with_what_each_route_had_of_it() {
    let server = Server::start(Settings::default()).await;
    *server.node.cache.lock().unwrap() = cache();
    let route = server.node.meters.cache("orders", &["miss", "no_store"]);
    route.hits.add(0, 3);
    route.stored.add(0, 1);
    route.bytes.add(0, 30);
    route.reasons[0].1.add(0, 1);
    let shown = server.send("GET /api/cache", "").await.json();
    assert_eq!(
        (&shown["memory"]["bytes"], &shown["memory"]["flights"], &shown["disk"]["is_loaded"]),
        (&json!(1536), &json!(1), &json!(false))
    );
    assert_eq!(shown["purges"], json!({ "latest": 9, "kept": 0 }));
    let wanted = json!([{
        "route": "orders", "hits": 3, "stale": 0, "revalidated": 0, "collapsed": 0, "stored": 1, "unstored": 0,
        "bypassed": 0, "hit_ratio": 0.75, "recent": { "hit_ratio": 0.75 }, "bytes": 30, "reasons": { "miss": 1 },
    }]);
    assert_eq!(shown["routes"], wanted);
}

#[tokio::test]
async fn a_node_without_a_cache_says_so() {
    let server = Server::start(Settings::default()).await;
    let shown = server.send("GET /api/cache", "").await.json();
    assert_eq!(
        (&shown["memory"], &shown["disk"], &shown["routes"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
    assert!(!server.send("GET /", "").await.0.contains("aria-label=\"Cache\""));
}

#[tokio::test]
async fn the_page_has_a_card_of_the_cache() {
    let server = Server::start(Settings::default()).await;
    *server.node.cache.lock().unwrap() = cache();
    let route = server.node.meters.cache("<orders>", &["miss", "vary_miss"]);
    route.hits.add(0, 1);
    route.stored.add(0, 2);
    route.reasons[1].1.add(0, 2);
    let page = server.send("GET /", "").await.0;
    for words in [
        "aria-label=\"Cache\"",
        "memory 1.5 KiB of 4.0 KiB, 3 responses",
        "disk 1.0 GiB of 1.0 TiB",
        "disk loading",
        "1 being fetched",
        "2 files of the disk were damaged",
        "&lt;orders&gt;",
        "33.33 %",
        "vary miss 2",
    ] {
        assert!(page.contains(words), "`{words}` is missing");
    }
    assert!(!page.contains("did not take"), "the disk took everything");
}

#[tokio::test]
async fn the_description_says_what_a_purge_holds() {
    let server = Server::start(Settings::default()).await;
    let document = server.send("GET /openapi.json", "").await.json();
    let purge = &document["paths"]["/api/purge"]["post"];
    assert!(purge["responses"]["409"].is_object() && purge["responses"]["422"].is_object(), "{purge}");
    let properties = &purge["requestBody"]["content"]["application/json"]["schema"]["properties"];
    let mut names: Vec<_> = properties.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["all", "prefixes", "soft", "tags", "urls"]);
}
