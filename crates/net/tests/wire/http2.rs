//! Clients of HTTP/2 with prior knowledge, on the port where HTTP/1 is spoken too.

use crate::client::Client;
use crate::harness::{DEADLINE, Server, Setup, until};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use net::{End, PaceLimits};
use std::net::SocketAddr;
use std::time::Duration;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame (RFC 9113 section 6.5).
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const GOAWAY: u8 = 7;

type Sender = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

async fn connect(address: SocketAddr) -> Sender {
    let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(
    sender: &mut Sender,
    method: &str,
    path: &str,
    body: &'static str,
) -> (http::response::Parts, Bytes) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("http://a{path}"))
        .body(Full::from(body))
        .unwrap();
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    (parts, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn both_versions_are_served_on_one_port() {
    let server = Server::start();
    let mut sender = connect(server.address()).await;
    assert_eq!(ask(&mut sender, "GET", "/hello", "").await.1, "/hello");
    assert_eq!(ask(&mut sender, "POST", "/echo", "sent and back").await.1, "sent and back");
    assert_eq!(Client::connect(server.address()).get("/hello").text(), "/hello");
}

#[tokio::test]
async fn streams_are_answered_in_any_order() {
    let server = Server::start();
    let mut sender = connect(server.address()).await;
    let mut other = sender.clone();
    let waiting = tokio::spawn(async move { ask(&mut other, "GET", "/wait", "").await });
    tokio::task::spawn_blocking({
        let record = std::sync::Arc::clone(&server.record);
        move || until("a call", || record.calls.load(std::sync::atomic::Ordering::Relaxed) == 1)
    })
    .await
    .unwrap();
    assert_eq!(ask(&mut sender, "GET", "/quick", "").await.1, "/quick");
    server.record.gate.add_permits(1);
    assert_eq!(waiting.await.unwrap().1, "waited");
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_refused() {
    let server = Server::start();
    let mut sender = connect(server.address()).await;
    let (parts, body) = ask(&mut sender, "POST", "/limited", "01234567890").await;
    assert_eq!((parts.status.as_u16(), &body[..]), (413, &b"at most 10"[..]));
    assert_eq!(ask(&mut sender, "POST", "/limited", "0123456789").await.1, "0123456789");
}

#[tokio::test]
async fn the_answer_to_head_has_no_body() {
    let server = Server::start();
    let mut sender = connect(server.address()).await;
    let (parts, body) = ask(&mut sender, "HEAD", "/full", "").await;
    assert_eq!((parts.status.as_u16(), body.len()), (200, 0));
    assert_eq!(parts.headers["content-length"], "4");
    assert_eq!(server.delivery(1).bytes_out, 0, "nothing was sent that a client would have to throw away");
    assert_eq!(ask(&mut sender, "GET", "/next", "").await.1, "/next");
}

#[tokio::test]
async fn nothing_follows_the_head_of_a_status_that_has_no_body() {
    let server = Server::start();
    let mut sender = connect(server.address()).await;
    for path in ["/204", "/304", "/304/endless"] {
        let (parts, body) = ask(&mut sender, "GET", path, "").await;
        assert_eq!((parts.status.as_str(), body.len()), (&path[1..4], 0));
    }
    assert_eq!(ask(&mut sender, "GET", "/next", "").await.1, "/next");
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_requests_along() {
    let server = Server::start();
    let tcp = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get("http://a/wait").body(Empty::<Bytes>::new()).unwrap();
    let answer = tokio::spawn(sender.send_request(request));
    let calls = |count| {
        let record = std::sync::Arc::clone(&server.record);
        tokio::task::spawn_blocking(move || {
            until("calls", || record.calls.load(std::sync::atomic::Ordering::Relaxed) == count)
        })
    };
    calls(1).await.unwrap();
    connection.abort();
    answer.abort();
    drop(sender);
    let took = calls(0).await.unwrap();
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[tokio::test]
async fn a_stream_whose_window_never_opens_is_reset_and_its_connection_lives() {
    let mut setup = Setup::default();
    setup.limits.write = PaceLimits { silence: Duration::from_millis(300), rate: 0 };
    let server = setup.start();
    let tcp = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let (sender, connection) = h2::client::handshake(tcp).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://a/endless").body(()).unwrap();
    let (answer, _) = sender.ready().await.unwrap().send_request(request, true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    // What arrives is read but never released, so the window stays shut behind it.
    let mut body = answer.into_body();
    let ended = tokio::time::timeout(DEADLINE, async {
        loop {
            match body.data().await {
                Some(Ok(_)) => {}
                ended => return ended,
            }
        }
    });
    let reset = ended.await.expect("the stream ends").expect("not in good order").unwrap_err();
    assert_eq!(reset.reason(), Some(h2::Reason::CANCEL));
    let delivery = server.delivery(1);
    assert_eq!(delivery.end, End::ClientSlow, "{delivery:?}");
    assert!(delivery.bytes_out < 1_000_000, "{delivery:?}");
    assert_eq!(server.workers.open(), 1);
}

#[test]
fn an_idle_connection_is_told_to_go_and_then_closed() {
    let mut setup = Setup::default();
    setup.limits.idle_timeout = Duration::from_millis(100);
    let server = setup.start();
    let mut client = Client::connect(server.address());
    client.send([PREFACE, SETTINGS].concat());
    assert!(kinds(&client.rest()).contains(&GOAWAY));
    until("the connection to end", || server.workers.open() == 0);
}

#[test]
fn a_connection_that_is_cut_off_for_a_flood_is_told_of_once_and_an_honest_one_never() {
    let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7];
    // GET of http://a/, from the static table, and its reset.
    let given_up = |n: u32| {
        let stream = (2 * n + 1).to_be_bytes();
        let head = [&[0, 0, 6, 1, 5][..], &stream, &[0x82, 0x86, 0x84, 0x41, 1, b'a']].concat();
        [&head[..], &[0, 0, 4, 3, 0], &stream, &[0, 0, 0, 8]].concat()
    };
    let floods = [ping.repeat(100_000), (0..5000).flat_map(given_up).collect()];
    for flood in floods {
        let server = Server::start();
        let mut honest = Client::connect(server.address());
        honest.send([PREFACE, SETTINGS, &ping].concat());
        honest.take(9);
        let mut client = Client::connect(server.address());
        client.try_send([PREFACE, SETTINGS, &flood].concat());
        until("it is told", || !server.record.troubles.lock().unwrap().is_empty());
        drop((client, honest));
        until("both have ended", || server.workers.open() == 0);
        let told = server.record.troubles.lock().unwrap().clone();
        assert_eq!(told, ["0: cut off 127.0.0.1, which flooded its HTTP/2 connection"]);
    }
}

#[test]
fn a_drain_tells_connections_to_go() {
    let server = Server::start();
    let mut client = Client::connect(server.address());
    client.send([PREFACE, SETTINGS].concat());
    // The server's own SETTINGS show that it speaks HTTP/2 now.
    let own = client.take(9);
    assert_eq!(own[3], 4);
    let mut frames = own;
    server.workers.drain();
    let deadline = std::time::Instant::now() + DEADLINE;
    while !kinds(&frames).contains(&GOAWAY) {
        assert!(std::time::Instant::now() < deadline);
        frames.extend(client.take(1));
    }
}

#[tokio::test]
async fn an_answer_that_is_due_when_the_drain_begins_arrives() {
    let server = Server::start();
    let mut sender = connect(server.address()).await;
    let waiting = tokio::spawn(async move { ask(&mut sender, "GET", "/wait", "").await });
    let record = std::sync::Arc::clone(&server.record);
    tokio::task::spawn_blocking(move || {
        until("a call", || record.calls.load(std::sync::atomic::Ordering::Relaxed) == 1)
    })
    .await
    .unwrap();
    server.workers.drain();
    server.record.gate.add_permits(1);
    assert_eq!(waiting.await.unwrap().1, "waited");
    assert_eq!(server.end(), End::Complete);
    tokio::task::spawn_blocking(move || until("the workers to end", || server.workers.ended()))
        .await
        .unwrap();
}

/// The kinds of the frames that were read; a cut one at the end counts once its head is there.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        kinds.push(head[3]);
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        bytes = rest.get(length..).unwrap_or_default();
    }
    kinds
}
