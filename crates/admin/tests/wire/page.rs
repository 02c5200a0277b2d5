//! The overview page.

use crate::server::{Server, shop};
use admin::Settings;
use message::Method;
use observe::{Event, EventKind};
use std::time::Duration;

#[tokio::test]
async fn the_page_shows_traffic_and_escapes_names() {
    let server = Server::start(Settings::default()).await;
    let route = server.node.meters.route("<script>alert(1)</script>", "shop & \"co\"");
    route.record(0, &Method::GET, 503, Duration::from_millis(3), 0, 2048);
    *server.node.services.lock().unwrap() = vec![shop(&[("10.0.0.1:80", "dead")])];
    server.node.meters.events().tell(Event::new(EventKind::Endpoint).because("<b>why</b>"));
    server.node.meters.stops("no_route").add(0, 7);
    let page = server.send("GET /", "").await;
    let html = page.body();
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !html.contains("<script>alert"));
    assert!(html.contains("shop &amp; &quot;co&quot;"));
    assert!(html.contains("100.00 %") && html.contains("2.0 KiB") && html.contains("no_route"));
    assert!(html.contains("&lt;b&gt;why&lt;/b&gt;"));
    assert!(html.contains("dead") && html.contains("10.0.0.1:80"));
    // The policy lets exactly the page's own script and style run, and they bring nothing from elsewhere.
    let policy = page.header("content-security-policy").unwrap();
    let nonce = policy.split("'nonce-").nth(1).and_then(|n| n.split('\'').next()).unwrap();
    assert_eq!(html.matches("<script").count(), 1);
    assert!(html.contains(&format!("<script nonce=\"{nonce}\">")));
    assert!(html.contains(&format!("<style nonce=\"{nonce}\">")));
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("style=\""));
    assert!(html.len() < 200 * 1024);
}

#[tokio::test]
async fn a_page_of_thousands_of_routes_stays_small() {
    let server = Server::start(Settings::default()).await;
    for i in 0..5000 {
        let route = server.node.meters.route(&format!("route-{i}"), "shop");
        route.record(0, &Method::GET, 200, Duration::from_millis(3), 0, 0);
    }
    let page = server.send("GET /", "").await;
    assert!(page.body().contains("4950 more"));
    assert!(page.body().len() < 200 * 1024);
}
