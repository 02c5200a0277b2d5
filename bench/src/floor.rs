//! The floor: a hand-made HTTP/1.1 proxy with no features, as an honest lower limit of what proxying costs.
//!
//! One thread, one epoll. It reads a request's head, hands it as it is to a kept-alive upstream connection that
//! no other request is using, and relays the answer by its `Content-Length`. Four syscalls a request.
//! *Not here*: anything else. A request that is not a plain `GET` and an answer without `Content-Length` close
//! the connection. Everything is bounded: heads, what a slow client has not taken yet, connections.

mod link;

use crate::http1::head_end;
use crate::poll::{self, EventFlags, Events, Poll};
use link::{Client, Upstream};
use rustix::fd::OwnedFd;
use std::io;

/// A read, and so the most that a client who does not read can have waiting here.
const READ: usize = 64 * 1024;

/// The longest head, and the most input kept for later while a request is under way.
const MAX_HEAD: usize = 64 * 1024;

/// A bound floor.
pub struct Floor {
    listener: OwnedFd,
    port: u16,
    origin: u16,
    poll: Poll,
    clients: Vec<Option<Client>>,
    upstreams: Vec<Option<Upstream>>,
    idle: Vec<usize>,
    scratch: Vec<u8>,
}

impl Floor {
    /// Binds `port` of 127.0.0.1 (0: any) in front of the origin on port `origin`.
    pub fn bind(port: u16, origin: u16) -> io::Result<Self> {
        let (listener, port) = poll::listen(port)?;
        let poll = Poll::new()?;
        poll.watch(&listener, EventFlags::IN)?;
        Ok(Self {
            listener,
            port,
            origin,
            poll,
            clients: Vec::new(),
            upstreams: Vec::new(),
            idle: Vec::new(),
            scratch: vec![0; READ],
        })
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
                    Some((id, flags)) => self.dispatch(id, flags),
                    None => {}
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Some(socket) = poll::accept(&self.listener) {
            self.poll.watch(&socket, EventFlags::IN)?;
            let id = poll::id(&socket);
            *slot(&mut self.clients, id) = Some(Client::new(socket));
        }
        Ok(())
    }

    fn dispatch(&mut self, id: usize, flags: EventFlags) {
        if self.clients.get(id).is_some_and(Option::is_some) {
            if self.client_ready(id, flags).is_err() {
                self.drop_client(id);
            }
        } else if self.upstreams.get(id).is_some_and(Option::is_some)
            && self.upstream_ready(id, flags).is_err()
        {
            self.drop_upstream(id);
        }
    }

    fn client_ready(&mut self, id: usize, flags: EventFlags) -> io::Result<()> {
        let client = self.clients[id].as_mut().ok_or_else(gone)?;
        if flags.contains(EventFlags::OUT) && client.link.flush(&self.poll)? {
            match client.upstream {
                Some(upstream) => {
                    self.upstreams[upstream].as_ref().ok_or_else(gone)?.link.resume_reading(&self.poll)?;
                }
                None => self.next_request(id)?,
            }
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            self.hear(id)
        } else {
            Ok(())
        }
    }

    /// Reads from a client. The usual case, one whole request in one read, copies nothing.
    fn hear(&mut self, id: usize) -> io::Result<()> {
        let client = self.clients[id].as_mut().ok_or_else(gone)?;
        let Some(count) = poll::read(&client.link.socket, &mut self.scratch)? else { return Ok(()) };
        if client.is_idle()
            && client.input.is_empty()
            && let Some(end) = head_end(&self.scratch[..count])
        {
            client.input.extend_from_slice(&self.scratch[end..count]);
            return self.forward(id, end);
        }
        client.keep(&self.scratch[..count], MAX_HEAD)?;
        self.next_request(id)
    }

    /// Starts the request that waits in the client's input, where there is one and its turn has come.
    fn next_request(&mut self, id: usize) -> io::Result<()> {
        let client = self.clients[id].as_mut().ok_or_else(gone)?;
        if !client.is_idle() {
            return Ok(());
        }
        let Some(end) = head_end(&client.input).filter(|&end| end <= READ) else { return Ok(()) };
        self.scratch[..end].copy_from_slice(&client.input[..end]);
        client.input.drain(..end);
        self.forward(id, end)
    }

    /// Hands the head in `scratch[..end]` to an upstream connection that nobody else is using.
    fn forward(&mut self, id: usize, end: usize) -> io::Result<()> {
        if !self.scratch.starts_with(b"GET ") {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let upstream = match self.idle.pop() {
            Some(upstream) => upstream,
            None => self.connect()?,
        };
        self.clients[id].as_mut().ok_or_else(gone)?.upstream = Some(upstream);
        let connection = self.upstreams[upstream].as_mut().ok_or_else(gone)?;
        connection.check_out(id);
        connection.link.send(&self.poll, &self.scratch[..end])
    }

    fn connect(&mut self) -> io::Result<usize> {
        let socket = poll::connect(self.origin)?;
        self.poll.watch(&socket, EventFlags::IN)?;
        let id = poll::id(&socket);
        *slot(&mut self.upstreams, id) = Some(Upstream::new(socket));
        Ok(id)
    }

    fn upstream_ready(&mut self, id: usize, flags: EventFlags) -> io::Result<()> {
        let upstream = self.upstreams[id].as_mut().ok_or_else(gone)?;
        if flags.contains(EventFlags::OUT) {
            upstream.link.flush(&self.poll)?;
        }
        if !flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            return Ok(());
        }
        let Some(count) = poll::read(&upstream.link.socket, &mut self.scratch)? else { return Ok(()) };
        // Bytes that no request asked for end the connection.
        let client_id = upstream.client.ok_or_else(gone)?;
        let done = upstream.account(&self.scratch[..count], MAX_HEAD)?;
        let client = self.clients[client_id].as_mut().ok_or_else(gone)?;
        client.link.send(&self.poll, &self.scratch[..count])?;
        if done {
            upstream.client = None;
            client.upstream = None;
            self.idle.push(id);
            return self.next_request(client_id);
        }
        if client.link.is_blocked() { upstream.link.pause_reading(&self.poll) } else { Ok(()) }
    }

    /// Closes a client and the upstream connection that was answering it.
    fn drop_client(&mut self, id: usize) {
        let client = self.clients.get_mut(id).and_then(Option::take);
        if let Some(upstream) = client.and_then(|client| client.upstream) {
            self.upstreams[upstream] = None;
        }
    }

    /// Closes an upstream connection and the client that waited for it.
    fn drop_upstream(&mut self, id: usize) {
        let Some(upstream) = self.upstreams.get_mut(id).and_then(Option::take) else { return };
        match upstream.client {
            Some(client) => drop(self.clients.get_mut(client).and_then(Option::take)),
            None => self.idle.retain(|&other| other != id),
        }
    }
}

/// The other side closed in the meantime.
fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

fn slot<T>(table: &mut Vec<Option<T>>, id: usize) -> &mut Option<T> {
    if table.len() <= id {
        table.resize_with(id + 1, || None);
    }
    &mut table[id]
}

#[cfg(test)]
mod tests;
