//! What is refused on HTTP/1.1 connections: everything that two readers could read in two ways (RFC 9112 section 11.2).
//!
//! Each malformed request is sent with a well-formed one right behind it, as an attacker would. The malformed one must
//! get one error as problem+json, the connection must end, and the origin must see neither.

use e2e::{Origin, Raw, Response, Tidegate, is_problem};
use std::io::ErrorKind;
use std::net::SocketAddr;

/// What stands behind each malformed request, and must never be served.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// A malformed request and the statuses that are right for it.
struct Case {
    bytes: Vec<u8>,
    statuses: &'static [u16],
}

fn bytes(bytes: impl AsRef<[u8]>, statuses: &'static [u16]) -> Case {
    Case { bytes: bytes.as_ref().to_vec(), statuses }
}

/// A POST with these field lines and this body; 400 is right.
fn post(fields: &str, body: &str) -> Case {
    bytes(format!("POST /first HTTP/1.1\r\nHost: example.com\r\n{fields}\r\n{body}"), &[400])
}

/// A GET with these bytes between its Host and its empty line; 400 is right.
fn field(line: impl AsRef<[u8]>) -> Case {
    let parts = [b"GET /first HTTP/1.1\r\nHost: example.com\r\n", line.as_ref(), b"\r\n"];
    bytes(parts.concat(), &[400])
}

/// A request line without more than a good Host behind it; 400 is right.
fn line(line: impl AsRef<[u8]>) -> Case {
    let parts = [line.as_ref(), b"\r\nHost: example.com\r\n\r\n"];
    bytes(parts.concat(), &[400])
}

/// A chunked POST with this body; 400 is right.
fn chunked(body: impl AsRef<[u8]>) -> Case {
    let head = b"POST /first HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n";
    bytes([head, body.as_ref()].concat(), &[400])
}

/// Sends all cases and reports all that were not refused as they should.
#[track_caller]
fn assert_all_refused(cases: &[Case]) {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut wrong = Vec::new();
    for case in cases {
        let before = origin.requests().len();
        let verdict = refusal(gateway.address(), case);
        let reached: Vec<_> = origin.requests().drain(before..).filter(|r| r.complete).collect();
        let reached = reached.first().map(|r| format!("it reached the origin: {}", r.head.escape_ascii()));
        if let Some(error) = verdict.err().or(reached) {
            let shown = &case.bytes[..case.bytes.len().min(200)];
            wrong.push(format!("{}\n    {error}", shown.escape_ascii()));
        }
    }
    assert_eq!(gateway.get("/alive").status, 200);
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn refusal(address: SocketAddr, case: &Case) -> Result<(), String> {
    let mut client = Raw::connect(address);
    client.send(&case.bytes).send(SMUGGLED);
    let response = client.try_response().map_err(|error| format!("no answer: {error}"))?;
    if !case.statuses.contains(&response.status) {
        return Err(format!("expected {:?}, got {}", case.statuses, response));
    }
    if !is_problem(&response) {
        return Err(format!("not a problem+json: {response}"));
    }
    match client.read_to_end() {
        Ok(rest) if rest.is_empty() => Ok(()),
        // Bytes that were never read make some systems end a connection with a reset; the answer was whole.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(()),
        Ok(rest) => Err(format!("something behind the refusal: {}", rest.escape_ascii())),
        Err(error) => Err(format!("the connection was not closed: {error}")),
    }
}

#[test]
fn length_and_chunked_together_are_refused() {
    assert_all_refused(&[
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        post("content-length: 5\r\nX: y\r\ntRANSFER-eNCODING: cHUNKED\r\n", "0\r\n\r\n"),
    ]);
}

#[test]
fn content_lengths_that_are_not_one_number_are_refused() {
    let mut cases = vec![
        post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
        post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
    ];
    let values = [
        "5, 5",
        "5,6",
        "5,",
        "-5",
        "+5",
        "0x5",
        "5 5",
        "5a",
        "a5",
        "5;",
        "5.0",
        "5e0",
        "1_0",
        "\"5\"",
        "",
        "18446744073709551621",
        "99999999999999999999999999",
        "\x0b5",
        "5\x0c",
        "\u{665}",
    ];
    cases.extend(values.iter().map(|value| post(&format!("Content-Length: {value}\r\n"), "hello")));
    assert_all_refused(&cases);
}

#[test]
fn transfer_encodings_other_than_one_chunked_are_refused() {
    let values = [
        "chunked, chunked",
        "chunked,chunked",
        "xchunked",
        "chunkedx",
        "x chunked",
        "chunked;q=1",
        "\"chunked\"",
        "'chunked'",
        "identity",
        "chunked, identity",
        "gzip, chunked",
        "chunked, gzip",
        "gzip",
        "",
        ",",
        "\x0bchunked",
        "chunked\x0c",
        "chun\u{131}ed",
        "chunk",
    ];
    let body = "5\r\nhello\r\n0\r\n\r\n";
    let mut cases: Vec<Case> =
        values.iter().map(|value| post(&format!("Transfer-Encoding: {value}\r\n"), body)).collect();
    cases.push(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", body));
    cases.push(post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", body));
    cases.push(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n", body));
    for case in &mut cases {
        // 501 is for codings that a server does not know (RFC 9112 section 6.1).
        case.statuses = &[400, 501];
    }
    assert_all_refused(&cases);
}

#[test]
fn transfer_encoding_in_http_1_0_is_refused() {
    let head = "POST /first HTTP/1.0\r\nHost: example.com\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n";
    assert_all_refused(&[
        bytes(format!("{head}\r\n5\r\nhello\r\n0\r\n\r\n"), &[400]),
        bytes(format!("{head}Content-Length: 5\r\n\r\n0\r\n\r\n"), &[400]),
    ]);
}

#[test]
fn lines_that_do_not_end_with_crlf_are_refused() {
    assert_all_refused(&[
        bytes("GET /first HTTP/1.1\nHost: example.com\r\n\r\n", &[400]),
        bytes("GET /first HTTP/1.1\r\nHost: example.com\n\r\n", &[400]),
        bytes("GET /first HTTP/1.1\r\nHost: example.com\nX: y\r\n\r\n", &[400]),
        bytes("GET /first HTTP/1.1\r\nHost: example.com\r\n\n", &[400]),
        bytes("GET /first HTTP/1.1\nHost: example.com\n\n", &[400]),
        bytes("GET /first HTTP/1.1\rHost: example.com\r\r\r\n\r\n", &[400]),
        bytes("GET /first HTTP/1.1\r\nHost: example.com\rX: y\r\n\r\n", &[400]),
        bytes("GET /first HTTP/1.1\r\r\nHost: example.com\r\n\r\n", &[400]),
    ]);
}

#[test]
fn bare_cr_lf_and_nul_in_fields_are_refused() {
    assert_all_refused(&[
        field("X: a\rb\r\n"),
        field("X: a\nb\r\n"),
        field("X: a\0b\r\n"),
        field("X\0: a\r\n"),
        field("X\r: a\r\n"),
        field("X: \r \r\n"),
        field("X: a\rTransfer-Encoding: chunked\r\n"),
    ]);
}

#[test]
fn folded_field_lines_are_refused() {
    assert_all_refused(&[
        field("X: a\r\n b\r\n"),
        field("X: a\r\n\tb\r\n"),
        field("Transfer-Encoding:\r\n chunked\r\n"),
        bytes("GET /first HTTP/1.1\r\n Host: example.com\r\n\r\n", &[400]),
        bytes("GET /first HTTP/1.1\r\n \r\nHost: example.com\r\n\r\n", &[400]),
    ]);
}

#[test]
fn field_names_that_are_no_tokens_are_refused() {
    assert_all_refused(&[
        field("X : a\r\n"),
        field("X\t: a\r\n"),
        field("Content-Length : 5\r\n"),
        field("Transfer-Encoding : chunked\r\n"),
        field(": a\r\n"),
        field(" : a\r\n"),
        field("no colon\r\n"),
        field("nocolon\r\n"),
        field("X(y): a\r\n"),
        field("X/y: a\r\n"),
        field("X\"y\": a\r\n"),
        field("X[y]: a\r\n"),
        field(b"X\xc3\xa4: a\r\n"),
        field("X\x7f: a\r\n"),
        field("X y: a\r\n"),
    ]);
}

#[test]
fn a_missing_repeated_or_invalid_host_is_refused() {
    let hosts = [
        "a b",
        "a/b",
        "a/",
        "user@example.com",
        "example.com:port",
        "example.com:80:80",
        "[::1",
        "::1]",
        "a\\b",
        "a?b",
        "a#b",
        "a%zz",
        "<a>",
        "http://example.com",
    ];
    let mut cases: Vec<Case> = hosts
        .iter()
        .map(|host| bytes(format!("GET /first HTTP/1.1\r\nHost: {host}\r\n\r\n"), &[400]))
        .collect();
    cases.push(bytes("GET /first HTTP/1.1\r\n\r\n", &[400]));
    cases.push(bytes("GET /first HTTP/1.1\r\nX: y\r\n\r\n", &[400]));
    cases.push(field("Host: example.com\r\n"));
    cases.push(field("Host: other.example\r\n"));
    cases.push(field("host: other.example\r\n"));
    assert_all_refused(&cases);
}

#[test]
fn malformed_request_lines_are_refused() {
    assert_all_refused(&[
        line("GET  /first HTTP/1.1"),
        line("GET /first  HTTP/1.1"),
        line("GET\t/first HTTP/1.1"),
        line("GET /first\tHTTP/1.1"),
        line(" GET /first HTTP/1.1"),
        line("GET /first HTTP/1.1 "),
        line("GET /a b HTTP/1.1"),
        line("GET /first"),
        line("GET"),
        line(" /first HTTP/1.1"),
        line("G(T /first HTTP/1.1"),
        line("GET\x01 /first HTTP/1.1"),
        line("G\u{c4}T /first HTTP/1.1"),
        line("GET: /first HTTP/1.1"),
        line("\"GET\" /first HTTP/1.1"),
    ]);
}

#[test]
fn versions_that_are_not_http_1_are_refused() {
    let versions = [
        "HTTP/2.0",
        "HTTP/0.9",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/1.1.1",
        "http/1.1",
        "HTTP/01.1",
        "HTTP/1.01",
        "HTTP/1.10",
        "HTTP /1.1",
        "HTTP/ 1.1",
        "HTTP/11",
        "HTTP/1,1",
        "HTTPS/1.1",
        "HTTP/-1.1",
        "HTTP/1.x",
        "ICY/1.1",
    ];
    let refused = |version: &&str| {
        let mut case = line(format!("GET /first {version}"));
        case.statuses = &[400, 505];
        case
    };
    assert_all_refused(&versions.iter().map(refused).collect::<Vec<_>>());
}

#[test]
fn targets_that_are_no_path_are_refused() {
    assert_all_refused(&[
        line("GET first HTTP/1.1"),
        line("GET example.com:80 HTTP/1.1"),
        line("GET * HTTP/1.1"),
        line("GET /first#fragment HTTP/1.1"),
        line("GET http:// HTTP/1.1"),
        line("GET http:///first HTTP/1.1"),
        line("GET ftp://example.com/first HTTP/1.1"),
        line("GET http://user@example.com/first HTTP/1.1"),
        line("GET http://user:secret@example.com/first HTTP/1.1"),
        line("GET http://exa mple.com/first HTTP/1.1"),
        line("GET http://example.com:port/first HTTP/1.1"),
    ]);
}

#[test]
fn paths_that_mean_different_things_to_different_readers_are_refused() {
    assert_all_refused(&[
        line("GET /a%00b HTTP/1.1"),
        line("GET /a\0b HTTP/1.1"),
        line("GET /../etc/passwd HTTP/1.1"),
        line("GET /a/../../b HTTP/1.1"),
        line("GET /%2e%2e/etc/passwd HTTP/1.1"),
        line("GET /a/.%2E/../b HTTP/1.1"),
        line("GET /a\\b HTTP/1.1"),
        line("GET /..\\windows HTTP/1.1"),
        line("GET /a%zzb HTTP/1.1"),
        line("GET /a%2 HTTP/1.1"),
        line("GET /a% HTTP/1.1"),
        line(b"GET /a\xc3\xa4 HTTP/1.1"),
        line(b"GET /a\xff HTTP/1.1"),
        line("GET /a\x7f HTTP/1.1"),
        line("GET /a?b\x01 HTTP/1.1"),
    ]);
}

#[test]
fn heads_beyond_the_limits_are_refused_by_what_is_too_large() {
    let fields = |count: usize| "X: v\r\n".repeat(count);
    let with_fields = |fields: &str| bytes(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), &[431]);
    assert_all_refused(&[
        bytes(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9 << 10)), &[414]),
        bytes(format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9 << 10)), &[414]),
        bytes(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(200 << 10)), &[414]),
        with_fields(&format!("X: {}\r\n", "a".repeat(40 << 10))),
        with_fields(&format!("{}: a\r\n", "x".repeat(40 << 10))),
        with_fields(&format!("X: {}\r\n", "a".repeat(300 << 10))),
        with_fields(&fields(101)),
        with_fields(&fields(5000)),
    ]);
}

#[test]
fn heads_at_the_limits_are_served() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let path = format!("/{}", "a".repeat((8 << 10) - 1));
    assert_eq!(gateway.get(&path).status, 200);
    // With Host there are 100 lines.
    let fields = "X: v\r\n".repeat(99);
    assert_eq!(gateway.connect().get("/", &fields).status, 200);
    let large = format!("X: {}\r\n", "a".repeat(31 << 10));
    assert_eq!(gateway.connect().get("/", &large).status, 200);
}

#[test]
fn an_endless_request_line_is_refused_before_it_ends() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send(format!("GET /{}", "a".repeat(64 << 10)));
    let answer = client.response();
    assert_eq!(answer.status, 414, "{answer}");
}

#[test]
fn methods_that_a_gateway_must_not_serve_are_refused() {
    let refused: &[u16] = &[400, 405, 501];
    assert_all_refused(&[
        bytes("CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n", refused),
        bytes("CONNECT /first HTTP/1.1\r\nHost: example.com\r\n\r\n", refused),
        bytes("TRACE /first HTTP/1.1\r\nHost: example.com\r\n\r\n", refused),
    ]);
}

#[test]
fn an_unknown_expectation_is_refused() {
    let mut case = post("Content-Length: 5\r\nExpect: fruit\r\n", "hello");
    case.statuses = &[417];
    assert_all_refused(&[case]);
}

#[test]
fn malformed_chunk_sizes_are_refused() {
    let sizes = [
        "",
        "zz",
        "-5",
        "+5",
        "0x5",
        " 5",
        "\t5",
        "5 ",
        "5\t",
        "5g",
        "5,",
        "5.0",
        "FFFFFFFFFFFFFFFFF",
        "10000000000000000",
        "00000000000000000000000000000005",
        "\"5\"",
        "5 5",
    ];
    let mut cases: Vec<Case> =
        sizes.iter().map(|size| chunked(format!("{size}\r\nhello\r\n0\r\n\r\n"))).collect();
    cases.push(chunked("5\nhello\r\n0\r\n\r\n"));
    cases.push(chunked("5\rhello\r\n0\r\n\r\n"));
    cases.push(chunked("5\r\nhello\n0\r\n\r\n"));
    cases.push(chunked("5\r\nhello0\r\n\r\n"));
    cases.push(chunked("5\r\nhelloXX0\r\n\r\n"));
    cases.push(chunked("5\r\nhello, world\r\n0\r\n\r\n"));
    assert_all_refused(&cases);
}

#[test]
fn malformed_chunk_extensions_are_refused() {
    assert_all_refused(&[
        chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"),
        chunked("5;a\n\r\nhello\r\n0\r\n\r\n"),
        chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"),
        chunked("5;a\0b\r\nhello\r\n0\r\n\r\n"),
        chunked("5 a\r\nhello\r\n0\r\n\r\n"),
        chunked("0;a\nb\r\n\r\n"),
        // An extension is bounded, or a client could send forever without sending a byte of body.
        chunked(format!("5;a={}\r\nhello\r\n0\r\n\r\n", "a".repeat(64 << 10))),
    ]);
}

#[test]
fn malformed_ends_of_chunked_bodies_are_refused() {
    let body = "5\r\nhello\r\n";
    let mut cases: Vec<Case> = [
        "0\n\n",
        "0\r\n\n",
        "0\r\nX\r\n\r\n",
        "0\r\nX: a\n\r\n",
        "0\r\nX : a\r\n\r\n",
        "0\r\nX: a\r\n b\r\n\r\n",
        "0\r\n X: a\r\n\r\n",
        "0\r\nX: a\0b\r\n\r\n",
        "0\r\n: a\r\n\r\n",
        "0\r\nX: a\rb\r\n\r\n",
    ]
    .iter()
    .map(|end| chunked(format!("{body}{end}")))
    .collect();
    let mut huge = chunked(format!("{body}0\r\nX: {}\r\n\r\n", "a".repeat(100 << 10)));
    huge.statuses = &[400, 431];
    cases.push(huge);
    assert_all_refused(&cases);
}

#[test]
fn fields_that_frame_or_route_are_refused_or_dropped_in_trailers() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    for name in ["Content-Length: 3", "Transfer-Encoding: chunked", "Host: other.example"] {
        let head = "POST /first HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut client = gateway.connect();
        client.send(format!("{head}5\r\nhello\r\n0\r\n{name}\r\n\r\n"));
        let answer = client.response();
        assert!(matches!(answer.status, 200 | 400), "{name}: {answer}");
    }
    for request in origin.requests() {
        assert!(request.trailers.0.is_empty(), "{:?}", request.trailers);
        assert_eq!(request.fields.all("host"), ["example.com"]);
    }
}

#[test]
fn a_tls_hello_to_a_clear_port_is_refused() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    // The head of a TLS 1.0 record that holds a ClientHello of 508 bytes.
    client.send([&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 501]].concat());
    let rest = client.read_to_end().unwrap_or_default();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400 "), "{}", rest.escape_ascii());
    assert_eq!(origin.bytes(), 0);
}

#[test]
fn a_good_request_before_a_bad_one_is_still_answered() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET /good HTTP/1.1\r\nHost: a\r\n\r\nGET /bad HTTP/1.1\r\nHost : a\r\n\r\n").send(SMUGGLED);
    assert_eq!(client.response().text(), "/good");
    assert_eq!(client.response().status, 400);
    assert!(client.read_to_end().is_ok_and(|rest| rest.is_empty()));
    assert_eq!(origin.only_request().target, "/good");
}

#[test]
fn bytes_behind_a_body_are_not_part_of_it() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client
        .send("POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGARBAGE\r\n\r\n")
        .send(SMUGGLED);
    assert_eq!(client.response().text(), "/first");
    assert_eq!(client.response().status, 400);
    assert!(client.read_to_end().is_ok_and(|rest| rest.is_empty()));
    let request = origin.only_request();
    assert_eq!((request.target.as_str(), request.body.as_slice()), ("/first", b"hello".as_slice()));
}

#[test]
fn a_body_above_the_limit_is_refused_and_what_follows_is_not_served() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "limits: { max_body: 1KiB }");
    let body = "a".repeat(2000);
    let head = "POST /first HTTP/1.1\r\nHost: a\r\n";
    for request in [
        format!("{head}Content-Length: 2000\r\n\r\n{body}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n7d0\r\n{body}\r\n0\r\n\r\n"),
    ] {
        let mut client = gateway.connect();
        client.send(request);
        let answer = client.response();
        assert_eq!(answer.status, 413, "{answer}");
        assert!(is_problem(&answer), "{answer}");
        // Either the connection ends or the whole body was passed over; what must never be is a body read as a request.
        client.send(SMUGGLED);
        if let Ok(next) = client.try_response() {
            assert_eq!(next.text(), "/smuggled");
        }
    }
    assert!(
        origin.requests().iter().all(|r| !r.complete || r.target == "/smuggled"),
        "{:?}",
        origin.requests()
    );
}

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
    let body = "5;a=b;c=\"d\" ; e\r\nhello\r\n00A ;x\r\n, world...\r\n0;last\r\nX-Sum: 15\r\n\r\n";
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
