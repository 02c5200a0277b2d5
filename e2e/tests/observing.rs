//! What can be seen of the work from outside: metrics, access log, admin API.

use e2e::{Origin, Port, Tidegate, soon};
use serde_json::Value;

#[test]
fn every_request_is_counted_by_its_configured_names() {
    let origin = Origin::hello();
    let gateway = Tidegate::start(&format!(
        "services: {{ shop: \"{}\" }}\nroutes: [{{ name: products, match: {{ path: \"/v1/products/{{id}}\" }}, service: shop }}]",
        origin.url()
    ));
    for n in 0..25 {
        assert_eq!(gateway.get(&format!("/v1/products/{n}")).status, 200);
    }
    assert_eq!(gateway.get("/absent/secret-token").status, 404);
    let labels = ["route=\"products\"", "service=\"shop\"", "method=\"GET\"", "status=\"200\""];
    soon("all are counted", || gateway.metric("tidegate_requests_total", &labels) == 25);
    soon("the 404 too", || gateway.metric("tidegate_requests_total", &["status=\"404\""]) == 1);
    let text = gateway.metrics();
    assert!(!text.contains("secret-token"), "raw paths are no labels");
    assert_eq!(gateway.metric("tidegate_request_duration_seconds_count", &["route=\"products\""]), 25);
    assert!(text.contains("tidegate_upstream_duration_seconds_bucket{"), "{text}");
    assert!(text.contains("process_"), "{text}");
}

#[test]
fn metrics_are_well_formed_prometheus_text() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    gateway.get("/");
    let answer = gateway.admin("GET", "/metrics");
    assert!(answer.fields.get("content-type").is_some_and(|t| t.starts_with("text/plain")), "{answer}");
    let text = answer.text();
    let mut samples = std::collections::HashSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value in `{line}`"));
        assert!(value.parse::<f64>().is_ok(), "`{line}`");
        assert!(samples.insert(series.to_owned()), "twice: `{line}`");
    }
    assert!(samples.len() > 20);
    for line in text.lines().filter(|line| line.starts_with("# TYPE")) {
        let name = line.split(' ').nth(2).unwrap_or_default();
        assert!(text.contains(&format!("# HELP {name} ")), "{name} is not explained");
    }
}

#[test]
fn requests_in_flight_are_counted_while_they_are() {
    let origin = Origin::start(|exchange| {
        exchange.sees_close();
    });
    let gateway = Tidegate::to(&origin.url());
    let mut clients: Vec<_> = (0..3).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    soon("three are in flight", || gateway.metric("tidegate_inflight", &["service=\"api\""]) == 3);
    drop(clients);
    soon("none is", || gateway.metric("tidegate_inflight", &["service=\"api\""]) == 0);
}

#[test]
fn a_line_of_the_access_log_tells_all_about_its_request() {
    let origin = Origin::hello();
    let gateway = Tidegate::start(&format!(
        "services: {{ shop: \"{}\" }}\nroutes: [{{ name: orders, match: {{ path: \"/v1/*\" }}, service: shop }}]",
        origin.url()
    ));
    let mut client = gateway.connect();
    client.send(
        "POST /v1/orders?page=2 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Te\"st\\1\r\nReferer: http://a/\r\n\
         X-Request-Id: mine\r\nAuthorization: Bearer hush\r\nCookie: s=hush\r\nContent-Length: 5\r\n\r\nhello",
    );
    assert_eq!(client.response().status, 200);
    let entry = gateway.access_log("/v1/orders");
    let expected = [
        ("client", Value::from("127.0.0.1")),
        ("method", "POST".into()),
        ("host", "shop.example".into()),
        ("query", "page=2".into()),
        ("version", "HTTP/1.1".into()),
        ("status", 200.into()),
        ("bytes_in", 5.into()),
        ("bytes_out", 17.into()),
        ("route", "orders".into()),
        ("service", "shop".into()),
        ("attempts", 1.into()),
        ("request_id", "mine".into()),
        ("user_agent", "Te\"st\\1".into()),
        ("referer", "http://a/".into()),
        ("complete", true.into()),
    ];
    for (key, value) in expected {
        assert_eq!(entry[key], value, "{key} in {entry}");
    }
    assert!(entry["endpoint"].as_str().is_some_and(|e| e.contains(&origin.address().to_string())), "{entry}");
    assert!(entry["duration_ms"].as_f64() >= entry["upstream_ms"].as_f64(), "{entry}");
    assert!(!gateway.stdout().contains("hush"), "secrets are not logged");
}

#[test]
fn every_line_of_the_access_log_is_json_and_every_request_has_one() {
    let origin = Origin::hello();
    let nobody = Port::free();
    let gateway = Tidegate::start(&format!(
        "services: {{ api: \"{}\", dead: \"http://{}\" }}\n\
         routes: [{{ match: {{ path: \"/ok/*\" }}, service: api }}, {{ match: {{ path: /dead }}, service: dead }}]",
        origin.url(),
        nobody.address()
    ));
    for n in 0..20 {
        gateway.connect().get(&format!("/ok/{n}"), "User-Agent: \"\\\t\u{e9}\r\n");
    }
    assert_eq!(gateway.get("/absent").status, 404);
    assert_eq!(gateway.get("/dead").status, 503);
    let about = |entry: &Value| entry["path"].is_string();
    let lines =
        || gateway.stdout().lines().filter_map(|l| serde_json::from_str(l).ok()).filter(about).count();
    soon("all have a line", || lines() >= 22);
    for line in gateway.stdout().lines().filter(|line| line.contains("\"path\"")) {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    assert_eq!(lines(), 22);
    assert_eq!(gateway.access_log("/absent")["status"], 404);
    assert!(gateway.access_log("/dead")["stop"].is_string(), "why the gateway ended it");
}

#[test]
fn the_access_log_can_be_a_file_or_off() {
    let gateway = Tidegate::start(
        "routes: [{ respond: { body: here } }]\nobserve: { access_log: { format: clf, path: \"{dir}/access.log\" } }",
    );
    gateway.connect().get("/filed", "User-Agent: Test/1\r\n");
    let line = || std::fs::read_to_string(gateway.file("access.log")).unwrap_or_default();
    soon("the line is in the file", || line().contains("\"GET /filed HTTP/1.1\" 200 4"));
    assert!(line().starts_with("127.0.0.1 - ") && line().trim_end().ends_with("\"Test/1\""), "{}", line());
    assert!(!gateway.stdout().contains("/filed"));
    let quiet = Tidegate::start("routes: [{ respond: { body: here } }]\nobserve: { access_log: off }");
    quiet.get("/silent");
    soon("it is counted", || quiet.metric("tidegate_requests_total", &["status=\"200\""]) == 1);
    assert!(!quiet.stdout().contains("/silent"));
}

#[test]
fn a_reader_of_the_log_that_goes_away_does_not_stop_the_gateway() {
    let origin = Origin::hello();
    let mut gateway = Tidegate::to(&origin.url());
    assert_eq!(gateway.get("/before").status, 200);
    gateway.access_log("/before");
    gateway.stop_reading_stdout();
    for n in 0..50 {
        assert_eq!(gateway.get(&format!("/{n}")).status, 200);
    }
    soon("the requests are counted", || gateway.metric("tidegate_requests_total", &["status=\"200\""]) >= 51);
    assert!(gateway.is_running());
}

#[test]
fn the_admin_api_tells_health_routes_and_services() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    for path in ["/healthz", "/readyz"] {
        assert_eq!(gateway.admin("GET", path).status, 200, "{path}");
    }
    for path in ["/api/config", "/api/routes", "/api/services", "/openapi.json"] {
        let answer = gateway.admin("GET", path);
        assert_eq!(answer.status, 200, "{path}: {answer}");
        assert!(serde_json::from_slice::<Value>(&answer.body).is_ok(), "{path}: {answer}");
    }
    assert_eq!(gateway.admin("GET", "/api/absent").status, 404);
    assert_eq!(gateway.admin("GET", "/api/reload").status, 405);
}

#[test]
fn a_web_page_cannot_reload_or_drain_a_gateway_on_loopback() {
    let gateway = Tidegate::start("routes: [{ respond: { body: here } }]");
    let address = gateway.admin_address();
    for fields in
        [format!("Host: {address}\r\nOrigin: http://evil.example\r\n"), "Host: evil.example\r\n".to_owned()]
    {
        let mut admin = e2e::Raw::connect(address);
        admin.send(format!("POST /api/drain HTTP/1.1\r\n{fields}Content-Length: 0\r\n\r\n"));
        let answer = admin.response();
        assert!((400..500).contains(&answer.status), "{fields}: {answer}");
    }
    assert_eq!(gateway.admin("GET", "/readyz").status, 200);
}
