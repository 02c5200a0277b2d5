//! A load that keeps its rate whatever happens: each client asks when its time has come, not when the last answer has.
//!
//! A client that is held up asks at once until it has caught up, and how late an answer came is counted from when it
//! should have been asked for. So a pause of the gateway shows as what clients felt, and not as one slow request. Every
//! request that has no whole and right answer is a failure with its reason. Nothing is asked twice: what a client
//! library would hide shows here.

use crate::raw::Raw;
use crate::wait::soon;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Requests each second of a client that keeps its connection.
const KEEPING_RATE: u32 = 50;
/// Of one that makes a connection for each request.
const FRESH_RATE: u32 = 20;
/// Of one whose requests take a while.
const SLOW_RATE: u32 = 2;
/// A tenth of the requests come over new connections.
const FRESH_SHARE: u32 = 10;
/// Clients whose requests take a while.
const SLOW_CLIENTS: u32 = 8;
/// One in so many requests is a POST, which nobody may send twice.
const POST_EACH: usize = 4;
/// A client that fails so often has shown what there is to see.
const FAILURES_MOST: usize = 5;

/// What a load has seen.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests that were answered well.
    pub answered: usize,
    /// Connections that were made.
    pub connections: usize,
    /// Why the others failed.
    pub failures: Vec<String>,
    /// The latest answer, from when it should have been asked for; those that take a while are left out.
    pub latest: Duration,
}

/// Clients that ask as long as this lives.
#[derive(Debug)]
pub struct OpenLoop {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Tally>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    answered: AtomicUsize,
}

impl OpenLoop {
    /// Starts `rate` requests a second. `paths` are asked in turn, each with a number behind it that the body of the
    /// answer must repeat; for a POST it must be the request's body. `slow_paths` may take a while to answer.
    pub fn start(address: SocketAddr, rate: u32, paths: &[&str], slow_paths: &[&str]) -> Self {
        let shared = Arc::<Shared>::default();
        let owned = |paths: &[&str]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
        let kinds = [
            (rate * (FRESH_SHARE - 1) / FRESH_SHARE / KEEPING_RATE, KEEPING_RATE, true, paths),
            (rate / FRESH_SHARE / FRESH_RATE, FRESH_RATE, false, paths),
            (if slow_paths.is_empty() { 0 } else { SLOW_CLIENTS }, SLOW_RATE, true, slow_paths),
        ];
        let mut clients = Vec::new();
        for (count, rate, keeps, paths) in kinds {
            for place in 0..count {
                let period = Duration::from_secs(1) / rate;
                let client = Client {
                    number: clients.len(),
                    address,
                    paths: owned(paths),
                    keeps,
                    slow: rate == SLOW_RATE,
                    kept: None,
                    tally: Tally::default(),
                };
                // They begin one after the other, so that they do not all ask in the same moment.
                let first = Instant::now() + period * place / count;
                let shared = Arc::clone(&shared);
                clients.push(std::thread::spawn(move || client.run(&shared, first, period)));
            }
        }
        Self { shared, clients }
    }

    /// Requests that were answered well so far.
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// Waits until so many more were answered, or somebody has given up.
    #[track_caller]
    pub fn go_on(&self, more: usize) {
        let before = self.answered();
        soon("the load goes on", || {
            self.answered() >= before + more || self.clients.iter().any(JoinHandle::is_finished)
        });
    }

    /// Ends it and says what it has seen.
    pub fn end(self) -> Tally {
        self.shared.stop.store(true, Ordering::SeqCst);
        let mut all = Tally::default();
        for client in self.clients {
            let one = client.join().expect("a client does not panic");
            all.answered += one.answered;
            all.connections += one.connections;
            all.failures.extend(one.failures);
            all.latest = all.latest.max(one.latest);
        }
        all
    }
}

struct Client {
    number: usize,
    address: SocketAddr,
    paths: Vec<String>,
    keeps: bool,
    slow: bool,
    kept: Option<Raw>,
    tally: Tally,
}

impl Client {
    fn run(mut self, shared: &Shared, first: Instant, period: Duration) -> Tally {
        let mut due = first;
        for turn in 0.. {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if shared.stop.load(Ordering::SeqCst) || self.tally.failures.len() >= FAILURES_MOST {
                break;
            }
            let reused = self.kept.is_some();
            match self.ask(turn) {
                Ok(()) => {
                    self.tally.answered += 1;
                    shared.answered.fetch_add(1, Ordering::SeqCst);
                }
                Err(why) => {
                    let connection = if reused { "a kept" } else { "a new" };
                    let number = self.number;
                    self.tally
                        .failures
                        .push(format!("client {number}, request {turn} over {connection} connection: {why}"));
                }
            }
            if !self.slow {
                self.tally.latest = self.tally.latest.max(due.elapsed());
            }
            due += period;
        }
        self.tally
    }

    /// One request and its answer.
    fn ask(&mut self, turn: usize) -> Result<(), String> {
        let mut connection = if let Some(kept) = self.kept.take() {
            kept
        } else {
            self.tally.connections += 1;
            Raw::try_connect(self.address).map_err(|e| format!("connect: {e}"))?
        };
        let target = format!("{}/{}-{turn}", self.paths[turn % self.paths.len()], self.number);
        let request = if turn % POST_EACH == POST_EACH - 1 {
            let length = target.len();
            format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{target}")
        } else {
            format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
        };
        connection.try_send(request).map_err(|e| format!("send {target}: {e}"))?;
        let answer = connection.try_response().map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => format!("{target} was not answered: the connection was closed"),
            _ => format!("{target} was not answered: {e}"),
        })?;
        if answer.status != 200 || !answer.complete || answer.text() != target {
            return Err(format!("{target} was answered with {answer}"));
        }
        if self.keeps && !answer.fields.lists("connection", "close") {
            self.kept = Some(connection);
        }
        Ok(())
    }
}
