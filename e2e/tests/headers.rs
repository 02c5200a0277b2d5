//! Which fields pass through, which do not, and which Tidegate adds (RFC 9110 section 7.6, RFC 7239).

use e2e::{Origin, Request, Response, Tidegate};

/// The answer and what the origin saw of a GET for `/` with these field lines.
#[track_caller]
fn through(more: &str, fields: &str) -> (Response, Request) {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), more);
    let answer = gateway.connect().get("/", fields);
    assert_eq!(answer.status, 200, "{answer}");
    (answer, origin.only_request())
}

/// What a client gets of an answer with these field lines.
#[track_caller]
fn answer_with(fields: &str) -> Response {
    let origin = Origin::always(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{fields}\r\nok"));
    let gateway = Tidegate::to(&origin.url());
    gateway.connect().get("/", "")
}

const TRUST: &str = "trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]";

#[test]
fn fields_of_the_connection_do_not_reach_the_origin() {
    let fields = "Connection: keep-alive, X-Hop, TE\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n\
                  TE: trailers, deflate\r\nX-Kept: yes\r\n";
    let (_, request) = through("", fields);
    for name in ["x-hop", "keep-alive", "proxy-connection"] {
        assert!(!request.fields.has(name), "{name}: {:?}", request.fields);
    }
    assert!(!request.fields.lists("connection", "x-hop"));
    assert!(!request.fields.lists("te", "deflate"), "{:?}", request.fields);
    assert_eq!(request.fields.get("x-kept"), Some("yes"));
}

#[test]
fn an_upgrade_to_anything_but_websocket_is_not_offered_to_the_origin() {
    let (_, request) = through(
        "",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    );
    for name in ["upgrade", "http2-settings"] {
        assert!(!request.fields.has(name), "{:?}", request.fields);
    }
}

#[test]
fn fields_of_the_connection_do_not_reach_the_client() {
    let answer = answer_with(
        "Connection: X-Internal, keep-alive\r\nX-Internal: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\nX-Kept: yes\r\n",
    );
    for name in ["x-internal", "keep-alive", "proxy-connection"] {
        assert!(!answer.fields.has(name), "{answer}");
    }
    assert_eq!(answer.fields.get("x-kept"), Some("yes"));
}

#[test]
fn a_client_cannot_remove_what_the_gateway_says_by_naming_it_in_connection() {
    let (_, request) = through(
        "",
        "Connection: close, X-Forwarded-For, Forwarded, X-Forwarded-Proto, X-Request-Id, Via, Host\r\n",
    );
    for name in ["x-forwarded-for", "x-forwarded-proto", "x-request-id", "via", "host"] {
        assert!(request.fields.has(name), "{name}: {:?}", request.fields);
    }
}

#[test]
fn a_client_cannot_unframe_a_body_by_naming_its_length_in_connection() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length, keep-alive\r\nContent-Length: 5\r\n\r\nhello");
    let answer = client.response();
    match answer.status {
        400 => assert!(origin.requests().is_empty()),
        _ => assert_eq!(origin.only_request().body, b"hello", "{answer}"),
    }
}

#[test]
fn te_trailers_is_kept() {
    let (_, request) = through("", "Connection: TE\r\nTE: trailers\r\n");
    assert_eq!(request.fields.get("te"), Some("trailers"), "{:?}", request.fields);
}

#[test]
fn via_is_added_on_the_way_in() {
    let (_, request) = through("", "Via: 1.0 fred\r\n");
    let via = request.fields.all("via").join(", ");
    assert!(via.starts_with("1.0 fred, 1.1 "), "RFC 9110 section 7.6.3: {via}");
}

#[test]
fn via_is_added_on_the_way_out() {
    let answer = answer_with("Via: 1.0 fred\r\n");
    let via = answer.fields.all("via").join(", ");
    assert!(via.starts_with("1.0 fred, 1.1 "), "RFC 9110 section 7.6.3: {via}");
}

#[test]
fn the_origin_learns_of_the_client() {
    let (_, request) = through("", "");
    assert_eq!(request.fields.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(request.fields.all("x-forwarded-proto"), ["http"]);
    assert_eq!(request.fields.all("x-forwarded-host"), ["example.com"]);
    let forwarded = request.fields.all("forwarded").join(",").to_ascii_lowercase();
    for part in ["for=127.0.0.1", "proto=http", "host=example.com"] {
        assert!(forwarded.replace('"', "").contains(part), "{forwarded}");
    }
}

#[test]
fn what_an_unknown_client_says_of_itself_is_replaced() {
    let (_, request) = through(
        "",
        "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n\
         Forwarded: for=1.2.3.4;proto=https\r\n",
    );
    assert_eq!(request.fields.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(request.fields.all("x-forwarded-proto"), ["http"]);
    assert_eq!(request.fields.all("x-forwarded-host"), ["example.com"]);
    let forwarded = request.fields.all("forwarded").join(",");
    assert!(!forwarded.contains("1.2.3.4") && !forwarded.contains("https"), "{forwarded}");
}

#[test]
fn what_a_trusted_proxy_says_of_the_client_is_kept() {
    let (_, request) = through(
        TRUST,
        "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\nForwarded: for=1.2.3.4;proto=https\r\n",
    );
    let chain = request.fields.all("x-forwarded-for").join(", ");
    assert_eq!(chain.replace(' ', ""), "1.2.3.4,127.0.0.1");
    assert_eq!(request.fields.all("x-forwarded-proto"), ["https"]);
    assert_eq!(request.fields.all("x-forwarded-host"), ["shop.example"]);
    let forwarded = request.fields.all("forwarded").join(", ");
    assert!(forwarded.contains("for=1.2.3.4") && forwarded.contains("127.0.0.1"), "{forwarded}");
}

#[test]
fn the_client_is_the_last_address_that_no_trusted_proxy_has() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), TRUST);
    gateway.connect().get("/walked", "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.9\r\n");
    assert_eq!(gateway.access_log("/walked")["client"], "1.2.3.4");
}

#[test]
fn the_client_is_found_in_forwarded_where_that_alone_is_there() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), TRUST);
    let fields =
        "Forwarded: for=6.6.6.6\r\nForwarded: for=\"[2001:db8::7]:4711\";proto=https, for=10.0.0.9\r\n";
    gateway.connect().get("/forwarded", fields);
    assert_eq!(gateway.access_log("/forwarded")["client"], "2001:db8::7");
}

#[test]
fn a_forwarded_that_names_another_client_than_x_forwarded_for_is_neither_believed_nor_passed_on() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), TRUST);
    gateway.connect().get("/lie", "Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n");
    assert_eq!(gateway.access_log("/lie")["client"], "1.2.3.4");
    let request = origin.only_request();
    assert!(!request.fields.all("forwarded").join(",").contains("6.6.6.6"), "{:?}", request.fields);
    assert_eq!(request.fields.all("x-forwarded-for"), ["1.2.3.4, 127.0.0.1"]);
}

#[test]
fn an_unknown_client_is_logged_by_its_own_address() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    gateway.connect().get("/spoofed", "X-Forwarded-For: 6.6.6.6\r\n");
    assert_eq!(gateway.access_log("/spoofed")["client"], "127.0.0.1");
}

#[test]
fn a_sane_request_id_is_kept() {
    let (answer, request) = through("", "X-Request-Id: order-4711.A_b\r\n");
    assert_eq!(request.fields.all("x-request-id"), ["order-4711.A_b"]);
    assert_eq!(answer.fields.all("x-request-id"), ["order-4711.A_b"]);
}

#[test]
fn a_missing_request_id_is_made() {
    let (answer, request) = through("", "");
    let made = request.fields.get("x-request-id").unwrap_or_default();
    assert!(made.len() >= 16, "{made}");
    assert_eq!(answer.fields.all("x-request-id"), [made]);
}

#[test]
fn every_request_gets_an_id_of_its_own() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    let mut ids: Vec<String> =
        (0..20).filter_map(|_| client.get("/", "").fields.get("x-request-id").map(str::to_owned)).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[test]
fn a_request_id_that_could_hurt_a_log_is_replaced() {
    let long = "a".repeat(1000);
    for id in [long.as_str(), "a b\"c", "<script>", "{\"a\":1}", "caf\u{e9}"] {
        let (answer, request) = through("", &format!("X-Request-Id: {id}\r\n"));
        let ids = request.fields.all("x-request-id");
        assert!(ids.len() == 1 && ids[0] != id && !ids[0].is_empty(), "{ids:?}");
        assert_eq!(answer.fields.all("x-request-id"), ids);
    }
}

#[test]
fn errors_of_the_gateway_carry_the_request_id() {
    let gateway = Tidegate::start("routes: [{ match: { path: /only }, respond: { status: 200 } }]");
    let answer = gateway.connect().get("/absent", "X-Request-Id: mine\r\n");
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).expect("problem+json");
    assert_eq!((answer.status, problem["request_id"].as_str()), (404, Some("mine")), "{answer}");
    assert_eq!(answer.fields.get("x-request-id"), Some("mine"));
}

#[test]
fn the_trace_goes_on() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let (_, request) = through("", &format!("traceparent: {trace}\r\ntracestate: a=b\r\n"));
    let sent = request.fields.get("traceparent").unwrap_or_default();
    assert!(sent.starts_with(&trace[..36]), "{sent}");
    assert_eq!(request.fields.get("tracestate"), Some("a=b"));
}

fn host_seen(policy: &str) -> (String, String) {
    let origin = Origin::hello();
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{}\"]{policy} }} }}\nroutes: [{{ service: api }}]",
        origin.url()
    ));
    gateway.connect().send("GET / HTTP/1.1\r\nHost: Shop.Example:8080\r\n\r\n").response();
    let request = origin.only_request();
    assert_eq!(request.fields.all("host").len(), 1);
    (request.fields.get("host").unwrap_or_default().to_owned(), origin.address().to_string())
}

#[test]
fn the_host_is_preserved_by_default() {
    assert_eq!(host_seen("").0.to_ascii_lowercase(), "shop.example:8080");
    assert_eq!(host_seen(", host: preserve").0.to_ascii_lowercase(), "shop.example:8080");
}

#[test]
fn the_host_can_be_the_endpoints_own() {
    let (seen, endpoint) = host_seen(", host: endpoint");
    assert_eq!(seen, endpoint);
}

#[test]
fn the_host_can_be_a_fixed_one() {
    assert_eq!(host_seen(", host: \"api.internal:8080\"").0, "api.internal:8080");
}

#[test]
fn repeated_fields_keep_their_order_and_their_lines() {
    let answer = answer_with("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nSet-Cookie: a=3\r\n");
    assert_eq!(answer.fields.all("set-cookie"), ["a=1", "b=2", "a=3"]);
    let (_, request) = through("", "X-List: a\r\nX-List: b\r\nX-List: a\r\n");
    assert_eq!(request.fields.all("x-list").join(",").replace(' ', ""), "a,b,a");
}

#[test]
fn end_to_end_fields_pass_as_they_are() {
    let (_, request) = through(
        "",
        "Authorization: Bearer abc\r\nCookie: a=1; b=2\r\nAccept-Encoding: br, gzip\r\nIf-None-Match: \"x\"\r\nRange: bytes=0-1\r\nUser-Agent: Test/1.0\r\n",
    );
    let expected = [
        ("authorization", "Bearer abc"),
        ("cookie", "a=1; b=2"),
        ("accept-encoding", "br, gzip"),
        ("if-none-match", "\"x\""),
        ("range", "bytes=0-1"),
        ("user-agent", "Test/1.0"),
    ];
    for (name, value) in expected {
        assert_eq!(request.fields.all(name), [value]);
    }
}

#[test]
fn date_and_server_of_the_origin_are_kept_once() {
    let answer = answer_with("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: origin/1\r\n");
    assert_eq!(answer.fields.all("date"), ["Sun, 06 Nov 1994 08:49:37 GMT"]);
    assert_eq!(answer.fields.all("server"), ["origin/1"]);
}

#[test]
fn a_missing_date_is_added() {
    let answer = answer_with("");
    assert_eq!(answer.fields.all("date").len(), 1, "RFC 9110 section 6.6.1: {answer}");
}

#[test]
fn strip_prefix_changes_the_path_and_keeps_the_query() {
    let origin = Origin::hello();
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {} }}\nroutes: [{{ match: {{ path: \"/api/*\" }}, service: api, strip_prefix: /api }}]",
        origin.url()
    ));
    for (asked, seen) in
        [("/api/v1/x?y=%20z&a", "/v1/x?y=%20z&a"), ("/api/", "/"), ("/api", "/"), ("/api?q", "/?q")]
    {
        assert_eq!(gateway.get(asked).text(), seen, "{asked}");
    }
}

#[test]
fn a_redirect_carries_what_the_path_caught() {
    let gateway = Tidegate::start(
        "routes: [{ match: { path: \"/old/{id}\" }, redirect: { to: \"https://example.com/new/{id}\", status: 301 } }]",
    );
    let answer = gateway.get("/old/42");
    assert_eq!(
        (answer.status, answer.fields.get("location")),
        (301, Some("https://example.com/new/42")),
        "{answer}"
    );
    // What was caught goes into a field: it must not break out of it or out of its place.
    let answer = gateway.get("/old/a%0d%0aX-Evil:%20b");
    assert!(!answer.fields.has("x-evil"), "{answer}");
}
