//! Many clients at a time: a load that goes on until it is stopped, and requests that leave together.

use crate::message::Response;
use crate::raw::Raw;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Clients that each send one request after the other over a connection that they keep, until they are stopped.
#[derive(Debug)]
pub struct Crowd {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Response>>>,
    sent: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// Starts `size` clients that all send this request.
    pub fn start(address: SocketAddr, size: usize, request: &str) -> Self {
        let (stop, seen, sent) = (Arc::default(), Arc::default(), Arc::default());
        let clients = (0..size).map(|_| {
            let (stop, seen, sent) = (Arc::clone(&stop), Arc::clone(&seen), Arc::clone(&sent));
            let request = request.to_owned();
            std::thread::spawn(move || visit(address, &request, &stop, &seen, &sent))
        });
        Self { clients: clients.collect(), stop: Arc::clone(&stop), seen: Arc::clone(&seen), sent }
    }

    /// Requests that were answered so far, in whatever way; one without an answer has status 0.
    pub fn seen(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Requests that were sent so far.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    /// Lets each client end its request, and gives all answers; one without an answer has status 0.
    pub fn stop(self) -> Vec<Response> {
        self.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("a client does not panic");
        }
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn visit(
    address: SocketAddr,
    request: &str,
    stop: &AtomicBool,
    seen: &Mutex<Vec<Response>>,
    sent: &AtomicUsize,
) {
    let mut connection = None;
    while !stop.load(Ordering::SeqCst) {
        let mut raw = connection.take().unwrap_or_else(|| Raw::connect(address));
        sent.fetch_add(1, Ordering::SeqCst);
        let answer = raw.send(request).try_response().unwrap_or_default();
        if answer.complete && !answer.fields.lists("connection", "close") {
            connection = Some(raw);
        }
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    }
}

/// Sends each request over a connection of its own, all at the same time, and gives the answers in the order of the
/// requests; one without an answer has status 0.
pub fn at_once(address: SocketAddr, requests: &[String]) -> Vec<Response> {
    let start = &Barrier::new(requests.len());
    std::thread::scope(|scope| {
        let clients: Vec<_> = requests
            .iter()
            .map(|request| {
                scope.spawn(move || {
                    let mut raw = Raw::connect(address);
                    start.wait();
                    raw.send(request).try_response().unwrap_or_default()
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("a client does not panic")).collect()
    })
}

/// A GET for that target, with these field lines (each with its CRLF).
pub fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: example.com\r\n{fields}\r\n")
}

/// A POST of that body, with these field lines (each with its CRLF).
pub fn post(target: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {target} HTTP/1.1\r\nHost: example.com\r\nContent-Length: {length}\r\n{fields}\r\n{body}")
}

/// How many answers had each body.
pub fn shares<'r>(answers: impl IntoIterator<Item = &'r Response>) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for answer in answers {
        *shares.entry(answer.text()).or_default() += 1;
    }
    shares
}
