//! A small HTTP server whose answers a test changes while it runs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What it does with a question.
#[derive(Clone)]
pub(crate) enum Manner {
    /// These bytes, then the end.
    Says(Vec<u8>),
    /// A head that promises much, then a byte each 20 ms.
    Dribbles,
    /// Nothing, until its manner changes; then it answers in the new one.
    Waits,
    /// By path.
    Paths(Vec<(&'static str, Vec<u8>)>),
}

/// It listens until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    manner: Mutex<Manner>,
    asked: AtomicUsize,
    has_ended: AtomicBool,
}

/// An answer with that status and body.
pub(crate) fn answer(status: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

pub(crate) fn ok(body: impl AsRef<[u8]>) -> Manner {
    Manner::Says(answer("200 OK", body))
}

impl Server {
    pub(crate) fn start(manner: Manner) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), manner)
    }

    pub(crate) fn at(address: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            manner: Mutex::new(manner),
            asked: AtomicUsize::new(0),
            has_ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.has_ended.load(SeqCst) {
                    return;
                }
                let serving = Arc::clone(&serving);
                // Whoever hangs up in the middle is no concern of the server's.
                std::thread::spawn(move || stream.and_then(|stream| serving.serve(stream)));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self, path: &str) -> Box<str> {
        format!("http://{}{path}", self.address).into()
    }

    pub(crate) fn becomes(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// How many questions have come.
    pub(crate) fn asked(&self) -> usize {
        self.shared.asked.load(SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, SeqCst);
        // Wakes it, and waits until its socket is closed.
        let began = Instant::now();
        while TcpStream::connect(self.address).is_ok() && began.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        self.asked.fetch_add(1, SeqCst);
        let began = Instant::now();
        while !self.has_ended.load(SeqCst) && began.elapsed() < Duration::from_secs(30) {
            let manner = self.manner.lock().unwrap().clone();
            match manner {
                Manner::Says(bytes) => return stream.write_all(&bytes),
                Manner::Paths(paths) => {
                    let head = String::from_utf8_lossy(&head);
                    let path = head.split(' ').nth(1).unwrap_or_default();
                    let found = paths.into_iter().find(|(known, _)| *known == path);
                    return stream
                        .write_all(&found.map_or_else(|| answer("404 Not Found", ""), |found| found.1));
                }
                Manner::Waits => std::thread::sleep(Duration::from_millis(2)),
                Manner::Dribbles => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")?;
                    while !self.has_ended.load(SeqCst) && began.elapsed() < Duration::from_secs(30) {
                        stream.write_all(b" ")?;
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            }
        }
        Ok(())
    }
}
