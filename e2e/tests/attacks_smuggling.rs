//! Attempts to make two readers see two messages where one was sent, or to be taken for somebody else.

use e2e::{Origin, Tidegate, python_script};
use serde_json::{Value, json};

/// Sends these requests over HTTP/2, each on its own connection, and returns what came of each.
#[track_caller]
fn over_http_2(gateway: &Tidegate, cases: &Value) -> Vec<Value> {
    let done = python_script("h2_send.py", &[&gateway.address().port().to_string(), &cases.to_string()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("a list of outcomes")
}

/// The pseudo-fields of a request with more fields behind them.
fn http_2(method: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let pseudo = [(":method", method), (":scheme", "http"), (":path", "/p"), (":authority", "example.com")];
    pseudo.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_field_name_of_64_kib_does_not_become_a_shorter_one() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "limits: { max_header_bytes: 256KiB }");
    // Cut to sixteen bits, its length is that of `Transfer-Encoding`.
    let name = format!("Transfer-Encoding{}", "x".repeat(1 << 16));
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = smuggled.len();
    let mut client = gateway.connect();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\n{name}: chunked\r\nContent-Length: {length}\r\n\r\n{smuggled}"
    ));
    assert!(client.response().status >= 400);
    assert!(origin.requests().is_empty(), "{:?}", origin.requests()[0].fields.get("transfer-encoding"));
}

#[test]
fn fields_that_frame_or_route_are_dropped_in_trailers_of_http_2_too() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let trailers = [
        ("content-length", "3"),
        ("host", "other.example"),
        ("authorization", "Basic YTpi"),
        ("x_forwarded_for", "10.0.0.1"),
        ("x-forwarded-prefix", "/admin"),
    ];
    let cases: Vec<Value> = trailers
        .iter()
        .map(|field| json!({ "headers": http_2("POST", &[]), "body": "abc", "trailers": [field] }))
        .collect();
    over_http_2(&gateway, &Value::Array(cases));
    for request in origin.requests() {
        assert!(request.trailers.0.is_empty(), "{:?}", request.trailers);
    }
}

#[test]
fn trailers_cannot_tell_a_lie_about_the_client() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let names = [
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
        "X-Forwarded-Host",
        "X-Request-Id",
        "X-Forwarded-Prefix",
        "X_Forwarded_For",
        "x_real-ip",
        "X-Forwarded_Prefix",
        "Content_Length",
        "transfer_encoding",
    ];
    for name in names {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        let mut client = gateway.connect();
        client.send(format!("{head}0\r\n{name}: 10.0.0.1\r\n\r\n"));
        assert_eq!(client.response().status, 200);
    }
    for request in origin.requests() {
        assert!(request.trailers.0.is_empty(), "{:?}", request.trailers);
    }
}

#[test]
fn names_that_scripts_read_as_the_gateways_own_are_dropped() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let lies = [
        "X_Forwarded_For: 10.0.0.1",
        "X-Forwarded_Proto: https",
        "x_real_ip: 10.0.0.1",
        "X_Request_Id: 1",
        "Content_Length: 0",
        "Transfer_Encoding: chunked",
        "X-Forwarded-Prefix: /admin",
    ];
    let answer = gateway
        .connect()
        .get("/", &format!("{}\r\nX_Own: stays\r\nConnection: close\r\n", lies.join("\r\n")));
    assert_eq!(answer.status, 200, "{answer}");
    let request = origin.only_request();
    for lie in lies {
        let name = lie.split(':').next().unwrap_or_default();
        assert!(!request.fields.has(name), "{name}: {}", request.head.escape_ascii());
    }
    assert_eq!(request.fields.get("x_own"), Some("stays"));
}

#[test]
fn a_body_that_http_2_does_not_announce_is_no_second_request() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let cases: Vec<Value> = ["GET", "POST", "HEAD", "DELETE"]
        .iter()
        .flat_map(|method| {
            [
                json!({ "headers": http_2(method, &[("content-length", "0")]), "body": smuggled }),
                json!({ "headers": http_2(method, &[("content-length", "0"), ("content-length", "39")]), "body": smuggled }),
                json!({ "headers": http_2(method, &[]), "body": smuggled }),
            ]
        })
        .collect();
    over_http_2(&gateway, &Value::Array(cases));
    for n in 0..5 {
        assert_eq!(gateway.get(&format!("/{n}")).text(), format!("/{n}"));
    }
    let targets: Vec<String> = origin.requests().into_iter().map(|request| request.target).collect();
    assert!(!targets.iter().any(|target| target == "/smuggled"), "{targets:?}");
}

#[test]
fn an_answer_without_content_that_the_config_gives_a_body_stays_in_step() {
    let gateway = Tidegate::start(
        "routes: [{ match: { path: /none }, respond: { status: 304, body: stray } }, { respond: { body: next } }]",
    );
    let mut client = gateway.connect();
    assert_eq!(client.get("/none", "").status, 304);
    let next = client.get("/next", "");
    assert_eq!((next.version.as_str(), next.text().as_str()), ("HTTP/1.1", "next"), "{next}");
}

#[test]
fn head_is_told_no_length_that_the_endpoint_did_not_tell() {
    let origin = Origin::always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    let answer = client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").response_to_head();
    assert_eq!(answer.fields.get("content-length"), None, "RFC 9110 section 8.6: {answer}");
    let seen = over_http_2(&gateway, &json!([{ "headers": http_2("HEAD", &[]) }]));
    assert_eq!(seen[0]["status"], 200, "{seen:?}");
    assert!(!seen[0]["headers"].to_string().contains("content-length"), "{seen:?}");
}

#[test]
fn an_error_to_head_has_no_body_over_http_2_either() {
    let gateway = Tidegate::start("routes: [{ match: { path: /only }, respond: { body: here } }]");
    let mut only = http_2("HEAD", &[]);
    "/only".clone_into(&mut only[2].1);
    let seen = over_http_2(&gateway, &json!([{ "headers": http_2("HEAD", &[]) }, { "headers": only }]));
    assert_eq!((&seen[0]["status"], &seen[0]["body"]), (&json!(404), &json!("")), "RFC 9113 section 8.1.1");
    assert_eq!((&seen[1]["status"], &seen[1]["body"]), (&json!(200), &json!("")));
}

#[test]
fn endless_100s_of_an_endpoint_are_a_bad_gateway() {
    let origin = Origin::start(|exchange| while exchange.send("HTTP/1.1 100 Continue\r\n\r\n") {});
    let gateway = Tidegate::to_with(&origin.url(), "");
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.final_response().status, 502);
}

#[test]
fn a_redirect_to_the_path_never_leads_to_a_host_that_the_path_names() {
    let gateway = Tidegate::start(
        "limits: { merge_slashes: false }\nroutes: [{ match: { path: \"/*\" }, redirect: { to: \"/{path}{query}\" } }]",
    );
    for target in ["/evil.example/x", "//evil.example/x", "///evil.example/x", "//evil.example/../x"] {
        let answer = gateway.connect().get(target, "");
        let location = answer.fields.get("location").unwrap_or_default();
        assert!(location.starts_with('/') && !location.starts_with("//"), "{target}: {answer}");
    }
}
