//! WebSockets that say something now and then and hear it again, until they are told to end.
//!
//! Behind the handshake the gateway relays bytes, so messages are lines and no frames.

use crate::raw::Raw;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often each of them sends a message.
pub const ECHO_INTERVAL: Duration = Duration::from_secs(1);

const HANDSHAKE: &str = "HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// WebSockets that are open as long as this lives, each with a message an [`ECHO_INTERVAL`].
#[derive(Debug)]
pub struct WebSockets {
    address: SocketAddr,
    target: String,
    shared: Arc<Shared>,
    talking: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    open: Mutex<Vec<WebSocket>>,
    failures: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct WebSocket {
    number: usize,
    connection: Raw,
    echoed: usize,
}

impl WebSockets {
    /// None yet. `target` is where they will connect to; it must echo.
    pub fn at(address: SocketAddr, target: &str) -> Self {
        let shared = Arc::<Shared>::default();
        let talker = Arc::clone(&shared);
        let talking = std::thread::spawn(move || {
            while !talker.stop.load(Ordering::SeqCst) {
                let round = Instant::now();
                talker.talk(round);
                std::thread::sleep(ECHO_INTERVAL.saturating_sub(round.elapsed()));
            }
        });
        Self { address, target: target.into(), shared, talking }
    }

    /// Opens so many more.
    #[track_caller]
    pub fn open(&self, count: usize) {
        for _ in 0..count {
            let mut connection = Raw::connect(self.address);
            let answer = connection.send(format!("GET {} {HANDSHAKE}", self.target)).response();
            assert_eq!(answer.status, 101, "{answer}");
            let mut open = lock(&self.shared.open);
            let number = open.len() + lock(&self.shared.failures).len();
            open.push(WebSocket { number, connection, echoed: 0 });
        }
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        lock(&self.shared.open).len()
    }

    /// Is none open?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The echoes that each has heard which is open, in the order in which they were opened.
    pub fn echoed(&self) -> Vec<usize> {
        lock(&self.shared.open).iter().map(|one| one.echoed).collect()
    }

    /// Closes all and says which had ended by themselves, and why.
    pub fn end(self) -> Vec<String> {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.talking.join().expect("the talker does not panic");
        std::mem::take(&mut *lock(&self.shared.failures))
    }
}

impl Shared {
    /// Each sends one message, spread over the interval.
    fn talk(&self, round: Instant) {
        let count = lock(&self.open).len();
        for place in 0..count {
            let due = round + ECHO_INTERVAL.mul_f64(0.9 * place as f64 / count as f64);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let mut open = lock(&self.open);
            // One that has failed leaves a gap, into which the others move up.
            let Some(one) = open.get_mut(place) else { return };
            if let Err(why) = one.say_something() {
                let gone = open.remove(place);
                lock(&self.failures)
                    .push(format!("WebSocket {} after {} echoes: {why}", gone.number, gone.echoed));
            }
        }
    }
}

impl WebSocket {
    fn say_something(&mut self) -> Result<(), String> {
        let message = format!("message {} of {}\n", self.echoed, self.number);
        self.connection.try_send(&message).map_err(|e| format!("send: {e}"))?;
        let heard = self.connection.read_exactly(message.len()).map_err(|e| format!("echo: {e}"))?;
        if heard != message.as_bytes() {
            return Err(format!("it heard {}", heard.escape_ascii()));
        }
        self.echoed += 1;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
