//! Sizes, numbers and times that nothing exceeds.

use crate::server::{DEADLINE, Server};
use admin::Settings;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn a_body_too_large_is_refused_announced_or_not() {
    let server = Server::start(Settings::default()).await;
    let announced = server.send("POST /api/reload", "Content-Length: 1048577\r\n").await;
    announced.problem(413);
    let chunks = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(16) + "1\r\nx\r\n";
    let fields = format!("Transfer-Encoding: chunked\r\n\r\n{chunks}");
    let head = format!("POST /api/reload HTTP/1.1\r\nHost: {}\r\n{fields}", server.address);
    server.raw(&head).await.problem(413);
}

#[tokio::test]
async fn connections_are_kept_alive_and_a_small_body_is_read_past() {
    let server = Server::start(Settings::default()).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        let request = format!(
            "POST /api/reload HTTP/1.1\r\nHost: {}\r\nContent-Length: 5\r\n\r\nhello",
            server.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut seen = String::new();
        while !seen.ends_with("{\"changed\":[\"routes\"]}") {
            let mut piece = [0; 1024];
            let n = timeout(DEADLINE, stream.read(&mut piece)).await.unwrap().unwrap();
            assert_ne!(n, 0, "{seen}");
            seen.push_str(std::str::from_utf8(&piece[..n]).unwrap());
        }
    }
}

#[tokio::test]
async fn connections_beyond_the_bound_are_closed_at_once_and_room_comes_back() {
    let server = Server::start(Settings::default()).await;
    let mut held = Vec::new();
    // Each answers once before the next comes, so the server has surely counted it.
    for _ in 0..256 {
        let mut stream = server.connect().await;
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        timeout(DEADLINE, stream.read_exact(&mut first)).await.unwrap().unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        held.push(stream);
    }
    let mut one_more = server.connect().await;
    let closed = timeout(DEADLINE, one_more.read(&mut [0; 16])).await.expect("closed in time");
    assert!(matches!(closed, Ok(0) | Err(_)));
    drop(held);
    let again = async {
        loop {
            let mut stream = server.connect().await;
            let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
            let sent = stream.write_all(request.as_bytes()).await;
            let mut first = [0; 12];
            if sent.is_ok() && stream.read_exact(&mut first).await.is_ok() {
                break;
            }
        }
    };
    timeout(DEADLINE, again).await.expect("room again");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_ends_its_head_is_let_go() {
    let server = Server::start(Settings::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a").await.unwrap();
    let mut text = Vec::new();
    timeout(Duration::from_secs(60), stream.read_to_end(&mut text)).await.expect("let go").unwrap();
    assert!(!text.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_let_go() {
    let server = Server::start(Settings::default()).await;
    let mut stream = server.connect().await;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    timeout(Duration::from_secs(60), stream.read_to_end(&mut text)).await.expect("let go").unwrap();
    assert!(text.starts_with(b"HTTP/1.1 200") && text.ends_with(b"ok\n"));
}

#[tokio::test]
async fn a_stop_ends_the_server_and_its_idle_connections() {
    let server = Server::start(Settings::default()).await;
    let mut idle = server.connect().await;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    idle.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    server.stop.send(()).unwrap();
    timeout(DEADLINE, server.ended).await.expect("ended").unwrap();
    let mut rest = Vec::new();
    timeout(DEADLINE, idle.read_to_end(&mut rest)).await.expect("closed").unwrap();
    assert!(TcpStream::connect(&server.address).await.is_err());
}
