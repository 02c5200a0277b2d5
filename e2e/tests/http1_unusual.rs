//! What is served on HTTP/1.1 connections although it is rare: the counterpart of the strictness, so that refusing all
//! is no way to pass (RFC 9112, RFC 9110).

use e2e::{Origin, Response, Tidegate};

/// What a request comes to that is unusual and well-formed.
#[track_caller]
fn served(request: impl AsRef<[u8]>) -> (Response, e2e::Request) {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let answer = gateway.connect().send(request).response();
    assert_eq!(answer.status, 200, "{answer}");
    (answer, origin.only_request())
}

#[test]
fn ten_pipelined_requests_are_answered_in_order() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    let requests = (0..10).map(|n| match n % 2 {
        0 => format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n"),
        _ => format!(
            "POST /{n} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        ),
    });
    client.send(requests.collect::<String>());
    let answers: Vec<String> = (0..10).map(|_| client.response().text()).collect();
    assert_eq!(answers, (0..10).map(|n| format!("/{n}")).collect::<Vec<_>>());
    assert!(!client.is_closed(std::time::Duration::from_millis(50)));
}

#[test]
fn one_empty_line_before_a_request_is_passed_over() {
    served("\r\nGET /first HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn chunk_extensions_are_dropped_and_trailers_arrive() {
    let body = "5;a=b;c=\"d, \\\"e\\\";\" ; f\r\nhello\r\n00A\t; x = \"y\"\r\n, world...\r\n0;last\r\nX-Sum: 15\r\n\r\n";
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n\r\n";
    let (_, request) = served(format!("{head}{body}"));
    assert_eq!(String::from_utf8_lossy(&request.body), "hello, world...");
    assert_eq!(request.trailers.get("x-sum"), Some("15"));
}

#[test]
fn space_around_field_values_is_no_part_of_them() {
    let (_, request) =
        served("POST / HTTP/1.1\r\nHost:a\r\nContent-Length: \t 5 \t\r\nX:  a b\t \r\nY:\r\n\r\nhello");
    assert_eq!(request.body, b"hello");
    assert_eq!(request.fields.get("x"), Some("a b"));
    assert_eq!(request.fields.get("y"), Some(""));
}

#[test]
fn every_token_character_may_stand_in_a_field_name() {
    let name = "!#$%&'*+-.^_`|~09azAZ";
    let (_, request) = served(format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: yes\r\n\r\n"));
    assert_eq!(request.fields.get(name), Some("yes"));
}

#[test]
fn bytes_above_ascii_in_a_field_value_arrive_as_they_are() {
    let (_, request) = served(b"GET / HTTP/1.1\r\nHost: a\r\nX: caf\xe9 \xc3\xa9\r\n\r\n");
    assert!(request.head.windows(7).any(|w| w == b"caf\xe9 \xc3\xa9"), "{}", request.head.escape_ascii());
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    let answer = client.send("GET /old HTTP/1.0\r\n\r\n").response();
    assert_eq!((answer.status, answer.text().as_str()), (200, "/old"), "{answer}");
    assert!(!answer.fields.has("transfer-encoding"), "{answer}");
    assert!(client.is_closed(e2e::PATIENCE));
}

#[test]
fn http_1_0_with_keep_alive_serves_a_second_request() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    for path in ["/1", "/2"] {
        let request = format!("GET {path} HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        let answer = client.send(request).response();
        assert_eq!((answer.status, answer.text().as_str()), (200, path), "{answer}");
        assert!(answer.fields.lists("connection", "keep-alive"), "{answer}");
    }
}

#[test]
fn a_chunked_answer_reaches_an_http_1_0_client_without_chunks() {
    let origin =
        Origin::always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    let gateway = Tidegate::to(&origin.url());
    let answer = gateway.connect().send("GET / HTTP/1.0\r\n\r\n").response();
    assert_eq!(answer.text(), "hello", "{answer}");
    assert!(!answer.fields.has("transfer-encoding"), "{answer}");
}

#[test]
fn connection_close_is_kept_and_said() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    let answer = client.get("/", "Connection: close\r\n");
    assert!(answer.fields.lists("connection", "close"), "{answer}");
    assert!(client.is_closed(e2e::PATIENCE));
}

#[test]
fn head_gets_the_fields_and_no_body() {
    let origin = Origin::always("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    let answer = client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").response_to_head();
    assert_eq!(answer.fields.get("content-length"), Some("1234"), "{answer}");
    let answer = client.send("HEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n").response_to_head();
    assert_eq!(answer.status, 200, "the connection is in step after HEAD");
}

#[test]
fn an_error_to_head_has_no_body_either() {
    let gateway =
        Tidegate::start("routes: [{ match: { path: /only }, respond: { status: 200, body: here } }]");
    let mut client = gateway.connect();
    assert_eq!(client.send("HEAD /absent HTTP/1.1\r\nHost: a\r\n\r\n").response_to_head().status, 404);
    assert_eq!(client.send("HEAD /only HTTP/1.1\r\nHost: a\r\n\r\n").response_to_head().status, 200);
    assert_eq!(client.get("/only", "").text(), "here");
}

#[test]
fn options_for_the_whole_server_is_answered() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let answer = gateway.connect().send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").response();
    assert!(matches!(answer.status, 200 | 204), "{answer}");
    assert!(origin.requests().iter().all(|request| request.target == "*"), "{:?}", origin.requests());
}

#[test]
fn an_absolute_target_decides_the_host_whatever_the_host_field_says() {
    for host in ["example.com", "other.example"] {
        let (_, request) = served(format!("GET http://example.com/p?q=1 HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(request.fields.all("host"), ["example.com"], "RFC 9112 section 3.2.2");
        assert_eq!(request.target, "/p?q=1");
    }
}

#[test]
fn an_absolute_target_is_routed_by_its_host() {
    let route = |host: &str| format!("{{ match: {{ host: {host} }}, respond: {{ body: {host} }} }}");
    let gateway = Tidegate::start(&format!("routes: [{}, {}]", route("a.example"), route("b.example")));
    let answer =
        gateway.connect().send("GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n").response();
    assert_eq!(answer.text(), "a.example");
}

#[test]
fn one_path_is_the_same_to_the_router_and_to_the_origin() {
    let origin = Origin::hello();
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {} }}\nroutes: [{{ match: {{ path: \"/open/*\" }}, service: api }}, \
         {{ match: {{ path: \"/closed/*\" }}, respond: {{ status: 403 }} }}]",
        origin.url()
    ));
    for path in [
        "/open/../closed/x",
        "/open/%2e%2e/closed/x",
        "/open/./../closed/x",
        "/open/a/../../closed/x",
        "//closed/x",
        "/%63losed/x",
    ] {
        let answer = gateway.get(path);
        assert!(matches!(answer.status, 400 | 403 | 404), "{path}: {answer}");
    }
    assert!(
        origin.requests().iter().all(|request| request.target.starts_with("/open/")),
        "{:?}",
        origin.requests()
    );
}

#[test]
fn a_head_that_comes_byte_by_byte_is_read() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    let request =
        b"POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    client.send_in_pieces(request, 1, std::time::Duration::from_millis(2)).expect("the gateway waits");
    assert_eq!(client.response().text(), "/slow");
    assert_eq!(origin.only_request().body, b"hello");
}

const EXPECTING: &str = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";

#[test]
fn a_client_that_expects_100_gets_it_when_the_body_is_wanted() {
    let origin = Origin::start(|exchange| {
        if exchange.request().fields.lists("expect", "100-continue") {
            exchange.send("HTTP/1.1 100 Continue\r\n\r\n");
        }
        if exchange.read_body() {
            exchange.send_ok("done");
        }
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    assert_eq!(client.send(EXPECTING).response().status, 100);
    let answer = client.send("hello").response();
    assert_eq!((answer.status, answer.text().as_str()), (200, "done"), "{answer}");
    assert_eq!(origin.only_request().body, b"hello");
    assert_eq!(client.get("/next", "").status, 200);
}

#[test]
fn a_client_that_expects_100_and_does_not_wait_is_served() {
    let origin = Origin::start(|exchange| {
        if exchange.read_body() {
            exchange.send_ok("done");
        }
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send(EXPECTING).send("hello");
    assert_eq!(client.final_response().text(), "done");
}

#[test]
fn a_refusal_by_the_gateway_comes_without_100() {
    let gateway = Tidegate::start("routes: [{ match: { path: /only }, respond: { status: 200 } }]");
    let mut client = gateway.connect();
    let answer = client.send(EXPECTING).response();
    assert_eq!(answer.status, 404, "{answer}");
}

#[test]
fn a_body_that_says_it_is_too_large_is_refused_without_100() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "limits: { max_body: 4B }");
    let answer = gateway.connect().send(EXPECTING).response();
    assert_eq!(answer.status, 413, "{answer}");
    assert_eq!(origin.bytes(), 0);
}

#[test]
fn a_refusal_by_the_origin_comes_without_100() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        exchange.close();
    });
    let gateway = Tidegate::to(&origin.url());
    let answer = gateway.connect().send(EXPECTING).response();
    assert_eq!((answer.status, answer.text().as_str()), (403, "no"), "{answer}");
}

#[test]
fn an_expectation_in_http_1_0_is_ignored() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let request = "POST /p HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello";
    let answer = gateway.connect().send(request).response();
    assert_eq!(answer.status, 200, "RFC 9110 section 10.1.1: {answer}");
}
