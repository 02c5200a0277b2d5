//! Load in steps: so many connections for so long, each with one request after the other, and what came of each second.
//!
//! Unlike `openloop` it asks no faster than it is answered, which is how a step in the number of users looks to a service
//! that is scaled by concurrency. *Cost*: one thread.

use crate::openloop::{Asker, Outcome};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::str::FromStr;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;
use tokio::time::{interval_at, sleep};

/// A client that was not answered well does not ask again at once, so that a refusal costs no more than an answer.
const PAUSE: Duration = Duration::from_millis(20);

/// So many connections for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Connections, each with one request under way.
    pub connections: usize,
    /// Seconds.
    pub secs: u64,
}

impl FromStr for Step {
    type Err = String;

    /// `200x60`: 200 connections for 60 seconds.
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let (connections, secs) = text.split_once('x')?;
            Some(Self { connections: connections.parse().ok()?, secs: secs.parse().ok()? })
        };
        parsed().ok_or_else(|| format!("`{text}` is not CONNECTIONSxSECONDS, such as 200x60"))
    }
}

/// One second of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Seconds since the beginning, at its end.
    pub seconds: u64,
    /// Connections.
    pub connections: usize,
    /// Requests that were answered with 2xx.
    pub good: u64,
    /// Requests that were not.
    pub failed: u64,
    /// Milliseconds of the good ones: the middle one.
    pub p50: f64,
    /// The one that 95 of 100 stay below.
    pub p95: f64,
    /// The longest.
    pub max: f64,
}

/// All clients.
struct Crowd {
    asker: Asker,
    /// How many there shall be.
    wanted: Cell<usize>,
    /// How many there are.
    there: Cell<usize>,
    /// Requests so far.
    asked: Cell<u64>,
    since: RefCell<Since>,
}

/// What came of requests since somebody has looked.
#[derive(Default)]
struct Since {
    took: Vec<Duration>,
    failed: u64,
}

/// Asks a port of 127.0.0.1 for `path` with a number behind it, step by step, and says what came of each second.
pub fn run(port: u16, path: &str, steps: &[Step], mut tell: impl FnMut(&Second)) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let crowd = Rc::new(Crowd {
            asker: Asker::new(port, path, false),
            wanted: Cell::new(0),
            there: Cell::new(0),
            asked: Cell::new(0),
            since: RefCell::default(),
        });
        let second = Duration::from_secs(1);
        let mut ticks = interval_at((Instant::now() + second).into(), second);
        let mut seconds = 0;
        for step in steps {
            crowd.wanted.set(step.connections);
            while crowd.there.get() < step.connections {
                crowd.there.update(|there| there + 1);
                tokio::task::spawn_local(Rc::clone(&crowd).visit());
            }
            for _ in 0..step.secs {
                ticks.tick().await;
                seconds += 1;
                tell(&take(&crowd.since, seconds, step.connections));
            }
        }
    });
    Ok(())
}

impl Crowd {
    /// One client, which leaves behind an answer when there are more than wanted.
    async fn visit(self: Rc<Self>) {
        while self.there.get() <= self.wanted.get() {
            self.asked.update(|asked| asked + 1);
            let outcome = self.asker.ask(self.asked.get(), Instant::now()).await;
            if let Outcome::Good(took) = outcome {
                self.since.borrow_mut().took.push(took);
            } else {
                self.since.borrow_mut().failed += 1;
                sleep(PAUSE).await;
            }
        }
        self.there.update(|there| there - 1);
    }
}

fn take(since: &RefCell<Since>, seconds: u64, connections: usize) -> Second {
    let Since { mut took, failed } = std::mem::take(&mut *since.borrow_mut());
    took.sort_unstable();
    let part = |percent: usize| {
        let at = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(at).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    let (p50, p95, max) = (part(50), part(95), part(100));
    Second { seconds, connections, good: took.len() as u64, failed, p50, p95, max }
}

#[cfg(test)]
mod tests;
