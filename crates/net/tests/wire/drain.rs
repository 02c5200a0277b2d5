//! Ending without losing an answer.

use crate::client::Client;
use crate::harness::{DEADLINE, Server, Setup, until};
use std::io::Read;
use std::sync::atomic::Ordering;
use std::time::Duration;

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

#[test]
fn a_patient_drain_answers_whoever_asks_once_more_and_then_closes() {
    let server = Server::start();
    let mut kept = Client::connect(server.address());
    assert_eq!(kept.get("/").status(), "200");
    let mut fresh = Client::connect(server.address());
    until("the second connection to be taken", || server.workers.open() == 2);
    server.workers.drain_within(DEADLINE);
    server.listening[0].close();
    until("the workers to listen no more", || std::net::TcpStream::connect(server.address()).is_err());
    for client in [&mut kept, &mut fresh] {
        let answer = client.get("/late");
        assert_eq!((answer.status(), answer.text()), ("200", "/late"));
        assert_eq!(answer.value("connection"), Some("close"));
        assert_eq!(client.rest(), b"");
    }
    until("the workers to end", || server.workers.ended());
}

#[test]
fn the_patience_of_a_drain_ends_and_can_be_cut_short() {
    let server = Server::start();
    let mut idle = Client::connect(server.address());
    assert_eq!(idle.get("/").status(), "200");
    server.workers.drain_within(Duration::from_millis(50));
    assert_eq!(idle.rest(), b"");
    until("the workers to end", || server.workers.ended());

    let server = Server::start();
    let mut idle = Client::connect(server.address());
    assert_eq!(idle.get("/").status(), "200");
    server.workers.drain_within(10 * DEADLINE);
    server.workers.drain();
    assert_eq!(idle.rest(), b"");
}

#[test]
fn workers_that_are_cut_drop_what_is_under_way_and_say_so_first() {
    let server = Setup { workers: 2, ..Setup::default() }.start();
    let mut slow = Client::connect(server.address());
    slow.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    server.calls(1);
    server.workers.drain();
    server.workers.cut();
    until("the workers to end", || server.workers.ended());
    server.calls(0);
    assert_eq!(slow.rest(), b"");
    // A worker that had nothing to do may have ended by itself before.
    assert!((1..=2).contains(&server.record.cut.load(Ordering::Relaxed)));
}

#[test]
fn every_connection_that_was_made_before_a_drain_is_answered() {
    for _ in 0..20 {
        let server = Setup { workers: 3, sockets: 5, ..Setup::default() }.start();
        let mut clients: Vec<_> = (0..30).map(|_| Client::connect(server.address())).collect();
        server.workers.drain_within(DEADLINE);
        for client in &mut clients {
            assert_eq!(client.get("/").status(), "200");
        }
        // One that was answered before its worker had heard of the drain was not told to close.
        drop(clients);
        until("the workers to end", || server.workers.ended());
    }
}
