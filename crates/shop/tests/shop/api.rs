//! Every endpoint that answers at once or soon.

use crate::client::Running;
use serde_json::json;
use shop::{Orders, Settings};

#[tokio::test]
async fn the_products_are_listed_whole_by_category_and_up_to_a_limit() {
    let shop = Running::start();
    let all = shop.get("/v1/products").await;
    assert_eq!((all.status, all.field("content-type")), (200, "application/json"));
    assert_eq!(all.field("x-instance"), "shop-test");
    assert_eq!(all.json()["total"], 50);
    assert_eq!(all.json()["items"].as_array().unwrap().len(), 50);

    let some = shop.get("/v1/products?category=garden&limit=3").await.json();
    assert_eq!(some["total"], 10);
    let items = some["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert!(items.iter().all(|item| item["category"] == "garden"));

    assert!(shop.get("/v1/products?category=cars").await.problem(400).contains("kitchen"));
    for limit in ["0", "101", "-1", "x", "", "99999999999999999999"] {
        let says = shop.get(&format!("/v1/products?limit={limit}")).await.problem(400);
        assert!(says.contains("1 to 100"), "{limit}: {says}");
    }
}

#[tokio::test]
async fn a_product_has_parts_to_select_and_its_picture_exists() {
    let shop = Running::start();
    let product = shop.get("/v1/products/7").await.json();
    assert_eq!(product["id"], 7);
    assert!(product["supplier"]["name"].is_string() && product["reviews"][0]["stars"].is_u64());
    assert!(product["price"].is_f64());
    let picture = shop.get(product["image"].as_str().unwrap()).await;
    assert_eq!((picture.status, picture.field("content-type")), (200, "image/svg+xml"));
    assert!(picture.field("cache-control").contains("immutable"));
    assert!(picture.body.contains(product["name"].as_str().unwrap()));
    for id in ["0", "51", "x", "07", "%37"] {
        assert!(shop.get(&format!("/v1/products/{id}")).await.problem(404).contains("1 to 50"));
    }
    shop.get("/v1/images/51.svg").await.problem(404);
}

#[tokio::test]
async fn who_has_a_product_already_is_told_so_without_sending_it_again() {
    let shop = Running::start();
    let first = shop.get("/v1/products/7").await;
    let tag = first.field("etag").to_owned();
    assert!(first.field("cache-control").contains("max-age=60"));
    let again = shop.ask("GET /v1/products/7", &format!("If-None-Match: \"x\", W/{tag}\r\n")).await;
    assert_eq!((again.status, again.body.as_str(), again.field("etag")), (304, "", tag.as_str()));
    assert_eq!(again.field("cache-control"), first.field("cache-control"));
    let other = shop.ask("GET /v1/products/8", &format!("If-None-Match: {tag}\r\n")).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn two_instances_give_the_same_product_under_the_same_tag() {
    let (one, two) = (Running::start(), Running::with(Settings::named("other")));
    let (first, second) = (one.get("/v1/products").await, two.get("/v1/products").await);
    assert_eq!((&first.body, first.field("etag")), (&second.body, second.field("etag")));
    assert_eq!((first.field("x-instance"), second.field("x-instance")), ("shop-test", "other"));
}

#[tokio::test]
async fn a_search_finds_by_name_or_category_whatever_the_case() {
    let shop = Running::start();
    let found = shop.get("/v1/search?q=LAMP").await.json();
    assert_eq!(found["total"], 2);
    let took = found["took_ms"].as_u64().unwrap();
    assert!((20..=50).contains(&took));
    assert_eq!(shop.get("/v1/search?q=lamp").await.json()["took_ms"], took);
    assert_eq!(shop.get("/v1/search?q=music").await.json()["total"], 10);
    assert_eq!(shop.get("/v1/search?q=%00%ff").await.json()["total"], 0);
    for path in
        ["/v1/search", "/v1/search?q=", "/v1/search?q=++", &format!("/v1/search?q={}", "a".repeat(101))]
    {
        assert!(shop.get(path).await.problem(400).contains("1 to 100"));
    }
}

#[tokio::test]
async fn an_order_is_taken_and_found_at_its_address() {
    let shop = Running::start();
    let taken = shop.post("/v1/orders", r#"{"product_id": 7, "quantity": 2}"#).await;
    assert_eq!(taken.status, 201);
    let order = taken.json();
    assert_eq!((&order["product_id"], &order["quantity"]), (&json!(7), &json!(2)));
    let price = shop.get("/v1/products/7").await.json()["price"].as_f64().unwrap();
    assert!((order["total"].as_f64().unwrap() - 2.0 * price).abs() < 0.001);
    let found = shop.get(taken.field("location")).await;
    assert_eq!((found.status, found.json()), (200, order));
    assert!(shop.get("/v1/orders/nobody").await.problem(404).contains("shop-test"));
}

#[tokio::test]
async fn an_order_with_mistakes_is_told_all_of_them() {
    let shop = Running::start();
    let refused = shop.post("/v1/orders", r#"{"product_id": 51, "quantity": 0, "colour": "red"}"#).await;
    refused.problem(422);
    let pointers: Vec<_> =
        refused.json()["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["/colour", "/product_id", "/quantity"]);
    shop.post("/v1/orders", "").await.problem(422);
    shop.post("/v1/orders", "[1]").await.problem(422);
}

#[tokio::test]
async fn a_body_that_is_no_json_or_too_long_or_too_deep_is_refused() {
    let shop = Running::start();
    shop.post("/v1/orders", "{").await.problem(400);
    shop.post("/v1/orders", &"[".repeat(50_000)).await.problem(400);
    shop.post_as("/v1/orders", "text/plain", "{}").await.problem(415);
    let longest = "{}".to_owned() + &" ".repeat(64 * 1024 - 2);
    shop.post("/v1/orders", &longest).await.problem(422);
    shop.post("/v1/orders", &(longest.clone() + " ")).await.problem(413);
    // A client that is still sending reads its answer afterwards: the connection must not be reset under it.
    shop.post("/v1/orders", &longest.repeat(10)).await.problem(413);
}

#[tokio::test]
async fn instances_that_share_their_orders_find_those_of_the_other() {
    let orders = Orders::default();
    let named = |name: &str| Running::with(Settings { orders: orders.clone(), ..Settings::named(name) });
    let (one, two) = (named("one"), named("two"));
    let taken = one.post("/v1/orders", r#"{"product_id": 1, "quantity": 1}"#).await;
    let found = two.get(taken.field("location")).await;
    assert_eq!((found.status, found.field("x-instance")), (200, "two"));
    assert_eq!(found.json()["taken_by"], "one");
}

#[tokio::test]
async fn a_report_takes_as_long_as_it_is_asked_to() {
    let shop = Running::start();
    let began = std::time::Instant::now();
    let report = shop.post("/v1/reports", r#"{"seconds": 1}"#).await;
    assert!(began.elapsed().as_secs() >= 1);
    assert_eq!(report.status, 200);
    assert_eq!(report.json()["shelves"].as_array().unwrap().len(), 5);
    let same = shop.get("/v1/report?seconds=0").await.json();
    assert_eq!(same["shelves"], report.json()["shelves"]);
    for seconds in ["31", "-1", "1.5", "x", ""] {
        assert!(shop.get(&format!("/v1/report?seconds={seconds}")).await.problem(400).contains("0 to 30"));
    }
    for body in [r#"{"seconds": 31}"#, r#"{"seconds": "2"}"#, r#"{"seconds": null}"#, r#"{"minutes": 1}"#] {
        shop.post("/v1/reports", body).await.problem(422);
    }
}

#[tokio::test]
async fn the_flaky_one_fails_exactly_every_third_time() {
    let shop = Running::start();
    let mut statuses = Vec::new();
    for _ in 0..9 {
        let answer = shop.get("/v1/flaky").await;
        assert_eq!(answer.field("retry-after"), if answer.status == 503 { "1" } else { "" });
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [200, 200, 503].repeat(3));
}

#[tokio::test]
async fn a_caller_sees_what_came_with_the_call_but_no_secret() {
    let shop = Running::start();
    let me = shop.ask("GET /v1/me", "Via: 1.1 a\r\nVia: 1.1 b\r\nAuthorization: Bearer hush\r\n").await;
    assert_eq!(me.json()["request"]["via"], "1.1 a, 1.1 b");
    assert_eq!(me.json()["request"]["authorization"], "(not shown)");
    assert!(!me.body.contains("hush"));
    assert_eq!(me.field("cache-control"), "no-store");
}

#[tokio::test]
async fn the_index_lists_the_endpoints_and_health_is_well() {
    let shop = Running::start();
    let index = shop.get("/").await;
    assert!(index.json()["endpoints"]["GET /v1/products/{id}"].is_string());
    assert!(index.body.lines().count() > 15, "people can read it");
    assert_eq!(shop.get("/healthz").await.json(), json!({ "status": "ok" }));
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let shop = Running::start();
    for path in ["/", "/v1/products", "/v1/products/7", "/v1/images/7.svg", "/healthz", "/openapi.json"] {
        let (head, get) = (shop.ask(&format!("HEAD {path}"), "").await, shop.get(path).await);
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        for field in ["content-length", "content-type", "etag", "x-instance"] {
            assert_eq!(head.field(field), get.field(field), "{path}");
        }
        assert_eq!(get.field("content-length"), get.body.len().to_string());
    }
    assert_eq!(shop.ask("HEAD /v1/feed", "").await.field("content-type"), "text/event-stream");
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones_and_a_wrong_path_where_to_look() {
    let shop = Running::start();
    for (line, allow) in [
        ("POST /v1/products", "GET, HEAD"),
        ("DELETE /v1/products/7", "GET, HEAD"),
        ("OPTIONS /", "GET, HEAD"),
        ("BREW /v1/feed", "GET, HEAD"),
        ("GET /v1/orders", "POST"),
        ("HEAD /v1/reports", "POST"),
    ] {
        let answer = shop.ask(line, "").await;
        assert_eq!((answer.status, answer.field("allow")), (405, allow), "{line}");
    }
    for path in ["/v1", "/v1/products/", "/v1/products/7/reviews", "/v2/products", "/v1/images/7.png"] {
        shop.get(path).await.problem(404);
    }
    assert!(shop.get("/nothing").await.problem(404).contains("GET /"));
}

#[tokio::test]
async fn a_name_that_would_break_a_header_stops_the_start() {
    let listener = shop::demo::free_port(0).unwrap();
    let error = shop::serve(listener, Settings::named("a\r\nb"), std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}
