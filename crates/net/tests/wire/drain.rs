//! Ending without losing an answer.

use crate::client::Client;
use crate::harness::{Server, until};
use std::io::Read;

#[test]
fn a_drain_closes_idle_connections_and_lets_a_slow_answer_end() {
    let server = Server::start();
    let mut idle = Client::connect(server.address());
    assert_eq!(idle.get("/").status(), "200");
    let mut slow = Client::connect(server.address());
    slow.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    server.calls(1);

    server.workers.drain();
    assert_eq!(idle.rest(), b"", "an idle connection just closes");
    assert!(!server.workers.ended(), "one answer is still due");
    server.record.gate.add_permits(1);
    let answer = slow.answer();
    assert_eq!((answer.status(), answer.text()), ("200", "waited"));
    assert_eq!(answer.value("connection"), Some("close"));
    assert_eq!(slow.tcp.read(&mut [0]).unwrap(), 0);
    until("the workers to end", || server.workers.ended());
}

#[test]
fn a_request_that_was_pipelined_before_a_drain_is_not_taken_up_after_it() {
    let server = Server::start();
    let mut idle = Client::connect(server.address());
    assert_eq!(idle.get("/").status(), "200");
    let mut client = Client::connect(server.address());
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
    server.calls(1);
    server.workers.drain();
    assert_eq!(idle.rest(), b"", "the worker has heard of it");
    server.record.gate.add_permits(2);
    let all = String::from_utf8(client.rest()).unwrap();
    assert_eq!(all.matches("HTTP/1.1 200").count(), 1, "{all}");
    assert!(
        all.contains("connection: close"),
        "the client can tell that its second request was not taken: {all}"
    );
}
