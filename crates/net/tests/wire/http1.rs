//! Clients of HTTP/1: honest ones, slow ones, and ones that leave.

use crate::client::Client;
use crate::harness::{Server, Setup, until};
use crate::origin::Origin;
use net::{End, PaceLimits};
use std::time::{Duration, Instant};

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::start();
    let mut client = Client::connect(server.address());
    let requests: Vec<String> = (0..50).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(requests.concat());
    for n in 0..50 {
        assert_eq!(client.answer().text(), format!("/{n}"));
    }
}

#[test]
fn pipelined_requests_with_bodies_are_kept_apart() {
    let server = Server::start();
    let mut client = Client::connect(server.address());
    client.send(
        "POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none\
         POST /limited HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n\
         GET /three HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    for want in ["one", "two", "/three"] {
        assert_eq!(client.answer().text(), want);
    }
}

#[test]
fn early_hints_reach_the_client_before_the_answer() {
    let server = Server::start();
    let mut client = Client::connect(server.address());
    client.send("GET /hints HTTP/1.1\r\nHost: a\r\n\r\n");
    let hints = client.head();
    assert!(hints.starts_with("HTTP/1.1 103 Early Hints\r\n") && hints.contains("</a.css>"), "{hints}");
    server.record.gate.add_permits(1);
    assert_eq!(client.answer().text(), "waited");
}

#[test]
fn an_http_1_0_client_is_sent_no_interim_answer() {
    let server = Server::start();
    server.record.gate.add_permits(1);
    let mut client = Client::connect(server.address());
    client.send("GET /hints HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().status(), "200");
}

#[test]
fn a_body_beyond_its_limit_is_refused_and_the_client_reads_why() {
    let server = Server::start();
    let large = "x".repeat(300_000);
    for request in [
        format!("POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n{}", &large[..11]),
        format!("POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n{large}"),
        format!("POST /limited HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{}\r\n0\r\n\r\n", &large[..11]),
        "POST /limited HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n12345\r\n".into(),
    ] {
        let mut client = Client::connect(server.address());
        client.send(request);
        let answer = client.answer();
        assert_eq!((answer.status(), answer.text()), ("413", "at most 10"));
    }
    let mut client = Client::connect(server.address());
    client.send("POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789");
    assert_eq!(client.answer().text(), "0123456789");
}

/// Asks for `/wait` and waits until the request is being answered.
fn waiting(server: &Server) -> Client {
    let mut client = Client::connect(server.address());
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    server.calls(1);
    client
}

/// How long it takes until the request is given up.
fn given_up(server: &Server) -> Duration {
    until("the call to be dropped", || server.record.calls.load(std::sync::atomic::Ordering::Relaxed) == 0)
}

fn reset(client: Client) {
    socket2::SockRef::from(&client.tcp).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
}

#[test]
fn a_client_that_resets_takes_its_request_along_within_a_tenth_of_a_second() {
    let server = Server::start();
    reset(waiting(&server));
    let took = given_up(&server);
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[test]
fn a_client_that_closes_takes_its_request_along_within_a_moment() {
    // The end of what it sends is all that shows, and that alone does not mean that it has left.
    let server = Server::start();
    drop(waiting(&server));
    let took = given_up(&server);
    assert!(took > Duration::from_millis(800) && took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_client_that_sends_no_more_and_then_resets_takes_its_request_along_at_once() {
    let server = Server::start();
    let client = waiting(&server);
    client.shut();
    reset(client);
    let took = given_up(&server);
    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[test]
fn a_client_that_sends_no_more_is_answered_and_told_of_the_end() {
    let server = Server::start();
    // The answer may be due before the end has been seen; then it does not tell.
    until("an answer that tells of the end", || {
        let mut client = waiting(&server);
        client.shut();
        server.record.gate.add_permits(1);
        let answer = client.answer();
        assert_eq!((answer.text(), client.rest()), ("waited", Vec::new()));
        answer.value("connection") == Some("close")
    });
    assert_eq!(server.end(), End::Complete);
}

#[test]
fn all_requests_that_came_before_the_end_are_answered() {
    let server = Server::start();
    let mut client = Client::connect(server.address());
    client.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo",
    );
    client.shut();
    assert_eq!(client.answer().text(), "/1");
    assert_eq!(client.answer().text(), "two");
    assert_eq!(client.rest(), b"");
}

#[test]
fn an_answer_that_has_begun_goes_on_behind_the_end() {
    let server = Server::start();
    let mut client = Client::connect(server.address());
    client.send("GET /parts HTTP/1.1\r\nHost: a\r\n\r\n");
    client.shut();
    client.head();
    for _ in 0..3 {
        // Together more than a client has that waits for the head of its answer.
        std::thread::sleep(Duration::from_millis(500));
        server.record.gate.add_permits(1);
        assert_eq!(client.take(10), b"5\r\npart \r\n");
    }
    assert_eq!(client.rest(), b"0\r\n\r\n");
    assert_eq!(server.end(), End::Complete);
}

#[test]
fn half_a_head_and_then_silence_is_told_408_in_time() {
    let timeout = Duration::from_millis(200);
    let mut setup = Setup::default();
    setup.limits.head_timeout = timeout;
    let server = setup.start();
    let mut client = Client::connect(server.address());
    let began = Instant::now();
    client.send("GET / HTTP/1.1\r\nHos");
    assert_eq!(client.answer().status(), "408");
    assert_eq!(client.rest(), b"");
    let took = began.elapsed();
    assert!(took >= timeout && took < timeout * 5, "{took:?}");
}

#[test]
fn a_connection_without_its_next_request_is_closed_without_a_word() {
    let mut setup = Setup::default();
    setup.limits.idle_timeout = Duration::from_millis(100);
    let server = setup.start();
    let mut client = Client::connect(server.address());
    assert_eq!(client.get("/").status(), "200");
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_client_that_stops_reading_is_ended_as_slow() {
    let mut setup = Setup::default();
    setup.limits.write = PaceLimits { silence: Duration::from_millis(200), rate: 0 };
    let server = setup.start();
    let mut client = Client::connect(server.address());
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(server.end(), End::ClientSlow);
    until("the connection to end", || server.workers.open() == 0);
}

#[test]
fn a_client_that_stops_sending_its_body_is_told_in_time() {
    let mut setup = Setup::default();
    setup.limits.read = PaceLimits { silence: Duration::from_millis(200), rate: 0 };
    let server = setup.start();
    let mut client = Client::connect(server.address());
    client.send("POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    assert_eq!(client.answer().text(), "the client was too slow");
}

#[test]
fn the_answer_to_head_tells_no_length_that_the_upstream_did_not_tell() {
    for (answer, want) in [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Some("0")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", Some("7")),
    ] {
        let (server, origin) = (Server::start(), Origin::answering(answer));
        *server.record.origin.lock().unwrap() = Some(origin.address);
        let mut client = Client::connect(server.address());
        client.send("HEAD /pass HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = crate::client::Answer { head: client.head(), body: Vec::new() };
        assert_eq!(head.value("content-length"), want, "{answer}");
        // The next answer on the connection begins right behind the head.
        assert_eq!(client.get("/next").text(), "/next");
    }
}

#[test]
fn nothing_follows_the_head_of_a_status_that_has_no_body() {
    let server = Server::start();
    let mut client = Client::connect(server.address());
    for path in ["/204", "/304", "/304/endless"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let head = client.head();
        assert_eq!(&head[9..12], &path[1..4]);
        assert_eq!(client.get("/next").text(), "/next", "behind {head}");
    }
}
