//! WebSocket through the gateway (RFC 6455, RFC 8441), with real clients and servers.

use e2e::{Origin, PythonServer, Tidegate, python_script, soon};

/// Runs a step of the client script through a gateway in front of the echo server and returns what it printed.
#[track_caller]
fn client(script: &str, args: &[&str]) -> String {
    let server = PythonServer::start("ws_server.py", &[]);
    let gateway = Tidegate::to(&server.url());
    let (url, port) = (format!("ws://{}/", gateway.address()), gateway.address().port().to_string());
    let place = if script == "ws_over_h2.py" { port } else { url };
    let done = python_script(script, &[&[place.as_str()], args].concat());
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}\n{err}\n{}", gateway.stderr());
    out.into_owned()
}

#[test]
fn messages_of_all_sizes_pass_both_ways() {
    client("ws_client.py", &["echo"]);
}

#[test]
fn many_websockets_live_at_once() {
    client("ws_client.py", &["many"]);
}

#[test]
fn the_code_and_reason_of_a_close_pass() {
    client("ws_client.py", &["close"]);
}

#[test]
fn the_origin_learns_of_the_client_of_a_websocket() {
    let head: serde_json::Value = serde_json::from_str(&client("ws_client.py", &["head"])).expect("JSON");
    assert_eq!(head["x-forwarded-for"], "127.0.0.1");
    assert_eq!(head["x-mine"], "yes");
    assert!(head["x-request-id"].is_string(), "{head}");
}

#[test]
fn a_websocket_over_http_2_reaches_a_server_of_http_1() {
    assert_eq!(client("ws_over_h2.py", &[]).trim(), "ok");
}

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn a_refused_handshake_is_an_ordinary_answer() {
    let origin = Origin::always("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    let answer = client.send(HANDSHAKE).response();
    assert_eq!((answer.status, answer.text().as_str()), (403, "no"));
    assert_eq!(client.send(HANDSHAKE).response().status, 403, "the connection is still one of HTTP");
}

#[test]
fn a_switch_to_another_protocol_than_the_asked_one_is_a_bad_gateway() {
    let origin =
        Origin::always("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n");
    let gateway = Tidegate::to(&origin.url());
    assert_eq!(gateway.connect().send(HANDSHAKE).response().status, 502, "RFC 9110 section 7.8");
}

#[test]
fn bytes_that_come_with_the_handshake_are_not_lost() {
    let origin = Origin::start(|exchange| {
        exchange.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello",
        );
        let some = exchange.read_some();
        exchange.send(some);
        exchange.close();
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send(format!("{HANDSHAKE}early"));
    let answer = client.response();
    assert_eq!((answer.status, answer.fields.get("upgrade")), (101, Some("websocket")), "{answer}");
    client.expect_bytes(b"helloearly");
    assert!(client.is_closed(e2e::PATIENCE));
}

#[test]
fn a_client_that_leaves_a_websocket_closes_it_at_the_origin() {
    let origin = Origin::start(|exchange| {
        exchange
            .send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        exchange.sees_close();
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    assert_eq!(client.send(HANDSHAKE).response().status, 101);
    drop(client);
    soon("the upstream connection is closed", || origin.open_connections() == 0);
}
