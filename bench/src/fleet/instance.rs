//! One instance: listens, answers, and goes wrong as its conduct says.

use super::request::Request;
use super::{Conduct, Ledger};
use std::cell::Cell;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// What a request takes at least; the timer adds up to a millisecond.
const LEAST_WORK: Duration = Duration::from_micros(1200);
/// What it takes more: evenly distributed from nothing to this.
const MORE_WORK: Duration = Duration::from_micros(800);
/// How much longer it takes at the slow one.
const SLOWDOWN: u32 = 10;
/// Requests that an instance works on at a time.
const SLOTS: usize = 16;
/// The flapping one is there for so long, then away for as long.
const FLAP: Duration = Duration::from_secs(2);
/// How long to wait before a port that is still taken is tried again.
const REBIND: Duration = Duration::from_millis(10);

/// An instance.
pub(super) struct Instance {
    conduct: Conduct,
    dies_after: Duration,
    /// When things went wrong.
    wrong: watch::Receiver<Option<Instant>>,
    /// Requests since then, checks left out.
    pub(super) received: Cell<u64>,
    ledger: Ledger,
    slots: Semaphore,
    /// Draws the jitter; each instance draws the same row each time.
    draws: Cell<u64>,
}

impl Instance {
    pub(super) fn new(
        conduct: Conduct,
        dies_after: Duration,
        wrong: watch::Receiver<Option<Instant>>,
        ledger: Ledger,
    ) -> Rc<Self> {
        Rc::new(Self {
            conduct,
            dies_after,
            wrong,
            received: Cell::new(0),
            ledger,
            slots: Semaphore::new(SLOTS),
            draws: Cell::new(0),
        })
    }

    /// Comes and goes until the program ends.
    pub(super) async fn live(self: Rc<Self>, listener: TcpListener) {
        let Ok(address) = listener.local_addr() else { return };
        let mut listener = Some(listener);
        for nth in 1.. {
            if let Some(open) = listener.take() {
                // What it has open is reset when it goes.
                tokio::select! {
                    () = self.serve(&open) => {}
                    () = self.change(nth) => {}
                }
            } else {
                self.change(nth).await;
                listener = Some(rebound(address).await);
            }
        }
    }

    /// Waits for the `nth` time that it goes, or comes back.
    async fn change(&self, nth: u32) {
        let after = match self.conduct {
            Conduct::Dies if nth == 1 => self.dies_after,
            Conduct::Flaps => FLAP * nth,
            _ => return pending().await,
        };
        let mut wrong = self.wrong.clone();
        let since = wrong.wait_for(Option::is_some).await.ok().and_then(|since| *since);
        match since {
            Some(since) => sleep_until(since + after).await,
            None => pending().await,
        }
    }

    async fn serve(self: &Rc<Self>, listener: &TcpListener) {
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => if let Ok((socket, _)) = accepted {
                    open.spawn_local(Rc::clone(self).converse(socket));
                },
                Some(_) = open.join_next() => {}
            }
        }
    }

    /// One connection, request after request. Whatever ends it is a matter between the two.
    async fn converse(self: Rc<Self>, mut socket: TcpStream) {
        // A process that is killed resets its connections; one that goes on does not close any.
        let _ = (socket.set_nodelay(true), socket.set_zero_linger());
        let mut input = Vec::new();
        while let Ok(Some(request)) = Request::read(&mut socket, &mut input).await {
            let answer = answer(self.status_of(&request).await);
            if socket.write_all(answer.as_bytes()).await.is_err() || request.closes {
                let _ = socket.shutdown().await;
                return;
            }
        }
    }

    /// What it answers, after the time that it takes.
    async fn status_of(&self, request: &Request) -> &'static str {
        let wrong = self.wrong.borrow().is_some();
        if wrong && !request.is_check {
            self.received.set(self.received.get() + 1);
            // Number 0 is the warm-up's, a few of which may still be under way.
            if let Some(number) = request.number.filter(|number| *number > 0) {
                *self.ledger.borrow_mut().entry(number).or_default() += 1;
            }
        }
        match self.conduct {
            Conduct::Hangs if wrong => pending().await,
            Conduct::Fails if wrong && !request.is_check => "500 Internal Server Error",
            conduct => {
                let _slot = self.slots.acquire().await;
                let times = if wrong && conduct == Conduct::Slow { SLOWDOWN } else { 1 };
                sleep(self.work() * times).await;
                "200 OK"
            }
        }
    }

    /// The time for the next request: steps of the golden ratio, which spread evenly.
    fn work(&self) -> Duration {
        let draw = self.draws.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.draws.set(draw);
        let share = (draw >> 11) as f64 / (1_u64 << 53) as f64;
        LEAST_WORK + MORE_WORK.mul_f64(share)
    }
}

fn answer(status: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{{\"done\":true}}"
    )
}

/// Listens again where it did before.
async fn rebound(address: SocketAddr) -> TcpListener {
    loop {
        let bound: io::Result<_> = TcpListener::bind(address).await;
        match bound {
            Ok(listener) => return listener,
            Err(_) => sleep(REBIND).await,
        }
    }
}
