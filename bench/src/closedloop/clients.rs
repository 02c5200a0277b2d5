//! Kept connections on one thread, each with one request under way.
//!
//! A body that nobody looks at is thrown away by the kernel without being copied, so that the clients of a server that sends
//! much take less of their core than it takes of its own.

use crate::http1::{content_length, head_end};
use crate::object;
use crate::poll::{self, EventFlags, Events, Poll};
use rustix::fd::OwnedFd;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long clients wait when nothing comes at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest head, and the longest body that is looked at.
const LONGEST: usize = 1 << 20;
/// What is read, or thrown away, in one go.
const READ: usize = 1 << 20;
/// A server that has broken so many connections is broken itself.
const BROKEN_MOST: u64 = 10_000;

/// One answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    /// What was asked for.
    pub(crate) path: &'a str,
    /// Whether it is a whole 200, and the right one, where that was looked at.
    pub(crate) is_good: bool,
    /// When the source gave it out, where that was looked at.
    pub(crate) given_out: Option<u64>,
    /// Bytes of the body.
    pub(crate) bytes: u64,
    /// From sent to the last byte.
    pub(crate) took: Duration,
}

/// Open connections to one server.
pub(crate) struct Clients {
    port: u16,
    /// Whether bodies are looked at: whether they are those of their paths.
    looks: bool,
    poll: Poll,
    open: Vec<Option<Client>>,
    scratch: Vec<u8>,
    broken: u64,
}

struct Client {
    socket: OwnedFd,
    /// What it has asked for; empty where nothing is under way.
    path: String,
    sent: Instant,
    /// What has come of the answer, as long as its head is not whole or its body is to be looked at.
    held: Vec<u8>,
    /// The answer, once its head is known, and how much of its body has still to come.
    known: Option<Known>,
}

#[derive(Clone, Copy)]
struct Known {
    /// It is a 200, and the right one, where that is looked at.
    is_good: bool,
    bytes: u64,
    left: u64,
    given_out: Option<u64>,
}

impl Clients {
    /// Opens so many connections to a port of 127.0.0.1.
    pub(crate) fn open(port: u16, count: usize, looks: bool) -> io::Result<Self> {
        let (poll, scratch) = (Poll::new()?, vec![0; READ]);
        let mut clients = Self { port, looks, poll, open: Vec::new(), scratch, broken: 0 };
        for _ in 0..count {
            clients.connect()?;
        }
        Ok(clients)
    }

    /// Sends a request on each connection, and the next when its answer is there, until `next` has no more; hands every
    /// answer to `heard`. `next` writes a path and says whether there is one.
    ///
    /// A connection that breaks is an answer that is not good, and another is opened in its place.
    pub(crate) fn run(
        &mut self,
        next: &mut dyn FnMut(&mut String) -> bool,
        heard: &mut dyn FnMut(&Answer<'_>),
    ) -> io::Result<()> {
        let mut busy = 0_usize;
        for id in 0..self.open.len() {
            if let Some(client) = &mut self.open[id] {
                busy += usize::from(client.ask(next)?);
            }
        }
        let mut events = Events::new();
        while busy > 0 {
            for index in 0..self.poll.wait_at_most(&mut events, PATIENCE)? {
                let Some((id, _)) = events.get(index) else { continue };
                busy -= usize::from(!self.go_on(id, next, heard)?);
            }
        }
        Ok(())
    }

    /// Reads what there is, and asks again where an answer is whole; `false` where the client has just become idle.
    fn go_on(
        &mut self,
        id: usize,
        next: &mut dyn FnMut(&mut String) -> bool,
        heard: &mut dyn FnMut(&Answer<'_>),
    ) -> io::Result<bool> {
        let Some(client) = self.open.get_mut(id).and_then(Option::as_mut) else { return Ok(true) };
        let was_busy = !client.path.is_empty();
        match client.read(&mut self.scratch, self.looks) {
            Ok(None) => return Ok(true),
            Ok(Some(answer)) => heard(&answer),
            Err(_) => {
                if was_busy {
                    heard(&client.broken());
                }
                self.replace(id)?;
                let mut fresh = self.open.iter_mut().flatten().filter(|client| client.path.is_empty());
                return match fresh.next_back() {
                    Some(client) if was_busy => client.ask(next),
                    _ => Ok(true),
                };
            }
        }
        let client = self.open[id].as_mut().ok_or(io::ErrorKind::NotConnected)?;
        client.ask(next)
    }

    fn replace(&mut self, id: usize) -> io::Result<()> {
        self.broken += 1;
        if self.broken > BROKEN_MOST {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.open[id] = None;
        self.connect()
    }

    fn connect(&mut self) -> io::Result<()> {
        let stream =
            TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let socket = OwnedFd::from(stream);
        self.poll.watch(&socket, EventFlags::IN)?;
        let id = poll::id(&socket);
        if self.open.len() <= id {
            self.open.resize_with(id + 1, || None);
        }
        self.open[id] =
            Some(Client { socket, path: String::new(), sent: Instant::now(), held: Vec::new(), known: None });
        Ok(())
    }
}

impl Client {
    /// Sends the next request, where there is one.
    fn ask(&mut self, next: &mut dyn FnMut(&mut String) -> bool) -> io::Result<bool> {
        self.path.clear();
        (self.known, self.sent) = (None, Instant::now());
        self.held.clear();
        if !next(&mut self.path) {
            self.path.clear();
            return Ok(false);
        }
        let request = format!("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", self.path);
        // It is far shorter than what an idle socket takes. Where the server has hung up, reading tells.
        match poll::write(&self.socket, request.as_bytes()) {
            Ok(count) if count < request.len() => Err(io::ErrorKind::WriteZero.into()),
            _ => Ok(true),
        }
    }

    /// Reads once. Whatever comes unasked is an error, and so is the end.
    fn read(&mut self, scratch: &mut [u8], looks: bool) -> io::Result<Option<Answer<'_>>> {
        if let Some(known) = self.known.as_mut().filter(|_| !looks) {
            let most = scratch.len().min(known.left as usize);
            let Some(count) = poll::skip(&self.socket, &mut scratch[..most])? else { return Ok(None) };
            known.left -= count as u64;
        } else {
            let Some(count) = poll::read(&self.socket, scratch)? else { return Ok(None) };
            if self.path.is_empty() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.hear(&scratch[..count], looks)?;
        }
        Ok(self.known.filter(|known| known.left == 0).map(|known| self.answer(known)))
    }

    /// Takes in a part of an answer. Usually it is the whole, and nothing is copied.
    fn hear(&mut self, part: &[u8], looks: bool) -> io::Result<()> {
        if self.held.is_empty() {
            self.known = judge(part, &self.path, looks)?;
            if self.known.is_none_or(|known| looks && known.left > 0) {
                self.held.extend_from_slice(part);
            }
        } else {
            self.held.extend_from_slice(part);
            self.known = judge(&self.held, &self.path, looks)?;
        }
        Ok(())
    }

    fn answer(&self, known: Known) -> Answer<'_> {
        Answer {
            path: &self.path,
            is_good: known.is_good,
            given_out: known.given_out,
            bytes: known.bytes,
            took: self.sent.elapsed(),
        }
    }

    fn broken(&self) -> Answer<'_> {
        self.answer(Known { is_good: false, bytes: 0, left: 0, given_out: None })
    }
}

/// What is known of an answer by as much as has come of it; `None` where its head is not whole.
fn judge(held: &[u8], path: &str, looks: bool) -> io::Result<Option<Known>> {
    let end = head_end(held);
    if held.len() > LONGEST && (looks || end.is_none()) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let Some(end) = end else { return Ok(None) };
    let bytes = content_length(&held[..end]).ok_or(io::ErrorKind::InvalidData)?;
    // One request is under way, so nothing may follow its answer.
    let left = bytes.checked_sub((held.len() - end) as u64).ok_or(io::ErrorKind::InvalidData)?;
    let given_out = if looks { object::given_out(&held[end..], path) } else { None };
    let is_good = held.starts_with(b"HTTP/1.1 200") && (!looks || given_out.is_some());
    Ok(Some(Known { is_good, bytes, left, given_out }))
}
