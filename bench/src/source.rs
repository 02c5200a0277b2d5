//! The origin behind caches: it has an [`Object`] for each path, and counts how often it is asked.
//!
//! What it says of its answers is what a well-behaved service says: fresh for ten minutes, an `ETag`, a `Last-Modified` and
//! the tag. Objects tagged [`SLOW`] take their time, so that many can ask while the first is still being answered.
//!
//! *Not here*: request bodies, methods, conditions: a cache in front of it asks for whole objects.
//! *Cost*: some ten microseconds a request, on the core that is not the server's.

use crate::http1::head_end;
use crate::object::{self, Object};
use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;

/// The tag of objects that take [`TAKES`] to get.
pub const SLOW: &str = "slow";
/// How long those take.
pub const TAKES: Duration = Duration::from_millis(200);

/// As many connections may wait to be accepted as the kernel grants by default (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;
/// The longest head.
const LONGEST_HEAD: usize = 16 * 1024;
/// What bodies are made of, and how much of it is sent in one go.
static FILL: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// A bound source.
pub struct Source {
    listener: TcpListener,
    port: u16,
    asked: Cell<u64>,
}

impl Source {
    /// Binds a port of 127.0.0.1 (0: any).
    pub fn bind(port: u16) -> io::Result<Rc<Self>> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let listener = socket.listen(BACKLOG)?;
        let port = listener.local_addr()?.port();
        Ok(Rc::new(Self { listener, port, asked: Cell::new(0) }))
    }

    /// The port it is bound to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many requests it has got.
    pub fn asked(&self) -> u64 {
        self.asked.get()
    }

    /// Serves until nothing can be accepted. To be called in a `LocalSet`.
    pub async fn serve(self: Rc<Self>) -> io::Result<()> {
        loop {
            let (socket, _) = self.listener.accept().await?;
            let source = Rc::clone(&self);
            tokio::task::spawn_local(async move {
                // A client that breaks off ends its own connection and nothing else.
                let _ = source.converse(socket).await;
            });
        }
    }

    async fn converse(&self, mut socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let mut input = Vec::with_capacity(1024);
        loop {
            let end = loop {
                match head_end(&input) {
                    Some(end) => break end,
                    None if input.len() > LONGEST_HEAD => return Err(io::ErrorKind::InvalidData.into()),
                    None if socket.read_buf(&mut input).await? == 0 => return Ok(()),
                    None => {}
                }
            };
            self.asked.set(self.asked.get() + 1);
            answer(&mut socket, target(&input[..end])).await?;
            input.drain(..end);
        }
    }
}

/// What a head asks for; empty where it is none.
fn target(head: &[u8]) -> &str {
    let mut words = head.split(|byte| *byte == b' ');
    words.nth(1).and_then(|word| str::from_utf8(word).ok()).unwrap_or_default()
}

async fn answer(socket: &mut TcpStream, path: &str) -> io::Result<()> {
    let Some(object) = Object::at(path) else {
        return socket.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    };
    if object.tag == SLOW {
        sleep(TAKES).await;
    }
    let mut start = head(&object).into_bytes();
    let label = object::label(path, object::now());
    start.extend_from_slice(&label.as_bytes()[..label.len().min(object.bytes as usize)]);
    let mut left = object.bytes as usize - label.len().min(object.bytes as usize);
    let first = left.min(FILL.len());
    start.extend_from_slice(&FILL[..first]);
    socket.write_all(&start).await?;
    left -= first;
    while left > 0 {
        let next = left.min(FILL.len());
        socket.write_all(&FILL[..next]).await?;
        left -= next;
    }
    Ok(())
}

fn head(object: &Object<'_>) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nServer: source\r\nDate: {date}\r\nContent-Type: application/json\r\n\
         Cache-Control: public, max-age=600\r\nETag: \"{number}\"\r\nLast-Modified: Sat, 21 Nov 2026 20:00:00 GMT\r\n\
         Surrogate-Key: {tag}\r\nContent-Length: {bytes}\r\n\r\n",
        date = httpdate::fmt_http_date(SystemTime::now()),
        number = object.number,
        tag = object.tag,
        bytes = object.bytes,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::LocalSet;
    use tokio::time::Instant;

    /// What the source answers to these requests, sent in one go, and how many it counts.
    fn ask(requests: &str, ends_with: &str) -> (String, u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let source = Source::bind(0).unwrap();
            tokio::task::spawn_local(Rc::clone(&source).serve());
            let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, source.port())).await.unwrap();
            socket.write_all(requests.as_bytes()).await.unwrap();
            let mut said = Vec::new();
            let deadline = Instant::now() + Duration::from_secs(10);
            while !said.ends_with(ends_with.as_bytes()) {
                let read = tokio::time::timeout_at(deadline, socket.read_buf(&mut said)).await;
                assert!(read.unwrap().unwrap() > 0, "it hung up");
            }
            (String::from_utf8(said).unwrap(), source.asked())
        })
    }

    #[test]
    fn an_object_has_its_length_its_tag_and_its_label() {
        let (said, asked) = ask("GET /100000/a/7 HTTP/1.1\r\nHost: x\r\n\r\n", &"x".repeat(99_000));
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        for field in ["Content-Length: 100000", "Surrogate-Key: a", "ETag: \"7\"", "max-age=600"] {
            assert!(head.contains(field), "{field}: {head}");
        }
        let age = object::now() - object::given_out(body.as_bytes(), "/100000/a/7").unwrap();
        assert!(age < 60_000_000_000, "{age} ns old");
        assert_eq!(asked, 1);
    }

    #[test]
    fn every_request_is_counted_and_a_stranger_gets_404() {
        let (said, asked) = ask(
            "GET /3/a/1 HTTP/1.1\r\n\r\nGET /favicon.ico HTTP/1.1\r\n\r\n",
            "404 Not Found\r\nContent-Length: 0\r\n\r\n",
        );
        assert!(
            said.contains("\r\n\r\n/3/HTTP/1.1 404"),
            "a short body has as much of its label as fits: {said}"
        );
        assert_eq!(asked, 2);
    }

    #[test]
    fn the_slow_ones_take_their_time() {
        let started = Instant::now();
        ask("GET /3/slow/1 HTTP/1.1\r\n\r\n", "/3/");
        assert!(started.elapsed() >= TAKES);
    }
}
