//! Answers of endpoints are judged as strictly as requests: what has two meanings is no answer, and what was cut is
//! never handed on as whole.

use e2e::{Origin, Response, Tidegate, is_problem, soon};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What a client gets for one GET when the origin sends `answer` and closes.
#[track_caller]
fn answered(answer: impl Into<Vec<u8>>) -> Response {
    let answer = answer.into();
    let origin = Origin::start(move |exchange| {
        exchange.send(&answer);
        exchange.close();
    });
    let gateway = Tidegate::to(&origin.url());
    gateway.get("/")
}

/// What a client gets for one GET when the origin sends `answer` and keeps the connection.
#[track_caller]
fn answered_and_kept(answer: impl Into<Vec<u8>>) -> Response {
    let origin = Origin::always(answer);
    let gateway = Tidegate::to(&origin.url());
    gateway.get("/")
}

/// Is what a client gets for one GET an error, or visibly incomplete, or nothing but the end of the connection?
#[track_caller]
fn is_cut_or_refused(origin: &Origin) -> Result<(), String> {
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    match client.try_response() {
        Ok(answer) if answer.complete && answer.status != 502 => Err(answer.to_string()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err("neither an answer nor an end".into()),
        _ => Ok(()),
    }
}

#[track_caller]
fn assert_bad_gateway(answer: impl Into<Vec<u8>>) {
    let answer = answer.into();
    let shown = answer[..answer.len().min(300)].escape_ascii().to_string();
    let response = answered_and_kept(answer);
    assert_eq!(response.status, 502, "{shown}\n{response}");
    assert!(is_problem(&response), "{response}");
}

#[test]
fn length_and_chunked_together_are_a_bad_gateway() {
    assert_bad_gateway(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
    assert_bad_gateway(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 15\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
}

#[test]
fn two_lengths_are_a_bad_gateway() {
    assert_bad_gateway("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!");
    assert_bad_gateway("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!");
    assert_bad_gateway("HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\nhello");
    // Nothing follows these whatever is told, and an endpoint that tells two things is not understood.
    assert_bad_gateway("HTTP/1.1 304 Not Modified\r\nContent-Length: 5, 6\r\n\r\n");
    assert_bad_gateway("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_bad_gateway(
        "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    );
}

#[test]
fn a_length_that_is_no_number_is_a_bad_gateway() {
    for length in ["-5", "+5", "0x5", "5a", ""] {
        assert_bad_gateway(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhello"));
    }
}

#[test]
fn an_unknown_transfer_coding_is_a_bad_gateway() {
    for coding in
        ["xchunked", "chunked, chunked", "cow", "\x0bchunked", "chunked\r\nTransfer-Encoding: chunked", ""]
    {
        assert_bad_gateway(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        ));
    }
}

#[test]
fn a_bad_status_line_is_a_bad_gateway() {
    let lines = [
        "HTTP/1.1 2OO OK",
        "HTTP/1.1 99 Low",
        "HTTP/1.1 20",
        "HTTP/1.1  200 OK",
        "HTTP/3.0 200 OK",
        "ICY 200 OK",
        "hello",
        "HTTP/1.1 1000 OK",
        "HTTP/1.1 000 OK",
        "HTTP/1.1 600 OK",
        "HTTP/1.1 +200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/2 200 OK",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 O\x0bK",
        "HTTP/1.1 200 OK\n",
        "HTTP/1.1 200 OK\r",
        "\r\nHTTP/1.1 200 OK",
    ];
    for line in lines {
        assert_bad_gateway(format!("{line}\r\nContent-Length: 5\r\n\r\nhello"));
    }
}

#[test]
fn malformed_fields_are_a_bad_gateway() {
    for field in ["X\0: a", "X: a\0b", ": a", "no colon", "X y: a", "X: a\rb"] {
        assert_bad_gateway(format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 5\r\n\r\nhello"));
    }
}

#[test]
fn a_space_before_the_colon_is_removed_or_a_bad_gateway() {
    let answer = answered_and_kept("HTTP/1.1 200 OK\r\nX-Odd : a\r\nContent-Length: 5\r\n\r\nhello");
    assert!(
        answer.status == 502 || answer.fields.get("x-odd") == Some("a"),
        "RFC 9112 section 5.1: {answer}"
    );
}

#[test]
fn a_folded_field_is_joined_or_a_bad_gateway() {
    let answer = answered_and_kept("HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 5\r\n\r\nhello");
    let joined = answer.fields.get("x-folded").is_some_and(|value| value.replace(' ', "") == "ab");
    assert!(answer.status == 502 || joined, "RFC 9112 section 5.2: {answer}");
    assert!(!answer.head.windows(3).any(|w| w == b"\n b"), "{answer}");
}

#[test]
fn a_huge_head_is_a_bad_gateway() {
    assert_bad_gateway(format!(
        "HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 5\r\n\r\nhello",
        "a".repeat(2 << 20)
    ));
    let fields = "X: a\r\n".repeat(20_000);
    assert_bad_gateway(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 5\r\n\r\nhello"));
}

#[test]
fn an_unasked_101_is_a_bad_gateway() {
    assert_bad_gateway(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nbytes",
    );
}

#[test]
fn a_bad_chunk_never_makes_a_whole_answer() {
    for chunk in ["zz\r\nhello\r\n", "5\r\nhelloXX", "-1\r\n", "FFFFFFFFFFFFFFFFF\r\n", "5\nworld\r\n"] {
        let first = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
        let verdict = is_cut_or_refused(&Origin::always(format!("{first}{chunk}0\r\n\r\n")));
        assert_eq!(verdict, Ok(()), "{chunk:?}");
    }
}

#[test]
fn a_body_cut_before_its_length_is_a_cut_connection() {
    for pause in [0, 20] {
        let origin = Origin::start(move |exchange| {
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
            std::thread::sleep(Duration::from_millis(pause));
            exchange.close();
        });
        assert_eq!(is_cut_or_refused(&origin), Ok(()));
    }
}

#[test]
fn a_chunked_body_cut_before_its_end_is_a_cut_connection() {
    for cut in ["5\r\nhello\r\n", "5\r\nhel", "5\r\nhello\r\n0\r\n", "5\r\nhello\r\n0", "5"] {
        for pause in [0, 20] {
            let origin = Origin::start(move |exchange| {
                exchange.send(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{cut}"));
                std::thread::sleep(Duration::from_millis(pause));
                exchange.close();
            });
            assert_eq!(is_cut_or_refused(&origin), Ok(()), "{cut:?}");
        }
    }
}

#[test]
fn a_head_cut_before_its_end_is_a_bad_gateway() {
    for cut in ["", "H", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"]
    {
        let answer = answered(cut);
        assert_eq!(answer.status, 502, "{cut:?}: {answer}");
        assert!(is_problem(&answer), "{answer}");
    }
}

#[test]
fn a_transfer_coding_in_http_1_0_is_a_bad_gateway() {
    assert_bad_gateway("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
}

#[test]
fn fields_that_frame_or_name_somebody_are_dropped_in_trailers_of_an_answer() {
    let origin = Origin::always(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\
         Content-Length: 7\r\nSet-Cookie: a=b\r\nTransfer_Encoding: chunked\r\nX-Sum: 1\r\n\r\n",
    );
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    let answer = client.get("/", "");
    assert_eq!(answer.text(), "hello");
    assert_eq!(
        (answer.trailers.0.len(), answer.trailers.get("x-sum")),
        (1, Some("1")),
        "{:?}",
        answer.trailers
    );
    assert_eq!(client.get("/", "").text(), "hello", "the connection is in step");
}

#[test]
fn an_answer_that_ends_with_its_connection_is_whole() {
    let answer = answered("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello");
    assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, "hello", true), "{answer}");
}

#[test]
fn an_answer_that_ends_with_a_reset_is_not_whole() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
        // The reset must not overtake the bytes: wait until the client has them.
        exchange.read_some();
        exchange.reset();
    });
    // The client sends a body whose second part is the sign that it saw the first bytes.
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n");
    let head = client.try_head().expect("the head comes before the end");
    assert!(head.fields.lists("transfer-encoding", "chunked"), "the end must be visible: {head}");
    client.send("5\r\nhello\r\n");
    let rest = client.read_to_end().unwrap_or_default();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{}", rest.escape_ascii());
}

#[test]
fn answers_of_http_1_0_are_served_as_http_1_1() {
    let answer = answered("HTTP/1.0 200 OK\r\n\r\nhello");
    assert_eq!((answer.version.as_str(), answer.text().as_str()), ("HTTP/1.1", "hello"), "{answer}");
    let answer = answered("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!((answer.version.as_str(), answer.text().as_str()), ("HTTP/1.1", "hello"), "{answer}");
}

#[test]
fn answers_of_http_1_0_do_not_keep_the_upstream_connection() {
    let origin = Origin::always("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/", "").text(), "hello");
    }
    assert_eq!(origin.connections(), 3);
}

#[test]
fn bytes_behind_an_answer_reach_nobody() {
    let origin = Origin::start(|exchange| {
        let target = exchange.request().target.clone();
        let extra = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen";
        let length = target.len();
        exchange.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{target}{extra}"));
    });
    let gateway = Tidegate::to(&origin.url());
    for n in 0..20 {
        assert_eq!(gateway.get(&format!("/{n}")).text(), format!("/{n}"));
    }
}

#[test]
fn bytes_that_come_later_behind_an_answer_reach_nobody() {
    let poisoned = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&poisoned);
    let origin = Origin::start(move |exchange| {
        let target = exchange.request().target.clone();
        exchange.send_ok(target);
        exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen");
        count.fetch_add(1, Ordering::SeqCst);
    });
    let gateway = Tidegate::to(&origin.url());
    for n in 0..20 {
        let answer = gateway.get(&format!("/{n}"));
        assert_eq!(answer.text(), format!("/{n}"), "{answer}");
        // Now the bytes lie in the waiting connection, before anyone can ask for it.
        soon("the origin has sent more than it was asked for", || poisoned.load(Ordering::SeqCst) == n + 1);
    }
}

#[test]
fn a_body_behind_204_and_304_is_no_answer_to_anyone() {
    for status in ["204 No Content", "304 Not Modified"] {
        let origin = Origin::start(move |exchange| {
            if exchange.request().target == "/bodiless" {
                exchange.send(format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nhello"));
            } else {
                exchange.send_ok("good");
            }
        });
        let gateway = Tidegate::to(&origin.url());
        let mut client = gateway.connect();
        for _ in 0..3 {
            assert_eq!(client.get("/bodiless", "").status.to_string(), status[..3]);
            assert_eq!(client.get("/next", "").text(), "good");
        }
    }
}

#[test]
fn not_modified_may_carry_the_length_of_what_is_unmodified() {
    let answer =
        answered_and_kept("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 1234\r\n\r\n");
    assert_eq!((answer.status, answer.fields.get("etag")), (304, Some("\"a\"")), "{answer}");
    assert!(answer.complete && answer.body.is_empty());
}

#[test]
fn no_content_leaves_without_framing() {
    let answer = answered_and_kept("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(answer.status, 204);
    assert!(
        !answer.fields.has("content-length") && !answer.fields.has("transfer-encoding"),
        "RFC 9110 8.6: {answer}"
    );
}

#[test]
fn no_content_with_chunks_leaves_without_framing() {
    let answer = answered_and_kept("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert!(matches!(answer.status, 204 | 502), "{answer}");
    assert!(!answer.fields.has("transfer-encoding"), "RFC 9112 section 6.1: {answer}");
}

#[test]
fn an_unasked_100_is_passed_over() {
    let origin =
        Origin::always("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.final_response().text(), "ok");
}

#[test]
fn a_body_behind_an_answer_to_head_reaches_nobody() {
    let origin = Origin::start(|exchange| {
        exchange.send_ok("hello");
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    for _ in 0..3 {
        let answer = client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").response_to_head();
        assert_eq!((answer.status, answer.fields.get("content-length")), (200, Some("5")), "{answer}");
        assert_eq!(client.get("/", "").text(), "hello");
    }
}

#[test]
fn early_hints_reach_clients_of_http_1_1() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
    let origin = Origin::always(format!("{hints}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let first = client.response();
    assert_eq!((first.status, first.fields.get("link")), (103, Some("</a.css>; rel=preload")), "{first}");
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn early_hints_do_not_reach_clients_of_http_1_0() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
    let origin = Origin::always(format!("{hints}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    let gateway = Tidegate::to(&origin.url());
    let answer = gateway.connect().send("GET / HTTP/1.0\r\n\r\n").response();
    assert_eq!(answer.status, 200, "RFC 9110 section 15.2: {answer}");
}

#[test]
fn endless_interim_answers_are_a_bad_gateway() {
    let origin = Origin::start(|exchange| while exchange.send("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n") {});
    let gateway = Tidegate::to_with(&origin.url(), "");
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.final_response().status, 502);
}

#[test]
fn a_final_answer_during_the_upload_comes_at_once() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        exchange.sees_close();
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nonly the beginning");
    let answer = client.response();
    assert_eq!((answer.status, answer.text().as_str()), (403, "no"), "{answer}");
}

#[test]
fn what_is_left_of_an_upload_after_its_answer_is_not_read_as_a_request() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        exchange.sees_close();
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    let rest = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    client
        .send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", rest.len() + 5))
        .send("hello");
    assert_eq!(client.response().status, 403);
    client.send(rest);
    let _ = client.read_to_end();
    assert!(origin.requests().iter().all(|request| request.target == "/"), "{:?}", origin.requests());
}
