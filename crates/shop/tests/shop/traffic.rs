//! The demo's own traffic, seen by a server that counts and now and then hangs up.

use crate::client::in_time;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// Answers three requests, reports each, then hangs up.
async fn three_answers(stream: TcpStream, seen: mpsc::UnboundedSender<String>) {
    let mut stream = BufReader::new(stream);
    for _ in 0..3 {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let _ = seen.send(head);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    }
}

#[tokio::test]
async fn the_traffic_is_gentle_comes_back_after_a_hang_up_and_stops_when_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, mut requests) = mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(three_answers(stream, seen.clone()));
        }
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let began = Instant::now();
    // A thousand is asked for, twenty is what anyone gets.
    let traffic = tokio::spawn(shop::demo::traffic(address, 1000, async { drop(stopped.await) }));

    // More than four clients get from one connection each, so they must have come back.
    for _ in 0..20 {
        let head = in_time(requests.recv()).await.unwrap();
        assert!(head.starts_with("GET /v1/"), "{head}");
        assert!(head.contains(&format!("host: {address}\r\n")), "{head}");
    }
    assert!(began.elapsed() >= Duration::from_millis(900), "twenty requests came in {:?}", began.elapsed());

    stop.send(()).unwrap();
    in_time(traffic).await.unwrap();
    server.abort();
    // The server's ends close when the clients are gone, and with them the last sender.
    while in_time(requests.recv()).await.is_some() {}
}
