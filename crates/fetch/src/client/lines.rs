//! An answer without an end, read line by line: how Kubernetes and Docker tell what happens.

use super::next;
use crate::trouble::Trouble;
use bytes::{Buf, Bytes, BytesMut};
use net::Body;

/// Bytes of one line: the largest `EndpointSlice` (1,000 endpoints) fits several times.
const LINE_MOST: usize = 4 << 20;

/// The lines that come. Dropping it closes the connection.
#[derive(Debug)]
pub struct Lines {
    body: Body,
    buffer: BytesMut,
    /// How many bytes of the buffer are known to hold no line's end.
    scanned: usize,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self { body, buffer: BytesMut::new(), scanned: 0 }
    }

    /// The next line that is not empty, without its end; `None` behind the last. Half a line at the end is none. May be
    /// dropped while it waits: nothing is lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        loop {
            while let Some(line) = self.take() {
                if !line.is_empty() {
                    return Ok(Some(line));
                }
            }
            if self.buffer.len() > LINE_MOST {
                return Err(Trouble::TooLarge(LINE_MOST));
            }
            match next(&mut self.body).await? {
                Some(data) => self.buffer.extend_from_slice(&data),
                None => return Ok(None),
            }
        }
    }

    /// Has another line arrived already?
    pub fn has_more(&mut self) -> bool {
        self.end().is_some()
    }

    fn take(&mut self) -> Option<Bytes> {
        let end = self.end()?;
        let mut line = self.buffer.split_to(end).freeze();
        self.buffer.advance(1);
        self.scanned = 0;
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Some(line)
    }

    fn end(&mut self) -> Option<usize> {
        let found = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n');
        let end = found.map(|at| self.scanned + at);
        self.scanned = end.unwrap_or(self.buffer.len());
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(text: &'static str) -> Vec<Bytes> {
        let mut lines = Lines::new(Body::full(text));
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            found.push(line);
        }
        found
    }

    #[tokio::test]
    async fn lines_come_without_their_ends_and_empty_ones_not_at_all() {
        assert_eq!(all("{1}\r\n\n\r\n{2}\n").await, ["{1}", "{2}"]);
    }

    #[tokio::test]
    async fn half_a_line_at_the_end_is_none() {
        assert_eq!(all("{1}\n{\"type\":\"ADD").await, ["{1}"]);
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_an_error_at_its_bound() {
        let mut lines = Lines::new(Body::full(vec![b'x'; LINE_MOST + 1]));
        assert_eq!(lines.next().await, Err(Trouble::TooLarge(LINE_MOST)));
    }

    #[tokio::test]
    async fn what_has_arrived_already_is_known() {
        let mut lines = Lines::new(Body::full("a\nb\nc"));
        assert_eq!(lines.next().await.unwrap().unwrap(), "a");
        assert!(lines.has_more());
        assert_eq!(lines.next().await.unwrap().unwrap(), "b");
        assert!(!lines.has_more());
    }
}
