//! Connections to endpoints: kept, used again, and never the reason why a request fails or is executed twice.

use e2e::{Origin, Tidegate, soon};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn a_connection_that_the_endpoint_closed_meanwhile_fails_no_get() {
    // The endpoint closes right behind each answer without having said so.
    let origin = Origin::start(|exchange| {
        exchange.send_ok("good");
        exchange.close();
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    for _ in 0..50 {
        let answer = client.get("/", "");
        assert_eq!((answer.status, answer.text().as_str()), (200, "good"), "{answer}");
    }
}

#[test]
fn a_get_that_meets_a_dying_connection_is_tried_again_on_a_fresh_one() {
    // The second request of each connection is read and not answered: the endpoint's idle timeout struck.
    let origin = Origin::start(|exchange| match exchange.turn() {
        1 => drop(exchange.send_ok("good")),
        _ => exchange.close(),
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    for _ in 0..10 {
        let answer = client.get("/", "");
        assert_eq!((answer.status, answer.text().as_str()), (200, "good"), "{answer}");
    }
}

#[test]
fn a_post_that_may_have_been_executed_is_not_executed_again() {
    let executed: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&executed);
    let origin = Origin::start(move |exchange| {
        if !exchange.read_body() {
            return;
        }
        seen.lock().expect("no handler panics").push(exchange.request().target.clone());
        match exchange.turn() {
            1 => drop(exchange.send_ok("good")),
            _ => exchange.close(),
        }
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    for n in 0..10 {
        client.send(format!("POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"));
        let status = client.response().status;
        assert!(matches!(status, 200 | 502), "{status}");
    }
    let mut executed = executed.lock().expect("no handler panics").clone();
    let count = executed.len();
    executed.sort();
    executed.dedup();
    assert_eq!(executed.len(), count, "{executed:?}");
}

#[test]
fn upstream_connections_are_kept_and_used_again() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "workers: 1");
    for n in 0..20 {
        assert_eq!(gateway.get(&format!("/{n}")).status, 200);
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn an_answer_with_connection_close_is_the_last_of_its_connection() {
    let origin = Origin::always("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    for _ in 0..3 {
        let answer = client.get("/", "");
        assert_eq!(answer.status, 200);
        assert!(!answer.fields.lists("connection", "close"), "it speaks of the other connection: {answer}");
    }
    assert_eq!(origin.connections(), 3);
    soon("the gateway closes its side", || origin.open_connections() == 0);
}

#[test]
fn a_slow_head_from_the_origin_is_waited_for() {
    let origin = Origin::start(|exchange| {
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" {
            exchange.send([*byte]);
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let gateway = Tidegate::to(&origin.url());
    assert_eq!(gateway.get("/").text(), "hello");
}
