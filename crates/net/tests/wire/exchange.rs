//! One exchange with an upstream that goes well, and what becomes of its connection.

use crate::harness::DEADLINE;
use crate::origin::Origin;
use crate::play::fields;
use bytes::Bytes;
use http_body_util::BodyExt;
use message::{Method, RequestHead, StatusCode, Target, Version};
use net::{Answer, Ask, Body, Connection, Failure, Idle, Stream};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A pool for one upstream.
pub(crate) fn idle() -> Rc<Idle> {
    Idle::new(8, DEADLINE)
}

pub(crate) async fn connect(address: SocketAddr, home: &Rc<Idle>) -> Box<Connection> {
    let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    Connection::new(Stream::from(tcp), Rc::downgrade(home), None)
}

pub(crate) fn head(method: Method, lines: &[(&str, &str)]) -> RequestHead {
    RequestHead {
        method,
        target: Target::parse(b"/x", true).unwrap(),
        authority: None,
        version: Version::HTTP_11,
        fields: fields(lines),
        upgrade: None,
    }
}

/// Asks with this head and body, patiently.
pub(crate) async fn ask(
    conn: Box<Connection>,
    head: &RequestHead,
    body: &mut Body,
) -> Result<Answer, Failure> {
    ask_within(conn, head, body, DEADLINE).await
}

pub(crate) async fn ask_within(
    conn: Box<Connection>,
    head: &RequestHead,
    body: &mut Body,
    patience: Duration,
) -> Result<Answer, Failure> {
    let ask = Ask {
        head,
        host: "origin:80",
        body,
        expects_continue: false,
        interim: None,
        timeout: patience,
        idle: patience,
        began: Instant::now(),
    };
    tokio::time::timeout(DEADLINE, conn.exchange(ask)).await.expect("an exchange has an end")
}

/// Answers GET with these bytes: the answer, its body, and how many connections wait afterwards.
async fn got(method: Method, bytes: impl AsRef<[u8]> + Send + 'static) -> (Answer, Bytes, usize) {
    let (origin, home) = (Origin::answering(bytes), idle());
    let conn = connect(origin.address, &home).await;
    let mut answer = ask(conn, &head(method, &[]), &mut Body::empty()).await.unwrap();
    let body = std::mem::take(&mut answer.body).collect().await.unwrap().to_bytes();
    let waiting = home.len();
    home.clear();
    origin.ended();
    (answer, body, waiting)
}

#[tokio::test]
async fn a_whole_answer_gives_its_connection_back() {
    let large = format!("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n{}", "x".repeat(300_000));
    for (bytes, length) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(), 5),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned(), 5),
        ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), 0),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n".to_owned(), 0),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned(), 0),
        (large, 300_000),
    ] {
        let (_, body, waiting) = got(Method::GET, bytes.clone()).await;
        assert_eq!((body.len(), waiting), (length, 1), "{}", &bytes[..40.min(bytes.len())]);
    }
}

#[tokio::test]
async fn a_connection_that_says_close_or_ends_with_its_body_is_not_kept() {
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    let old = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for bytes in [close, old] {
        let (_, body, waiting) = got(Method::GET, bytes).await;
        assert_eq!((&body[..], waiting), (&b"ok"[..], 0), "{bytes}");
    }
    let (origin, home) = (
        Origin::once(|conn| {
            conn.head();
            conn.send("HTTP/1.1 200 OK\r\n\r\nto the end");
        }),
        idle(),
    );
    let conn = connect(origin.address, &home).await;
    let answer = ask(conn, &head(Method::GET, &[]), &mut Body::empty()).await.unwrap();
    assert_eq!(answer.body.collect().await.unwrap().to_bytes(), "to the end");
    assert_eq!(home.len(), 0);
}

#[tokio::test]
async fn what_follows_an_answer_is_never_taken_for_the_next_one() {
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\nx",
        "HTTP/1.1 304 Not Modified\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx",
    ] {
        let (_, _, waiting) = got(Method::GET, bytes).await;
        assert_eq!(waiting, 0, "{bytes}");
    }
    let (answer, _, waiting) = got(Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!((answer.head.status, waiting), (StatusCode::OK, 0), "a body behind the answer to HEAD");
}

#[tokio::test]
async fn what_arrives_while_a_connection_waits_ends_it() {
    let (tell, told) = std::sync::mpsc::channel();
    let (origin, home) = (
        Origin::once(move |conn| {
            conn.head();
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            told.recv().unwrap();
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
            conn.rest();
        }),
        idle(),
    );
    let conn = connect(origin.address, &home).await;
    let answer = ask(conn, &head(Method::GET, &[]), &mut Body::empty()).await.unwrap();
    assert_eq!(answer.body.collect().await.unwrap().to_bytes(), "ok");
    assert_eq!(home.len(), 1);
    tell.send(()).unwrap();
    let deadline = Instant::now() + DEADLINE;
    while !home.is_empty() {
        assert!(Instant::now() < deadline, "bytes that nobody asked for were not noticed");
        home.sweep(Instant::now());
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(home.take().is_none());
    origin.ended();
}

#[tokio::test]
async fn the_next_exchange_goes_over_the_same_connection() {
    let (origin, home) = (
        Origin::once(|conn| {
            for n in 0..3 {
                conn.head();
                conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}"));
            }
            conn.rest();
        }),
        idle(),
    );
    let mut conn = connect(origin.address, &home).await;
    for n in 0..3 {
        assert_eq!(conn.is_reused(), n > 0);
        let answer = ask(conn, &head(Method::GET, &[]), &mut Body::empty()).await.unwrap();
        assert_eq!(answer.body.collect().await.unwrap().to_bytes(), n.to_string());
        conn = home.take().expect("it waits for the next exchange");
    }
    drop(conn);
    origin.ended();
}

#[tokio::test]
async fn a_body_that_is_dropped_before_its_end_takes_its_connection_along() {
    let bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n{}", "x".repeat(200_000));
    let (origin, home) = (Origin::answering(bytes), idle());
    let conn = connect(origin.address, &home).await;
    let mut answer = ask(conn, &head(Method::GET, &[]), &mut Body::empty()).await.unwrap();
    answer.body.frame().await.unwrap().unwrap();
    drop(answer);
    assert_eq!(home.len(), 0);
    origin.ended();
}

#[tokio::test]
async fn trailers_come_behind_the_body() {
    let bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n";
    let (origin, home) = (Origin::answering(bytes), idle());
    let conn = connect(origin.address, &home).await;
    let answer = ask(conn, &head(Method::GET, &[]), &mut Body::empty()).await.unwrap();
    let all = answer.body.collect().await.unwrap();
    assert_eq!(all.trailers().unwrap()["x-sum"], "7");
    assert_eq!((all.to_bytes(), home.len()), (Bytes::from_static(b"ok"), 1));
}

#[tokio::test]
async fn a_request_body_is_sent_in_the_framing_that_its_head_tells() {
    for (mut body, want) in [
        (Body::full("hello"), "content-length: 5\r\n\r\nhello"),
        (frames(&["he", "llo"]), "transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        (Body::empty(), "content-length: 0\r\n\r\n"),
    ] {
        let home = idle();
        let origin = Origin::once(move |conn| {
            assert_eq!(
                String::from_utf8(conn.take(33 + want.len())).unwrap(),
                format!("POST /x HTTP/1.1\r\nhost: origin:80\r\n{want}")[..33 + want.len()]
            );
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            conn.rest();
        });
        let conn = connect(origin.address, &home).await;
        ask(conn, &head(Method::POST, &[]), &mut body).await.unwrap();
        assert_eq!(home.len(), 1);
        home.clear();
        origin.ended();
    }
}

/// A body of these frames, of unknown length.
pub(crate) fn frames(pieces: &[&'static str]) -> Body {
    let frames: Vec<_> =
        pieces.iter().map(|p| Ok(http_body::Frame::data(Bytes::from_static(p.as_bytes())))).collect();
    Body::made(Box::pin(http_body_util::StreamBody::new(futures_util::stream::iter(frames))))
}
