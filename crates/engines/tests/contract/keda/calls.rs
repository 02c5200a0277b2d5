//! Calls, good and bad, byte by byte.

use super::client::{about, begin, bytes, call, connect, finish, framed, messages, scaler, text};
use crate::fixture::run;
use bytes::{Bytes, BytesMut};
use engines::keda::Demand;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BUSY: Demand = Demand { current: 42.5, target: 20.0, active: true };

/// A `MetricSpec` or `MetricValue` within its answer.
fn metric(name: &str, int: u8, double: f64) -> Vec<u8> {
    let mut metric = text(1, name);
    metric.extend([0x10, int, 0x19]);
    metric.extend(double.to_le_bytes());
    bytes(1, &metric)
}

#[test]
fn each_method_answers_as_the_service_stands() {
    run(async {
        let (address, demands) = scaler().await;
        demands.borrow_mut().insert("shop".into(), BUSY);
        let sender = connect(address).await;
        let active = call(&sender, "IsActive", &about("shop")).await;
        assert_eq!((&*active.status, &active.messages[..]), ("0", &[Bytes::from_static(&[0x08, 1])][..]));
        let specification = call(&sender, "GetMetricSpec", &about("shop")).await;
        assert_eq!(specification.messages, [metric("tidegate-shop", 20, 20.0)]);
        let mut request = bytes(1, &about("shop"));
        request.extend(text(2, "tidegate-shop"));
        let measured = call(&sender, "GetMetrics", &request).await;
        assert_eq!(measured.messages, [metric("tidegate-shop", 43, 42.5)]);
        // An answer of zeros is an empty message, and one all the same.
        demands.borrow_mut().insert("shop".into(), Demand { current: 0.0, active: false, ..BUSY });
        assert_eq!(call(&sender, "IsActive", &about("shop")).await.messages, [Bytes::new()]);
        assert_eq!(
            call(&sender, "GetMetrics", &request).await.messages,
            [bytes(1, &text(1, "tidegate-shop"))]
        );
    });
}

#[test]
fn a_stream_says_at_once_how_it_is_and_then_each_change() {
    run(async {
        let (address, demands) = scaler().await;
        demands.borrow_mut().insert("shop".into(), Demand { active: false, ..BUSY });
        let sender = connect(address).await;
        let response = begin(&sender, "StreamIsActive", framed(&about("shop"))).await;
        let (mut body, mut whole) = (response.into_body(), BytesMut::new());
        for active in [false, true, false] {
            demands.borrow_mut().insert("shop".into(), Demand { active, ..BUSY });
            let message = loop {
                if let Some(message) = messages(&mut whole).pop() {
                    break message;
                }
                whole.extend_from_slice(&body.data().await.unwrap().unwrap());
            };
            assert_eq!(message, if active { &[0x08, 1][..] } else { &[] });
        }
        // Other calls go on beside it.
        assert_eq!(call(&sender, "IsActive", &about("shop")).await.status, "0");
        demands.borrow_mut().clear();
        assert!(body.data().await.is_none());
        assert_eq!(body.trailers().await.unwrap().unwrap()["grpc-status"], "5");
    });
}

#[test]
fn a_target_that_changes_is_pushed() {
    run(async {
        let (address, demands) = scaler().await;
        demands.borrow_mut().insert("shop".into(), BUSY);
        let sender = connect(address).await;
        let response = begin(&sender, "StreamMetricSpec", framed(&about("shop"))).await;
        let (mut body, mut whole) = (response.into_body(), BytesMut::new());
        for (whole_number, target) in [(20, 20.0), (30, 30.0)] {
            demands.borrow_mut().insert("shop".into(), Demand { target, ..BUSY });
            let message = loop {
                if let Some(message) = messages(&mut whole).pop() {
                    break message;
                }
                whole.extend_from_slice(&body.data().await.unwrap().unwrap());
            };
            assert_eq!(message, metric("tidegate-shop", whole_number, target));
        }
    });
}

#[test]
fn what_cannot_be_answered_has_its_status() {
    run(async {
        let (address, demands) = scaler().await;
        demands.borrow_mut().insert("shop".into(), BUSY);
        let sender = connect(address).await;
        let status =
            async |method: &str, body: Bytes| finish(begin(&sender, method, body).await).await.status;
        let good = about("shop");
        for (method, body, expected) in [
            ("IsActive", framed(&about("other")), "5"),
            ("StreamIsActive", framed(&about("other")), "5"),
            ("Nope", framed(&good), "12"),
            ("IsActive", framed(b"\xff\xff"), "3"),
            ("IsActive", Bytes::new(), "3"),
            ("IsActive", Bytes::from_static(b"\0\0\0"), "3"),
            ("IsActive", Bytes::from_static(b"\0\0\0\0\x09x"), "3"),
            ("IsActive", Bytes::from_static(b"\0\xff\xff\xff\xffx"), "3"),
            ("IsActive", Bytes::from_static(b"\x01\0\0\0\x01x"), "12"),
            ("GetMetrics", framed(&vec![0; 64 * 1024 + 1]), "8"),
        ] {
            assert_eq!(status(method, body.clone()).await, expected, "{method} {}", body.len());
        }
        // None of it has harmed the connection.
        assert_eq!(status("IsActive", framed(&good)).await, "0");
    });
}

#[test]
fn what_is_no_http2_is_hung_up_on_and_others_are_served() {
    run(async {
        let (address, demands) = scaler().await;
        demands.borrow_mut().insert("shop".into(), BUSY);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        assert!(!all.starts_with(b"HTTP/1.1 200"));
        assert_eq!(call(&connect(address).await, "IsActive", &about("shop")).await.status, "0");
    });
}

#[test]
fn connections_beyond_the_bound_wait_until_others_leave() {
    run(async {
        let (address, demands) = scaler().await;
        demands.borrow_mut().insert("shop".into(), BUSY);
        let mut crowd = Vec::new();
        for _ in 0..64 {
            let sender = connect(address).await;
            assert_eq!(call(&sender, "IsActive", &about("shop")).await.status, "0");
            crowd.push(sender);
        }
        let late = tokio::task::spawn_local(async move {
            let sender = connect(address).await;
            call(&sender, "IsActive", &about("shop")).await.status
        });
        // While it waits, those that are in are served.
        assert_eq!(call(&crowd[0], "IsActive", &about("shop")).await.status, "0");
        assert!(!late.is_finished());
        crowd.clear();
        assert_eq!(late.await.unwrap(), "0");
    });
}
