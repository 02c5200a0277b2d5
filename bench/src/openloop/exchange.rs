//! One request and its answer, over a kept connection where one waits.

use super::PATIENCE;
use crate::http1::{content_length, head_end};
use std::cell::RefCell;
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

/// An answer longer than this is none that we asked for.
const LONGEST: usize = 64 * 1024;

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 2xx, so long after it was due.
    Good(Duration),
    /// Another status.
    Refused,
    /// No whole answer within [`PATIENCE`].
    Late,
    /// No connection, or it broke.
    Broken,
}

/// Asks, and keeps connections.
pub(crate) struct Asker {
    port: u16,
    /// What is asked for, with a number behind it.
    path: String,
    writes: bool,
    waiting: RefCell<Vec<TcpStream>>,
}

/// An answer, as far as it matters.
struct Answer {
    is_good: bool,
    /// The connection can carry another request.
    keeps: bool,
}

impl Asker {
    pub(crate) fn new(port: u16, path: &str, writes: bool) -> Self {
        Self { port, path: path.to_owned(), writes, waiting: RefCell::default() }
    }

    /// Sends request `number`, which was due at that time.
    pub(crate) async fn ask(&self, number: u64, due: Instant) -> Outcome {
        match timeout_at((due + PATIENCE).into(), self.exchange(number)).await {
            Err(_) => Outcome::Late,
            Ok(Err(_)) => Outcome::Broken,
            Ok(Ok(true)) => Outcome::Good(due.elapsed()),
            Ok(Ok(false)) => Outcome::Refused,
        }
    }

    async fn exchange(&self, number: u64) -> io::Result<bool> {
        let mut socket = if let Some(socket) = self.idle() {
            socket
        } else {
            let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
            socket.set_nodelay(true)?;
            socket
        };
        let path = &self.path;
        let request = if self.writes {
            format!(
                "POST {path}{number} HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\n\
                 Content-Length: 2\r\n\r\n{{}}"
            )
        } else {
            format!("GET {path}{number} HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        };
        socket.write_all(request.as_bytes()).await?;
        let answer = read(&mut socket).await?;
        if answer.keeps {
            self.waiting.borrow_mut().push(socket);
        }
        Ok(answer.is_good)
    }

    /// The connection that was used last, of those that are still open: any client looks before it sends.
    fn idle(&self) -> Option<TcpStream> {
        let mut waiting = self.waiting.borrow_mut();
        loop {
            let socket = waiting.pop()?;
            let quiet = socket.try_read(&mut [0]);
            if matches!(quiet, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                return Some(socket);
            }
        }
    }
}

async fn read(socket: &mut TcpStream) -> io::Result<Answer> {
    let mut answer = Vec::with_capacity(1024);
    loop {
        if let Some(end) = head_end(&answer) {
            let length = content_length(&answer[..end]).ok_or(io::ErrorKind::InvalidData)?;
            if (answer.len() - end) as u64 >= length {
                let head = answer[..end].to_ascii_lowercase();
                return Ok(Answer {
                    is_good: head.starts_with(b"http/1.1 2"),
                    keeps: memchr::memmem::find(&head, b"connection: close").is_none(),
                });
            }
        }
        if answer.len() > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if socket.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
