//! An origin that answers with exactly the bytes it is told to, and remembers what it was asked.

use crate::message::{Framing, Request, Source, read_body, split_head};
use crate::wait::PATIENCE;
use socket2::SockRef;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Answers one request: reads the body if it wants to, sends what it wants.
type Handler = dyn Fn(&mut Exchange<'_>) + Send + Sync;

/// A server in threads of this process. It stops when it is dropped.
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    /// `None`: nothing is remembered.
    seen: Option<Mutex<Vec<Request>>>,
    bytes: AtomicUsize,
    accepted: AtomicUsize,
    /// The open connections, by number.
    open: Mutex<HashMap<usize, TcpStream>>,
    /// How many were open at once.
    most_open: AtomicUsize,
    stopped: AtomicBool,
}

impl Origin {
    /// Starts an origin on a free port; `handler` is called with the head of each request.
    pub fn start(handler: impl Fn(&mut Exchange<'_>) + Send + Sync + 'static) -> Self {
        Self::begin((Ipv4Addr::LOCALHOST, 0).into(), handler, Some(Mutex::default()))
    }

    /// [`Self::start`] at an address, where another origin may have listened before.
    pub fn start_at(
        address: SocketAddr,
        handler: impl Fn(&mut Exchange<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self::begin(address, handler, Some(Mutex::default()))
    }

    /// One that remembers no request, for loads of hundreds of thousands.
    pub fn start_forgetful(handler: impl Fn(&mut Exchange<'_>) + Send + Sync + 'static) -> Self {
        Self::begin((Ipv4Addr::LOCALHOST, 0).into(), handler, None)
    }

    fn begin(
        address: SocketAddr,
        handler: impl Fn(&mut Exchange<'_>) + Send + Sync + 'static,
        seen: Option<Mutex<Vec<Request>>>,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("nobody else listens there");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            seen,
            bytes: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
            open: Mutex::default(),
            most_open: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        let accepting = Some(std::thread::spawn(move || of_thread.accept(&listener)));
        Self { address, shared, accepting }
    }

    /// Reads each request to its end and sends `answer`.
    pub fn always(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |exchange| {
            if exchange.read_body() {
                exchange.send(&answer);
            }
        })
    }

    /// Answers every request with 200 and this name as the body.
    pub fn named(name: &'static str) -> Self {
        Self::start(answers(name))
    }

    /// [`Self::named`] at an address.
    pub fn named_at(address: SocketAddr, name: &'static str) -> Self {
        Self::start_at(address, answers(name))
    }

    /// Answers every request with 200 and its target as the body.
    pub fn hello() -> Self {
        Self::start(|exchange| {
            if exchange.read_body() {
                let target = exchange.request().target.clone();
                exchange.send_ok(target);
            }
        })
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests whose head arrived, in their order; the body is there once it was read to its end.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.seen.as_ref().map(|seen| lock(seen).clone()).unwrap_or_default()
    }

    /// The only request that was seen.
    #[track_caller]
    pub fn only_request(&self) -> Request {
        let mut seen = self.requests();
        assert_eq!(seen.len(), 1, "the origin saw {seen:?}");
        seen.remove(0)
    }

    /// Bytes that were received, of requests or of anything else.
    pub fn bytes(&self) -> usize {
        self.shared.bytes.load(Ordering::SeqCst)
    }

    /// Connections that were accepted since the start.
    pub fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many connections were open at once, as far as it could tell whenever one more came: those that the gateway
    /// had closed by then do not count.
    pub fn most_connections(&self) -> usize {
        self.shared.most_open.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        lock(&self.shared.open).len()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; the others wake when their connections end.
        let _ = TcpStream::connect(self.address);
        for connection in lock(&self.shared.open).values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        // From here on nobody listens there.
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        for connection in lock(&self.shared.open).values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

/// A handler that answers every request with 200 and this name.
fn answers(name: &'static str) -> impl Fn(&mut Exchange<'_>) + Send + Sync + 'static {
    move |exchange| {
        if exchange.read_body() {
            exchange.send_ok(name);
        }
    }
}

/// Has the other side closed it? Looks without taking anything and without waiting.
fn is_closed(connection: &TcpStream) -> bool {
    const PEEK_AT_ONCE: i32 = 0x2 | 0x40; // MSG_PEEK and MSG_DONTWAIT of Linux
    let mut byte = [MaybeUninit::uninit()];
    match SockRef::from(connection).recv_with_flags(&mut byte, PEEK_AT_ONCE) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let Ok(again) = stream.try_clone() else { continue };
            let number = self.accepted.fetch_add(1, Ordering::SeqCst) + 1;
            {
                let mut open = lock(&self.open);
                let before = open.values().filter(|connection| !is_closed(connection)).count();
                self.most_open.fetch_max(before + 1, Ordering::SeqCst);
                open.insert(number, again);
            }
            let shared = Arc::clone(self);
            std::thread::spawn(move || {
                let wire = Wire { stream, shared: Arc::clone(&shared), held: Vec::new() };
                wire.serve(number);
                // The last handle: the connection really ends here, with a reset where one was asked for.
                lock(&shared.open).remove(&number);
            });
        }
    }
}

/// One request and the way to answer it.
pub struct Exchange<'a> {
    wire: &'a mut Wire,
    request: Request,
    /// Where the request stands in the list of those seen.
    index: Option<usize>,
    connection: usize,
    turn: usize,
    ended: bool,
    read: bool,
}

impl Exchange<'_> {
    /// The request; its body is empty until [`Self::read_body`].
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Which connection this is, from 1.
    pub fn connection(&self) -> usize {
        self.connection
    }

    /// Which request of its connection this is, from 1.
    pub fn turn(&self) -> usize {
        self.turn
    }

    /// Which request of the origin this is, from 1. Not counted where nothing is remembered.
    pub fn number(&self) -> usize {
        self.index.map_or(0, |index| index + 1)
    }

    /// Reads the body to its end and tells whether it came whole.
    pub fn read_body(&mut self) -> bool {
        if !self.read {
            self.read = true;
            let framing = Framing::of(&self.request.fields, Framing::Length(0));
            match read_body(self.wire, framing, &mut self.request.body) {
                Ok(trailers) => (self.request.trailers, self.request.complete) = (trailers, true),
                Err(_) => self.ended = true,
            }
            if let (Some(seen), Some(index)) = (&self.wire.shared.seen, self.index) {
                lock(seen)[index] = self.request.clone();
            }
        }
        self.request.complete
    }

    /// Waits for bytes of the body or of a tunnel and returns what came; nothing at the end.
    pub fn read_some(&mut self) -> Vec<u8> {
        self.read = true;
        if self.wire.held.is_empty() {
            let _ = self.wire.more();
        }
        std::mem::take(&mut self.wire.held)
    }

    /// Sends bytes as they are and tells whether the connection took them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.wire.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends 200 with this body and its length.
    pub fn send_ok(&mut self, body: impl AsRef<[u8]>) -> bool {
        let body = body.as_ref();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        self.send([head.as_bytes(), body].concat())
    }

    /// Closes the connection after this exchange, in order.
    pub fn close(&mut self) {
        self.ended = true;
        let _ = self.wire.stream.shutdown(Shutdown::Write);
    }

    /// Resets the connection after this exchange.
    pub fn reset(&mut self) {
        self.ended = true;
        let _ = SockRef::from(&self.wire.stream).set_linger(Some(Duration::ZERO));
    }

    /// Waits until the gateway closes the connection; false when it does not in time.
    pub fn sees_close(&mut self) -> bool {
        self.ended = true;
        let _ = self.wire.stream.set_read_timeout(Some(PATIENCE));
        loop {
            match self.wire.more() {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }
}

struct Wire {
    stream: TcpStream,
    shared: Arc<Shared>,
    held: Vec<u8>,
}

impl Wire {
    fn serve(mut self, connection: usize) {
        let _ = self.stream.set_nodelay(true);
        let shared = Arc::clone(&self.shared);
        for turn in 1.. {
            let Ok(head) = self.take_until(b"\r\n\r\n") else { return };
            let mut request = parse(head);
            let bodiless = Framing::of(&request.fields, Framing::Length(0)) == Framing::Length(0);
            request.complete = bodiless;
            let index = shared.seen.as_ref().map(|seen| {
                let mut seen = lock(seen);
                seen.push(request.clone());
                seen.len() - 1
            });
            let wire = &mut self;
            let mut exchange =
                Exchange { wire, request, index, connection, turn, ended: false, read: bodiless };
            (shared.handler)(&mut exchange);
            if exchange.ended || !exchange.read {
                return;
            }
        }
    }
}

impl Source for Wire {
    fn held(&mut self) -> &mut Vec<u8> {
        &mut self.held
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut part = [0; 16 << 10];
        let count = self.stream.read(&mut part)?;
        self.shared.bytes.fetch_add(count, Ordering::SeqCst);
        self.held.extend_from_slice(&part[..count]);
        Ok(count)
    }
}

fn parse(head: Vec<u8>) -> Request {
    let (line, fields) = split_head(&head);
    let mut words = line.split(' ').map(str::to_owned);
    let mut word = || words.next().unwrap_or_default();
    Request { method: word(), target: word(), version: word(), fields, head, ..Request::default() }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
