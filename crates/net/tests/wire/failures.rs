//! Exchanges that fail: what had been sent, whether the body can be sent again, and what is left of the answer.

use crate::exchange::{ask, ask_within, connect, frames, head, idle};
use crate::origin::Origin;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use message::{Method, StatusCode};
use net::{Body, BodyError, Cause, Failure, Reject, Sent};
use std::time::Duration;

/// Asks with GET and expects a failure.
async fn failed(origin: Origin) -> Failure {
    let home = idle();
    let conn = connect(origin.address, &home).await;
    let failure = ask(conn, &head(Method::GET, &[]), &mut Body::empty()).await.unwrap_err();
    assert_eq!(home.len(), 0, "a connection that failed is not kept");
    origin.ended();
    failure
}

#[tokio::test]
async fn a_connection_closed_before_the_answer_may_have_carried_the_request_out() {
    for origin in [
        Origin::once(|_| {}),
        Origin::once(|conn| drop(conn.head())),
        Origin::once(|conn| {
            conn.head();
            conn.send("HTTP/1.1 200 OK\r\nContent-Le");
        }),
    ] {
        let failure = failed(origin).await;
        assert!(matches!(failure.cause, Cause::Closed | Cause::Io(_)), "{failure:?}");
        assert_eq!((failure.sent, failure.body_whole), (Sent::Maybe, true));
    }
}

#[tokio::test]
async fn a_small_body_is_whole_again_after_a_failure() {
    for (mut body, length) in [(Body::full("0123456789"), Some(10)), (frames(&["01234", "56789"]), None)] {
        let (origin, home) = (Origin::once(|conn| drop(conn.head())), idle());
        let conn = connect(origin.address, &home).await;
        let failure = ask(conn, &head(Method::POST, &[]), &mut body).await.unwrap_err();
        assert_eq!((failure.sent, failure.body_whole), (Sent::Maybe, true));
        assert_eq!(body.length(), length);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "0123456789");
    }
}

#[tokio::test]
async fn a_body_of_which_some_was_sent_is_whole_again_with_its_rest() {
    // The second piece comes only when the first attempt has failed.
    let (give, given) = tokio::sync::oneshot::channel::<()>();
    let first = futures_util::stream::iter([Ok(Frame::data(Bytes::from_static(b"first ")))]);
    let second = futures_util::stream::once(async move {
        given.await.unwrap();
        Ok(Frame::data(Bytes::from_static(b"second")))
    });
    let mut body = Body::made(Box::pin(StreamBody::new(first.chain(second))));
    let origin = Origin::once(|conn| {
        conn.head();
        assert_eq!(conn.take(11), b"6\r\nfirst \r\n");
    });
    let conn = connect(origin.address, &idle()).await;
    let failure = ask(conn, &head(Method::POST, &[]), &mut body).await.unwrap_err();
    assert_eq!((failure.sent, failure.body_whole), (Sent::Maybe, true));
    origin.ended();
    give.send(()).unwrap();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "first second");
}

#[tokio::test]
async fn a_large_body_that_was_begun_cannot_be_sent_again() {
    let origin = Origin::once(|conn| {
        conn.head();
        conn.take(100_000);
    });
    let conn = connect(origin.address, &idle()).await;
    let mut body = Body::full(vec![b'x'; 8_000_000]);
    let failure = ask(conn, &head(Method::POST, &[]), &mut body).await.unwrap_err();
    assert_eq!((failure.sent, failure.body_whole), (Sent::Maybe, false));
    origin.ended();
}

#[tokio::test]
async fn a_body_that_failed_on_the_clients_side_is_not_whole() {
    let pieces = vec![Ok(Frame::data(Bytes::from_static(b"some"))), Err(BodyError::ClientGone)];
    let mut body = Body::made(Box::pin(StreamBody::new(futures_util::stream::iter(pieces))));
    let origin = Origin::once(|conn| drop(conn.rest()));
    let conn = connect(origin.address, &idle()).await;
    let failure = ask(conn, &head(Method::POST, &[]), &mut body).await.unwrap_err();
    assert!(matches!(failure.cause, Cause::Body(BodyError::ClientGone)), "{failure:?}");
    assert!(!failure.body_whole, "what was taken of it, sent again, would pass for all of it");
    origin.ended();
}

#[tokio::test]
async fn an_early_answer_ends_an_upload_and_is_read_whole() {
    let home = idle();
    let (tell, told) = std::sync::mpsc::channel();
    let origin = Origin::once(move |conn| {
        conn.head();
        conn.take(50_000);
        conn.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmuch");
        told.recv().unwrap();
        conn.rest();
    });
    let conn = connect(origin.address, &home).await;
    // More than the kernel buffers of both sides take.
    let mut body = Body::full(vec![b'x'; 40_000_000]);
    let answer = ask(conn, &head(Method::POST, &[]), &mut body).await.unwrap();
    assert_eq!(answer.head.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.body.collect().await.unwrap().to_bytes(), "much");
    assert_eq!(home.len(), 0, "the rest of the upload would be taken for a request");
    tell.send(()).unwrap();
    origin.ended();
}

#[tokio::test]
async fn an_answer_that_could_be_read_in_two_ways_is_none() {
    for (answer, want) in [
        ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Reject::LengthAndEncoding),
        ("Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", Reject::ContentLength),
        ("Content-Length: 2, 2\r\n\r\nok", Reject::ContentLength),
        ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Reject::TransferEncoding),
        ("X: a\r\n b\r\nContent-Length: 0\r\n\r\n", Reject::FieldLine),
        ("X: a\nContent-Length: 0\r\n\r\n", Reject::BareLf),
    ] {
        let failure = failed(Origin::answering(format!("HTTP/1.1 200 OK\r\n{answer}"))).await;
        assert!(matches!(failure.cause, Cause::Malformed(reject) if reject == want), "{answer}: {failure:?}");
        assert_eq!(failure.sent, Sent::Yes);
    }
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_refused() {
    let failure = failed(Origin::answering(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    ))
    .await;
    assert!(matches!(failure.cause, Cause::Unasked), "{failure:?}");
    assert_eq!(failure.sent, Sent::Yes);
}

#[tokio::test]
async fn a_flood_of_interim_answers_is_refused() {
    for interim in
        ["HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 199 Odd\r\n\r\n"]
    {
        let origin = Origin::once(move |conn| {
            use std::io::Write as _;
            conn.head();
            let many = interim.repeat(1000);
            while conn.tcp.write_all(many.as_bytes()).is_ok() {}
        });
        let failure = failed(origin).await;
        assert!(matches!(failure.cause, Cause::Malformed(_)), "{interim}: {failure:?}");
    }
}

#[tokio::test]
async fn a_few_interim_answers_are_passed_over() {
    let bytes = format!(
        "{}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(3)
    );
    let conn = connect(Origin::answering(bytes).address, &idle()).await;
    let answer = ask(conn, &head(Method::GET, &[]), &mut Body::empty()).await.unwrap();
    assert_eq!(answer.body.collect().await.unwrap().to_bytes(), "ok");
}

#[tokio::test]
async fn an_upstream_that_says_nothing_is_given_up_in_time() {
    let origin = Origin::once(|conn| drop(conn.rest()));
    let conn = connect(origin.address, &idle()).await;
    let patience = Duration::from_millis(100);
    let failure = ask_within(conn, &head(Method::GET, &[]), &mut Body::empty(), patience).await.unwrap_err();
    assert!(matches!(failure.cause, Cause::Timeout), "{failure:?}");
    assert_eq!((failure.sent, failure.body_whole), (Sent::Maybe, true));
    origin.ended();
}

#[tokio::test]
async fn a_body_that_is_cut_or_falls_silent_is_an_error_not_a_shorter_body() {
    for (bytes, silent) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nonly", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nonly", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\nzz\r\n", false),
    ] {
        let home = idle();
        let origin = Origin::once(move |conn| {
            conn.head();
            conn.send(bytes);
            if silent {
                conn.rest();
            }
        });
        let conn = connect(origin.address, &home).await;
        let patience = if silent { Duration::from_millis(100) } else { crate::harness::DEADLINE };
        let answer = ask_within(conn, &head(Method::GET, &[]), &mut Body::empty(), patience).await.unwrap();
        let error = answer.body.collect().await.unwrap_err();
        let right = if silent {
            matches!(error, BodyError::UpstreamSilent)
        } else {
            matches!(error, BodyError::UpstreamCut(_))
        };
        assert!(right, "{bytes}: {error}");
        assert_eq!(home.len(), 0);
    }
}

#[tokio::test]
async fn a_body_waits_for_100_continue_and_goes_out_without_it_in_the_end() {
    for says in [true, false] {
        let home = idle();
        let origin = Origin::once(move |conn| {
            let head = conn.head();
            assert!(head.contains("expect: 100-continue"), "{head}");
            if says {
                conn.send("HTTP/1.1 100 Continue\r\n\r\n");
            }
            assert_eq!(conn.take(5), b"hello");
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            conn.rest();
        });
        let conn = connect(origin.address, &home).await;
        let mut body = Body::full("hello");
        let answer = expecting(conn, &mut body).await.unwrap();
        assert_eq!((answer.head.status, home.len()), (StatusCode::OK, 1));
        home.clear();
        origin.ended();
    }
}

async fn expecting(conn: Box<net::Connection>, body: &mut Body) -> Result<net::Answer, Failure> {
    let ask = net::Ask {
        head: &head(Method::POST, &[]),
        host: "origin",
        body,
        expects_continue: true,
        interim: None,
        timeout: crate::harness::DEADLINE,
        idle: crate::harness::DEADLINE,
        began: std::time::Instant::now(),
    };
    conn.exchange(ask).await
}
