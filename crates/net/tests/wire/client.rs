//! A client of HTTP/1 that writes and reads raw bytes.

use crate::harness::DEADLINE;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// One connection.
pub(crate) struct Client {
    pub(crate) tcp: TcpStream,
    /// What was read and not yet taken.
    inbox: Vec<u8>,
}

/// An answer: its head as text and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn status(&self) -> &str {
        &self.head[9..12]
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|l| l.to_lowercase().starts_with(&format!("{name}:")))?;
        Some(line[name.len() + 1..].trim())
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// Over a connection that was made or accepted.
    pub(crate) fn over(tcp: TcpStream) -> Self {
        tcp.set_read_timeout(Some(DEADLINE)).unwrap();
        tcp.set_write_timeout(Some(DEADLINE)).unwrap();
        tcp.set_nodelay(true).unwrap();
        Self { tcp, inbox: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.tcp.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends as much of it as the server takes before it closes.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.tcp.write_all(bytes.as_ref());
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        self.answer()
    }

    pub(crate) fn shut(&self) {
        self.tcp.shutdown(Shutdown::Write).unwrap();
    }

    /// Reads a head, as text with its empty line.
    pub(crate) fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.inbox.windows(4).position(|w| w == b"\r\n\r\n") {
                return String::from_utf8(self.inbox.drain(..end + 4).collect()).unwrap();
            }
            assert!(
                self.fill(),
                "the connection ended within a head: {:?}",
                self.inbox.escape_ascii().to_string()
            );
        }
    }

    /// Reads so many bytes.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        while self.inbox.len() < count {
            assert!(self.fill(), "the connection ended early");
        }
        self.inbox.drain(..count).collect()
    }

    /// Reads an answer with a `Content-Length` or in chunks.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = Answer { head: self.head(), body: Vec::new() };
        if let Some(length) = answer.value("content-length") {
            let length = length.parse().unwrap();
            answer.body = self.take(length);
        } else if answer.value("transfer-encoding").is_some() {
            loop {
                let mut size = String::new();
                while !size.ends_with("\r\n") {
                    size.push(self.take(1)[0] as char);
                }
                let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
                let chunk = self.take(size + 2);
                answer.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        }
        answer
    }

    /// Reads to the end of the connection, orderly or not: all that came.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.inbox)
    }

    fn fill(&mut self) -> bool {
        let mut block = [0; 16 * 1024];
        match self.tcp.read(&mut block) {
            Ok(n) => {
                self.inbox.extend_from_slice(&block[..n]);
                n > 0
            }
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(e) => panic!("nothing came in time: {e}"),
        }
    }
}
