//! Probes of real servers on 127.0.0.1, well and unwell.

mod grpc;
mod http;
mod manners;

use super::*;
use crate::fixture::{at, nobody, run, server};
use std::cell::RefCell;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Long enough for a healthy server on a busy machine.
const PATIENT: Duration = Duration::from_secs(5);
/// Short, where the whole of it is waited for.
const SHORT: Duration = Duration::from_millis(150);

fn asking(kind: ProbeKind, timeout: Duration) -> ProbeSettings {
    let interval = Duration::from_secs(2);
    ProbeSettings { kind, interval, timeout, port: None, protocol: Protocol::Http1 }
}

/// `GET /healthz`.
fn http(timeout: Duration) -> ProbeSettings {
    expecting(vec![], timeout)
}

fn expecting(expect: Vec<RangeInclusive<u16>>, timeout: Duration) -> ProbeSettings {
    asking(ProbeKind::Http { path: "/healthz".into(), host: None, expect }, timeout)
}

/// Why it failed.
fn failure(outcome: &ProbeOutcome) -> &str {
    match &outcome.verdict {
        Verdict::Failed(why) => why,
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// Reads the head of a request.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// A server that gives these bytes for each request and closes; and the heads that it got.
async fn answering(bytes: &'static [u8]) -> (std::net::SocketAddr, Rc<RefCell<Vec<String>>>) {
    let heads = Rc::<RefCell<Vec<String>>>::default();
    let seen = Rc::clone(&heads);
    let address = server(move |mut stream| {
        let seen = Rc::clone(&seen);
        async move {
            let head = head(&mut stream).await;
            seen.borrow_mut().push(head);
            let _ = stream.write_all(bytes).await;
        }
    })
    .await;
    (address, heads)
}
