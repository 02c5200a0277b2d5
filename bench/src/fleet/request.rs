//! As much of a request as an instance wants to know.

use crate::http1::{content_length, head_end};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Heads and bodies longer than this are refused.
const LONGEST: usize = 64 * 1024;

/// One request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// It asks for `/healthz`.
    pub(super) is_check: bool,
    /// The number that its path ends with.
    pub(super) number: Option<u64>,
    /// There will be no other on this connection.
    pub(super) closes: bool,
}

impl Request {
    /// The next one with its body; `None` where the client has left. What came after it stays in `input`.
    pub(super) async fn read(
        socket: &mut (impl AsyncRead + Unpin),
        input: &mut Vec<u8>,
    ) -> io::Result<Option<Self>> {
        loop {
            if let Some(end) = head_end(input) {
                let length = content_length(&input[..end]).unwrap_or(0);
                let whole = end.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
                if input.len() >= whole {
                    let request = Self::of(&input[..end]);
                    input.drain(..whole);
                    return Ok(Some(request));
                }
            }
            if input.len() > LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if socket.read_buf(input).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn of(head: &[u8]) -> Self {
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let (line, fields) = head.split_once("\r\n").unwrap_or((&head, ""));
        let path = line.split(' ').nth(1).unwrap_or("");
        Self {
            is_check: path == "/healthz",
            number: path.rsplit('/').next().and_then(|last| last.parse().ok()),
            closes: line.ends_with("http/1.0") || fields.contains("connection: close"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(mut bytes: &[u8]) -> Vec<Request> {
        let (mut input, mut found) = (Vec::new(), Vec::new());
        while let Ok(Some(request)) = Request::read(&mut bytes, &mut input).await {
            found.push(request);
        }
        found
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn requests_are_read_one_after_the_other_with_their_bodies() {
        let bytes = b"POST /item/7 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /item/8 HTTP/1.1\r\n\r\n";
        let numbers: Vec<_> = now(all(bytes)).into_iter().map(|r| r.number).collect();
        assert_eq!(numbers, [Some(7), Some(8)]);
    }

    #[test]
    fn a_check_and_a_last_request_are_recognised() {
        let bytes = b"GET /healthz HTTP/1.0\r\n\r\nGET /item/1 HTTP/1.1\r\nConnection: close\r\n\r\n";
        let found = now(all(bytes));
        assert_eq!(found[0], Request { is_check: true, number: None, closes: true });
        assert_eq!(found[1], Request { is_check: false, number: Some(1), closes: true });
    }

    #[test]
    fn a_head_without_an_end_is_refused_before_it_fills_the_memory() {
        let mut endless = tokio::io::repeat(b'x');
        let read = now(async { Request::read(&mut endless, &mut Vec::new()).await });
        assert!(read.is_err());
    }
}
