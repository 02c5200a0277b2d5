//! A DNS server that answers every question for A records with the addresses that a test says (RFC 1035 section 4).

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the thread looks whether the test has ended.
const LOOK: Duration = Duration::from_millis(50);

/// It runs in a thread of this process, and stops when it is dropped.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    answer: Mutex<Answer>,
    asked: AtomicUsize,
    stopped: AtomicBool,
}

#[derive(Clone, Debug)]
struct Answer {
    addresses: Vec<Ipv4Addr>,
    ttl: u32,
    silent: bool,
}

impl DnsServer {
    /// Starts one that answers with these addresses, good for `ttl` seconds.
    pub fn start(addresses: &[Ipv4Addr], ttl: u32) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        socket.set_read_timeout(Some(LOOK)).expect("a socket takes a timeout");
        let answer = Answer { addresses: addresses.to_vec(), ttl, silent: false };
        let shared = Arc::new(Shared {
            answer: Mutex::new(answer),
            asked: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let thread = Some(std::thread::spawn(move || theirs.serve(&socket)));
        Self { address, shared, thread }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it answers with these.
    pub fn set(&self, addresses: &[Ipv4Addr]) {
        self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner).addresses = addresses.to_vec();
    }

    /// From now on it says nothing.
    pub fn fall_silent(&self) {
        self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner).silent = true;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn serve(&self, socket: &UdpSocket) {
        let mut query = [0; 1500];
        while !self.stopped.load(Ordering::SeqCst) {
            let Ok((length, client)) = socket.recv_from(&mut query) else { continue };
            self.asked.fetch_add(1, Ordering::SeqCst);
            let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if !answer.silent
                && let Some(message) = message(&query[..length], &answer)
            {
                let _ = socket.send_to(&message, client);
            }
        }
    }
}

/// The answer to a query of one question; `None` where that is not what it is.
fn message(query: &[u8], answer: &Answer) -> Option<Vec<u8>> {
    let id = query.get(..2)?;
    // The name ends with an empty label; type and class follow.
    let name = query.get(12..)?.iter().position(|byte| *byte == 0)? + 13;
    let question = query.get(12..name + 4)?;
    let is_a = question[question.len() - 4..] == [0, 1, 0, 1];
    let addresses = if is_a { &answer.addresses[..] } else { &[] };
    let count = u8::try_from(addresses.len()).ok()?;
    // A response, recursion desired and available, no error; one question, so many answers.
    let mut message = [id, &[0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0], question].concat();
    for address in addresses {
        // The name of the question, type A, class IN.
        message.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1]);
        message.extend_from_slice(&answer.ttl.to_be_bytes());
        message.extend_from_slice(&[0, 4]);
        message.extend_from_slice(&address.octets());
    }
    Some(message)
}
