use super::*;
use message::BadTarget;

fn request(text: &str) -> Result<ParsedRequest, Reject> {
    parse_request(text.as_bytes(), &HeadLimits::default())
}

/// A GET with these lines beside its Host.
fn with_lines(lines: &str) -> Result<ParsedRequest, Reject> {
    request(&format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))
}

fn names(fields: &Fields) -> Vec<String> {
    fields.iter().map(|(_, n, _)| String::from_utf8_lossy(n).into_owned()).collect()
}

#[test]
fn a_plain_request_is_understood() {
    let r =
        request("POST /a/b?c HTTP/1.1\r\nHost: Example.com:8080\r\nX-A:  b \r\nContent-Length: 5\r\n\r\n")
            .unwrap();
    assert_eq!(r.head.method, Method::POST);
    assert_eq!((r.head.target.path(), r.head.target.query()), ("/a/b", Some("c")));
    assert_eq!(r.head.authority.unwrap().as_str(), "example.com:8080");
    assert_eq!(r.framing, Framing::Length(5));
    assert!(r.keep_alive);
    assert_eq!(r.head.fields.iter().map(|(_, n, v)| (n, v)).collect::<Vec<_>>(), [(&b"X-A"[..], &b"b"[..])]);
}

#[test]
fn a_broken_request_line_is_refused() {
    for line in [
        "GET /",
        "GET / ",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / HTTP/1.1x",
        "GET / http/1.1",
        "GET / HTTP/11",
        " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /a b HTTP/1.1",
        "G(T / HTTP/1.1",
        "/ HTTP/1.1",
        "GET * HTTP/1.1",
        "GET a HTTP/1.1",
        "GET ftp://a/ HTTP/1.1",
        "GET http://a?b HTTP/1.1",
    ] {
        let got = request(&format!("{line}\r\nHost: a\r\n\r\n")).map(|r| r.head);
        assert!(matches!(got, Err(r) if r.status() == StatusCode::BAD_REQUEST), "{line}: {got:?}");
    }
}

#[test]
fn versions_that_we_do_not_speak_are_named() {
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/0.9", "HTTP/1.2"] {
        assert_eq!(
            request(&format!("GET / {version}\r\nHost: a\r\n\r\n")).unwrap_err(),
            Reject::Version,
            "{version}"
        );
    }
}

#[test]
fn a_broken_field_line_is_refused() {
    for line in [
        "X-A : b",
        " X-A: b",
        "X-A",
        ": b",
        "X A: b",
        "X-A: b\r\n c",
        "X-A: b\x00c",
        "X-A: b\rc",
        "X-\u{e9}: b",
        "X-A\t: b",
        "\tX-A: b",
    ] {
        let got = with_lines(&format!("{line}\r\n")).map(|r| r.head);
        assert!(matches!(got, Err(Reject::FieldLine)), "{line:?}: {got:?}");
    }
    let got = request("GET / HTTP/1.1\r\n Host: a\r\n\r\n").map(|r| r.head);
    assert!(got.is_err(), "{got:?}");
}

#[test]
fn a_request_has_exactly_one_good_host() {
    assert_eq!(request("GET / HTTP/1.1\r\n\r\n").unwrap_err(), Reject::NoHost);
    assert_eq!(with_lines("Host: a\r\n").unwrap_err(), Reject::ManyHosts);
    for host in ["", "a b", "a/b", "a@b", "a:b", "a,b"] {
        let got = request(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).map(|r| r.head);
        assert!(matches!(got, Err(Reject::Host)), "{host}: {got:?}");
    }
    assert!(request("GET / HTTP/1.0\r\n\r\n").unwrap().head.authority.is_none());
}

#[test]
fn the_authority_of_an_absolute_target_wins_over_host() {
    let r = request("GET HTTP://Other.example:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(r.head.authority.unwrap().as_str(), "other.example:81");
    assert_eq!(r.head.target.as_str(), "/x?y");
    assert_eq!(request("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().head.target.as_str(), "/");
    assert_eq!(request("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().head.target.as_str(), "*");
    assert_eq!(request("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n").unwrap_err(), Reject::Host);
    assert_eq!(request("GET http://a/ HTTP/1.1\r\n\r\n").unwrap_err(), Reject::NoHost);
}

#[test]
fn fields_of_the_connection_go_no_further() {
    let r = with_lines(
        "Connection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers, gzip\r\nProxy-Connection: a\r\n\
         Proxy-Authorization: b\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nX-Yours: 2\r\n",
    )
    .unwrap();
    assert_eq!(names(&r.head.fields), ["X-Yours", "te"]);
    assert!(!r.keep_alive);
    assert!(r.head.upgrade.is_none());
}

#[test]
fn only_a_websocket_is_switched_to() {
    let ask = |lines: &str| with_lines(lines).unwrap().head.upgrade;
    assert_eq!(ask("Connection: Upgrade\r\nUpgrade: WebSocket\r\n").as_deref(), Some("websocket"));
    assert_eq!(ask("Upgrade: websocket\r\n"), None);
    assert_eq!(ask("Connection: upgrade\r\nUpgrade: h2c\r\n"), None);
    assert_eq!(ask("Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n"), None);
    assert_eq!(ask("Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n"), None);
}

#[test]
fn expectations_other_than_continue_are_refused() {
    assert_eq!(with_lines("Expect: fruit\r\n").unwrap_err(), Reject::Expect);
    assert!(with_lines("Expect: 100-Continue\r\nContent-Length: 1\r\n").unwrap().expects_continue);
    assert!(!with_lines("Expect: 100-continue\r\n").unwrap().expects_continue);
}

#[test]
fn tunnels_and_echoes_are_not_served() {
    assert_eq!(request("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n").unwrap_err(), Reject::Method);
    assert_eq!(request("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap_err(), Reject::Method);
}

#[test]
fn what_is_too_large_is_named() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000));
    assert_eq!(request(&long).unwrap_err(), Reject::TargetTooLong);
    assert_eq!(with_lines(&"A: b\r\n".repeat(100)).unwrap_err(), Reject::TooManyFields);
    assert_eq!(request("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap_err(), Reject::Target(BadTarget::Nul));
}

#[test]
fn keep_alive_follows_version_and_connection() {
    assert!(with_lines("").unwrap().keep_alive);
    assert!(!with_lines("Connection: keep-alive, close\r\n").unwrap().keep_alive);
    assert!(!request("GET / HTTP/1.0\r\nHost: a\r\n\r\n").unwrap().keep_alive);
    assert!(request("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").unwrap().keep_alive);
}

#[test]
fn a_response_is_judged_as_strictly() {
    let parse = |text: &str| parse_response(text.as_bytes(), false);
    let ok = parse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nServer: x\r\n\r\n").unwrap();
    assert_eq!((ok.head.status, ok.framing, ok.keep_alive), (StatusCode::OK, Framing::Length(3), true));
    assert_eq!(names(&ok.head.fields), ["Server"]);
    assert_eq!(
        parse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n").unwrap_err(),
        Reject::ContentLength
    );
    assert_eq!(
        parse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap_err(),
        Reject::LengthAndEncoding
    );
    assert_eq!(
        parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n").unwrap_err(),
        Reject::TransferEncoding
    );
    assert_eq!(parse("HTTP/1.1 999 OK\r\n\r\n").unwrap_err(), Reject::StatusLine);
    assert_eq!(parse("HTTP/2 200\r\n\r\n").unwrap_err(), Reject::StatusLine);
    assert_eq!(parse("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n").unwrap_err(), Reject::FieldLine);
    assert_eq!(parse("HTTP/1.1 200 OK\r\n\r\n").unwrap().framing, Framing::UntilClose);
    assert_eq!(
        parse("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap().framing,
        Framing::Empty
    );
    let head = parse_response(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true).unwrap();
    assert_eq!((head.framing, head.announced), (Framing::Empty, Some(3)));
}
