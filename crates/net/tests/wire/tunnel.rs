//! A connection that switched protocols.

use crate::client::Client;
use crate::harness::Server;
use crate::origin::Origin;
use net::End;

const UPGRADE: &str = "GET /pass HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[test]
fn a_tunnel_relays_both_ways_and_counts_what_went_through() {
    let server = Server::start();
    let origin = Origin::once(|conn| {
        let head = conn.head();
        assert!(head.contains("upgrade: websocket") && head.contains("connection: upgrade"), "{head}");
        // The first bytes of the tunnel come with the head.
        conn.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello",
        );
        assert_eq!(conn.take(5), b"ping1");
        conn.send("pong1");
        let large = conn.take(1_000_000);
        assert!(large.iter().all(|&b| b == b'z'));
        conn.send(large);
        assert_eq!(conn.rest(), b"bye", "the client's end is passed on");
        conn.send("too");
    });
    *server.record.origin.lock().unwrap() = Some(origin.address);
    let mut client = Client::connect(server.address());
    // A client may begin to speak before it is answered.
    client.send(format!("{UPGRADE}ping1"));
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("upgrade: websocket"), "{head}");
    assert_eq!(client.take(10), b"hellopong1");
    client.send(vec![b'z'; 1_000_000]);
    assert_eq!(client.take(1_000_000).len(), 1_000_000);
    client.send("bye");
    client.shut();
    assert_eq!(client.rest(), b"too");
    origin.ended();
    let delivery = server.delivery(1);
    assert_eq!((delivery.bytes_in, delivery.bytes_out, delivery.end), (1_000_008, 1_000_013, End::Complete));
}

#[test]
fn a_switch_that_nobody_asked_for_is_no_answer() {
    let server = Server::start();
    let origin = Origin::answering(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    );
    *server.record.origin.lock().unwrap() = Some(origin.address);
    let answer = Client::connect(server.address()).get("/pass");
    assert_eq!(
        (answer.status(), answer.text()),
        ("502", "the upstream switched protocols without being asked")
    );
}
