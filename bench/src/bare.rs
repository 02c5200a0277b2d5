//! The least that answering from memory costs with hyper: no cache, no lookup, the bytes are there.
//!
//! The yardstick of `cache`, as the floor is of `proxy`: a server that keeps answers has to find, judge and count beside
//! this. It reads of a path how long the body shall be, and nothing else; the fields are as many as a cached answer has.
//!
//! *Not here*: timeouts, limits, anything that a server on a network needs.

use crate::object::Object;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;

/// The longest body, which all others are parts of.
const LONGEST: usize = 16 << 20;

/// Serves on a port of 127.0.0.1 until nothing can be accepted.
pub fn run(port: u16) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new()
        .block_on(&runtime, async { serve(&TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?).await })
}

async fn serve(listener: &TcpListener) -> io::Result<()> {
    let body = Bytes::from(vec![b'x'; LONGEST]);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let body = body.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| ready(Ok::<_, Infallible>(answer(&request, &body))));
            // A client that breaks off ends its own connection and nothing else.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}

fn answer(request: &Request<Incoming>, body: &Bytes) -> Response<Full<Bytes>> {
    let object = Object::at(request.uri().path()).filter(|object| object.bytes <= LONGEST as u64);
    let Some(object) = object else {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let mut response = Response::new(Full::new(body.slice(..object.bytes as usize)));
    let fields = [
        (header::SERVER, "bare"),
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=600"),
        (header::ETAG, "\"7\""),
        (header::LAST_MODIFIED, "Sat, 21 Nov 2026 20:00:00 GMT"),
        (header::AGE, "7"),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::LocalSet;

    #[test]
    fn it_answers_with_as_many_bytes_as_the_path_says() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let said = LocalSet::new().block_on(&runtime, async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            tokio::task::spawn_local(async move { serve(&listener).await });
            let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
            let requests = "GET /5/a/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /no HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            socket.write_all(requests.as_bytes()).await.unwrap();
            let mut said = String::new();
            socket.read_to_string(&mut said).await.unwrap();
            said
        });
        let (first, second) = said.split_once("\r\n\r\nxxxxx").unwrap();
        assert!(first.starts_with("HTTP/1.1 200 OK\r\n") && first.contains("content-length: 5"), "{first}");
        assert_eq!(first.lines().count(), 1 + 8, "as many fields as a cached answer has: {first}");
        assert!(second.starts_with("HTTP/1.1 404"), "{second}");
    }
}
