//! gRPC servers, well and unwell.

use super::*;
use ::http::{HeaderMap, HeaderValue, Response};
use bytes::Bytes;
use std::cell::Cell;
use std::net::SocketAddr;

/// How a gRPC server ends its call.
#[derive(Clone, Copy)]
enum Says {
    /// With that `ServingStatus`.
    Status(u8),
    /// With an error, at once.
    Error(&'static str),
    /// Not at all.
    Nothing,
    /// With bytes that never end.
    Everything,
}

/// What a server saw.
#[derive(Default)]
struct Seen {
    /// Path, fields and message of each call.
    calls: RefCell<Vec<(String, HeaderMap, Vec<u8>)>>,
    /// Connections that have ended.
    ended: Cell<usize>,
}

/// A gRPC server, and what it sees.
async fn saying(says: Says) -> (SocketAddr, Rc<Seen>) {
    let all = Rc::<Seen>::default();
    let seen = Rc::clone(&all);
    let address = server(move |stream| {
        let seen = Rc::clone(&seen);
        async move {
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                let seen = Rc::clone(&seen);
                tokio::task::spawn_local(call(request, respond, says, seen));
            }
            seen.ended.set(seen.ended.get() + 1);
        }
    })
    .await;
    (address, all)
}

async fn call(
    request: ::http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    says: Says,
    seen: Rc<Seen>,
) {
    let (parts, mut body) = request.into_parts();
    let mut message = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        message.extend_from_slice(&data);
    }
    seen.calls.borrow_mut().push((parts.uri.path().to_owned(), parts.headers, message));
    let head = Response::builder().header("content-type", "application/grpc");
    let mut trailers = HeaderMap::new();
    match says {
        Says::Nothing => std::future::pending().await,
        Says::Error(status) => {
            let head = head.header("grpc-status", status).body(()).unwrap();
            respond.send_response(head, true).unwrap();
        }
        Says::Status(status) => {
            let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
            stream.send_data(Bytes::from(vec![0, 0, 0, 0, 2, 8, status]), false).unwrap();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            stream.send_trailers(trailers).unwrap();
        }
        Says::Everything => {
            let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
            for _ in 0..64 {
                if stream.send_data(Bytes::from(vec![0; 4096]), false).is_err() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        }
    }
}

fn check(service: &str, timeout: Duration) -> ProbeSettings {
    asking(ProbeKind::Grpc { service: service.into(), host: None }, timeout)
}

#[test]
fn a_server_that_is_serving_passes() {
    run(async {
        let (address, seen) = saying(Says::Status(1)).await;
        assert_eq!(probe(&at(address), &check("shop.Cart", PATIENT)).await.verdict, Verdict::Passed);
        let (path, fields, message) = seen.calls.borrow_mut().remove(0);
        assert_eq!(path, "/grpc.health.v1.Health/Check");
        assert_eq!(
            (&fields["content-type"], &fields["te"]),
            (&"application/grpc".parse().unwrap(), &"trailers".parse().unwrap())
        );
        assert!(fields["grpc-timeout"].to_str().unwrap().ends_with('m'));
        assert!(fields["user-agent"].to_str().unwrap().starts_with("tidegate-health-check/"));
        assert_eq!(message, b"\0\0\0\0\x0b\x0a\x09shop.Cart");
    });
}

#[test]
fn a_server_that_is_not_serving_fails() {
    run(async {
        let (address, _) = saying(Says::Status(2)).await;
        let outcome = probe(&at(address), &check("", PATIENT)).await;
        assert_eq!(failure(&outcome), "says that it is NOT_SERVING");
    });
}

#[test]
fn a_server_without_that_service_or_without_health_fails_and_says_which() {
    run(async {
        for (status, why) in [
            ("5", "knows no gRPC service of that name"),
            ("12", "has no gRPC health service"),
            ("14", "answered gRPC status 14"),
        ] {
            let (address, _) = saying(Says::Error(status)).await;
            assert_eq!(failure(&probe(&at(address), &check("a", PATIENT)).await), why);
        }
    });
}

#[test]
fn a_grpc_server_that_hangs_or_never_ends_fails() {
    run(async {
        let (address, seen) = saying(Says::Nothing).await;
        let outcome = probe(&at(address), &check("", SHORT)).await;
        assert_eq!(failure(&outcome), "gave no answer in time");
        crate::fixture::until("its connection is closed", || seen.ended.get() == 1).await;
        let (address, _) = saying(Says::Everything).await;
        let outcome = probe(&at(address), &check("", PATIENT)).await;
        assert_eq!(failure(&outcome), "answered with more than a health check says");
    });
}

#[test]
fn a_server_that_speaks_only_http_1_fails() {
    run(async {
        let (address, _) = answering(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        failure(&probe(&at(address), &check("", PATIENT)).await);
    });
}
