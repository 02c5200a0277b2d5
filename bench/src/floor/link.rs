//! The floor's connections: a socket with what it has not taken yet, and whose turn it is.

use crate::http1::{content_length, head_end};
use crate::poll::{self, EventFlags, Poll};
use rustix::fd::OwnedFd;
use std::io;

/// A socket and the bytes that it has not taken yet.
pub(super) struct Link {
    pub(super) socket: OwnedFd,
    unsent: Vec<u8>,
}

impl Link {
    /// Sends, or keeps what the socket does not take and watches for its taking more.
    pub(super) fn send(&mut self, poll: &Poll, bytes: &[u8]) -> io::Result<()> {
        if self.is_blocked() {
            self.unsent.extend_from_slice(bytes);
            return Ok(());
        }
        let sent = poll::write(&self.socket, bytes)?;
        if sent < bytes.len() {
            self.unsent.extend_from_slice(&bytes[sent..]);
            poll.rewatch(&self.socket, EventFlags::IN | EventFlags::OUT)?;
        }
        Ok(())
    }

    /// Sends what was kept; true where all of it is gone.
    pub(super) fn flush(&mut self, poll: &Poll) -> io::Result<bool> {
        let sent = poll::write(&self.socket, &self.unsent)?;
        self.unsent.drain(..sent);
        if self.is_blocked() {
            return Ok(false);
        }
        poll.rewatch(&self.socket, EventFlags::IN)?;
        Ok(true)
    }

    pub(super) fn is_blocked(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// No more is read until [`Link::resume_reading`]; the kernel's window then slows the peer down.
    pub(super) fn pause_reading(&self, poll: &Poll) -> io::Result<()> {
        poll.rewatch(&self.socket, EventFlags::empty())
    }

    pub(super) fn resume_reading(&self, poll: &Poll) -> io::Result<()> {
        poll.rewatch(&self.socket, EventFlags::IN)
    }
}

/// A client's connection.
pub(super) struct Client {
    pub(super) link: Link,
    /// Input that waits for its turn: part of a head, or heads behind the request under way.
    pub(super) input: Vec<u8>,
    /// The upstream connection that is answering, while a request is under way.
    pub(super) upstream: Option<usize>,
}

impl Client {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { link: Link { socket, unsent: Vec::new() }, input: Vec::new(), upstream: None }
    }

    /// Whether a new request may start: none is under way and the last answer has been taken whole.
    pub(super) fn is_idle(&self) -> bool {
        self.upstream.is_none() && !self.link.is_blocked()
    }

    /// Keeps input for later, up to `limit` bytes.
    pub(super) fn keep(&mut self, bytes: &[u8], limit: usize) -> io::Result<()> {
        if self.input.len() + bytes.len() > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.input.extend_from_slice(bytes);
        Ok(())
    }
}

/// A connection to the origin.
pub(super) struct Upstream {
    pub(super) link: Link,
    /// The client whose request it is answering; `None` while it waits in the pool.
    pub(super) client: Option<usize>,
    /// The answer's head so far, while it has not come whole.
    head: Vec<u8>,
    /// Bytes of the body still to come, once the head is whole.
    left: Option<u64>,
}

impl Upstream {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { link: Link { socket, unsent: Vec::new() }, client: None, head: Vec::new(), left: None }
    }

    /// From here on it answers that client's request.
    pub(super) fn check_out(&mut self, client: usize) {
        self.client = Some(client);
        self.left = None;
    }

    /// Takes note of bytes of the answer; true where they complete it, an error where they exceed it.
    pub(super) fn account(&mut self, bytes: &[u8], max_head: usize) -> io::Result<bool> {
        let left = match self.left {
            Some(left) => left.checked_sub(bytes.len() as u64),
            None if self.head.is_empty() && head_end(bytes).is_some() => body_left(bytes)?,
            None => {
                self.head.extend_from_slice(bytes);
                if head_end(&self.head).is_none() {
                    return if self.head.len() > max_head { Err(invalid()) } else { Ok(false) };
                }
                let left = body_left(&self.head)?;
                self.head.clear();
                left
            }
        };
        self.left = Some(left.ok_or_else(invalid)?);
        Ok(self.left == Some(0))
    }
}

/// How much of the body is missing after `bytes`, which hold a whole head; `None` where they hold too much.
fn body_left(bytes: &[u8]) -> io::Result<Option<u64>> {
    let end = head_end(bytes).ok_or_else(invalid)?;
    let length = content_length(&bytes[..end]).ok_or_else(invalid)?;
    Ok(length.checked_sub((bytes.len() - end) as u64))
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}
