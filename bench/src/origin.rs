//! The origin behind every server under test: one thread, one fixed 200 for every request head that it sees.
//!
//! It must cost far less than any proxy, so that what is measured is the proxy: it looks for the empty line
//! that ends a head and for nothing else. *Not here*: request bodies, methods, closing on `Connection: close`.
//! Two syscalls a request; epoll amortised.

use crate::poll::{self, EventFlags, Events, Poll};
use rustix::fd::OwnedFd;
use std::io;

/// What the origin answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The body's length in bytes; it is all `x`.
    pub body: usize,
    /// The value of `Cache-Control`, where there is one.
    pub cache_control: Option<String>,
}

impl Answer {
    fn to_bytes(&self) -> Vec<u8> {
        let cache = self.cache_control.as_ref().map(|value| format!("Cache-Control: {value}\r\n"));
        let mut bytes = format!(
            "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sat, 21 Nov 2026 20:00:00 GMT\r\n\
             Content-Type: application/json\r\n{}Content-Length: {}\r\n\r\n",
            cache.unwrap_or_default(),
            self.body
        )
        .into_bytes();
        bytes.resize(bytes.len() + self.body, b'x');
        bytes
    }
}

/// A bound origin.
pub struct Origin {
    listener: OwnedFd,
    port: u16,
    poll: Poll,
    answer: Vec<u8>,
    clients: Vec<Option<Client>>,
    scratch: Vec<u8>,
}

struct Client {
    socket: OwnedFd,
    /// How many bytes of CR LF CR LF the input so far ends with.
    matched: u8,
    /// Answers owed. No more is read while any is, so this is bounded by the heads that fit in one read.
    owed: usize,
    /// Bytes already sent of the first answer owed.
    sent: usize,
}

impl Origin {
    /// Binds a port of 127.0.0.1 (0: any).
    pub fn bind(port: u16, answer: &Answer) -> io::Result<Self> {
        let (listener, port) = poll::listen(port)?;
        let poll = Poll::new()?;
        poll.watch(&listener, EventFlags::IN)?;
        let answer = answer.to_bytes();
        Ok(Self { listener, port, poll, answer, clients: Vec::new(), scratch: vec![0; 64 * 1024] })
    }

    /// The port it is bound to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Serves until epoll fails.
    pub fn run(mut self) -> io::Result<()> {
        let listener = poll::id(&self.listener);
        let mut events = Events::new();
        loop {
            for index in 0..self.poll.wait(&mut events)? {
                match events.get(index) {
                    Some((id, _)) if id == listener => self.accept()?,
                    Some((id, _)) => self.serve(id),
                    None => {}
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Some(socket) = poll::accept(&self.listener) {
            self.poll.watch(&socket, EventFlags::IN)?;
            let id = poll::id(&socket);
            if self.clients.len() <= id {
                self.clients.resize_with(id + 1, || None);
            }
            self.clients[id] = Some(Client { socket, matched: 0, owed: 0, sent: 0 });
        }
        Ok(())
    }

    fn serve(&mut self, id: usize) {
        let Some(slot) = self.clients.get_mut(id) else { return };
        let Some(client) = slot else { return };
        if client.ready(&self.poll, &mut self.scratch, &self.answer).is_err() {
            *slot = None;
        }
    }
}

impl Client {
    fn ready(&mut self, poll: &Poll, scratch: &mut [u8], answer: &[u8]) -> io::Result<()> {
        let was_blocked = self.owed > 0;
        if !was_blocked {
            let Some(count) = poll::read(&self.socket, scratch)? else { return Ok(()) };
            self.owed = heads(&mut self.matched, &scratch[..count]);
        }
        self.pay(answer)?;
        match (was_blocked, self.owed > 0) {
            (false, true) => poll.rewatch(&self.socket, EventFlags::OUT),
            (true, false) => poll.rewatch(&self.socket, EventFlags::IN),
            _ => Ok(()),
        }
    }

    /// Sends the answers owed, as far as the socket takes them.
    fn pay(&mut self, answer: &[u8]) -> io::Result<()> {
        while self.owed > 0 {
            let count = poll::write(&self.socket, &answer[self.sent..])?;
            if count == 0 {
                return Ok(());
            }
            self.sent += count;
            if self.sent == answer.len() {
                self.owed -= 1;
                self.sent = 0;
            }
        }
        Ok(())
    }
}

/// Counts the heads that end in `bytes`, where `matched` bytes of an ending came before.
fn heads(matched: &mut u8, bytes: &[u8]) -> usize {
    let mut found = 0;
    for &byte in bytes {
        *matched = match (*matched, byte) {
            (0 | 2, b'\r') => *matched + 1,
            (1, b'\n') => 2,
            (3, b'\n') => {
                found += 1;
                0
            }
            (_, b'\r') => 1,
            _ => 0,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_counted_however_they_are_cut() {
        let two = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nX: \r\r\n\r\n";
        for cut in 0..two.len() {
            let mut matched = 0;
            let found = heads(&mut matched, &two[..cut]) + heads(&mut matched, &two[cut..]);
            assert_eq!(found, 2, "cut at {cut}");
        }
    }

    #[test]
    fn an_answer_has_its_length_and_its_cache_control() {
        let answer = Answer { body: 3, cache_control: Some("max-age=60".into()) };
        let text = String::from_utf8(answer.to_bytes()).unwrap();
        assert!(text.contains("\r\nCache-Control: max-age=60\r\nContent-Length: 3\r\n\r\nxxx"), "{text}");
    }
}
