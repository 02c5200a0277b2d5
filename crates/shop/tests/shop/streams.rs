//! The feed, the echo, and how both end.

use crate::client::{Running, in_time};
use futures_util::{SinkExt, StreamExt};
use shop::Settings;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, client_async};

fn quick() -> Settings {
    Settings { feed_interval: Duration::from_millis(5), ..Settings::named("shop-test") }
}

/// Opens the feed on a connection of its own.
async fn feed(shop: &Running, fields: &str) -> TcpStream {
    let mut stream = shop.connect().await;
    let request = format!("GET /v1/feed HTTP/1.1\r\nHost: shop\r\n{fields}\r\n");
    in_time(stream.write_all(request.as_bytes())).await.unwrap();
    stream
}

/// Reads until `text` has come, and gives everything up to now.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    loop {
        assert_ne!(in_time(stream.read_buf(&mut seen)).await.unwrap(), 0, "it ended before {text:?}");
        let so_far = String::from_utf8_lossy(&seen);
        if so_far.contains(text) {
            return so_far.into_owned();
        }
    }
}

async fn echo(shop: &Running) -> WebSocketStream<TcpStream> {
    let (socket, response) =
        in_time(client_async(format!("ws://{}/v1/echo", shop.address), shop.connect().await)).await.unwrap();
    assert_eq!(response.headers()["x-instance"], "shop-test");
    socket
}

async fn close_code(socket: &mut WebSocketStream<TcpStream>) -> CloseCode {
    match in_time(socket.next()).await {
        Some(Ok(Message::Close(Some(frame)))) => frame.code,
        other => panic!("no close but {other:?}"),
    }
}

#[tokio::test]
async fn the_feed_sends_event_after_event() {
    let shop = Running::with(quick());
    let text = read_until(&mut feed(&shop, "").await, "id: 3\n").await;
    assert!(text.to_lowercase().contains("content-type: text/event-stream\r\n"), "{text}");
    let at = |id: &str| text.find(id).unwrap_or_else(|| panic!("no {id} in {text}"));
    assert!(at("id: 1\nevent: stock\ndata: {") < at("id: 2\n"));
    let data = text.split("data: ").nth(1).unwrap().lines().next().unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(data).unwrap()["stock"].is_u64());
}

#[tokio::test]
async fn the_feed_goes_on_after_the_event_that_the_client_saw_last() {
    let shop = Running::with(quick());
    let text = read_until(&mut feed(&shop, "Last-Event-ID: 41\r\n").await, "id: ").await;
    assert!(text.contains("id: 42\n"), "{text}");
    let text = read_until(&mut feed(&shop, "Last-Event-ID: nonsense\r\n").await, "id: ").await;
    assert!(text.contains("id: 1\n"), "{text}");
}

#[tokio::test]
async fn the_feed_ends_when_its_client_leaves() {
    // There is one seat: the second client is served only when nothing of the first is left.
    let shop = Running::with(Settings { max_connections: 1, ..quick() });
    let mut first = feed(&shop, "").await;
    read_until(&mut first, "id: 2\n").await;
    drop(first);
    assert_eq!(shop.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn the_echo_sends_back_texts_and_bytes_and_answers_a_ping() {
    let shop = Running::start();
    let mut socket = echo(&shop).await;
    for message in
        [Message::text("tide"), Message::binary(vec![0, 255]), Message::text("x".repeat(64 * 1024))]
    {
        in_time(socket.send(message.clone())).await.unwrap();
        assert_eq!(in_time(socket.next()).await.unwrap().unwrap(), message);
    }
    in_time(socket.send(Message::Ping("p".into()))).await.unwrap();
    assert_eq!(in_time(socket.next()).await.unwrap().unwrap(), Message::Pong("p".into()));
    in_time(socket.close(None)).await.unwrap();
    assert!(matches!(in_time(socket.next()).await, Some(Ok(Message::Close(_)))));
}

#[tokio::test]
async fn the_echo_closes_on_a_message_that_is_too_long() {
    let shop = Running::start();
    let mut socket = echo(&shop).await;
    in_time(socket.send(Message::text("x".repeat(64 * 1024 + 1)))).await.unwrap();
    assert_eq!(close_code(&mut socket).await, CloseCode::Size);
}

#[tokio::test]
async fn the_echo_tells_a_client_that_cannot_speak_with_it_why() {
    let shop = Running::start();
    let plain = shop.get("/v1/echo").await;
    plain.problem(426);
    assert_eq!((plain.field("upgrade"), plain.field("sec-websocket-version")), ("websocket", "13"));
    let asks = |version: &str, key: &str| {
        format!("Connection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: {version}\r\n{key}")
    };
    shop.ask("GET /v1/echo", &asks("8", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"))
        .await
        .problem(426);
    shop.ask("GET /v1/echo", &asks("13", "Sec-WebSocket-Key: short\r\n")).await.problem(400);
    shop.ask("GET /v1/echo", &asks("13", "")).await.problem(400);
}

#[tokio::test]
async fn at_the_shutdown_open_answers_end_and_what_goes_on_says_goodbye() {
    let shop = Running::with(quick());
    let mut idle = shop.connect().await;
    let mut endless = feed(&shop, "").await;
    let mut socket = echo(&shop).await;
    read_until(&mut endless, "id: 1\n").await;
    let mut slow = shop.connect().await;
    in_time(slow.write_all(b"GET /v1/report?seconds=1 HTTP/1.1\r\nHost: shop\r\n\r\n")).await.unwrap();
    // An answer on a later connection shows that the shop has accepted this one.
    shop.get("/healthz").await;

    let address = shop.address;
    let (code, ()) = tokio::join!(close_code(&mut socket), shop.stop());
    assert_eq!(code, CloseCode::Away);
    let mut rest = String::new();
    in_time(endless.read_to_string(&mut rest)).await.unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "the last chunk is missing: {rest:?}");
    rest.clear();
    in_time(slow.read_to_string(&mut rest)).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 ") && rest.ends_with('}'), "the report is cut: {rest:?}");
    assert_eq!(in_time(idle.read(&mut [0])).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn the_shutdown_waits_no_longer_than_it_is_told() {
    let shop = Running::with(Settings { drain: Duration::from_millis(50), ..quick() });
    let mut slow = shop.connect().await;
    in_time(slow.write_all(b"GET /v1/report?seconds=30 HTTP/1.1\r\nHost: shop\r\n\r\n")).await.unwrap();
    shop.get("/healthz").await;
    shop.stop().await;
    // Cut with FIN or RST: in any case there is no answer.
    assert!(matches!(in_time(slow.read(&mut [0])).await, Ok(0) | Err(_)));
}
