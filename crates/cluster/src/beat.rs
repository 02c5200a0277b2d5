//! The heart of a node: each second it says that it is there, hears how many are, and agrees on the seed of the keys.
//!
//! It is also how the store shows that it works: a server that can only be read, is out of memory, or is none of ours fails
//! here, and before any request does. How many nodes there are is what a limit is divided by while the store is down, so it is the
//! most that was seen lately: a server that was restarted empty sees few nodes for a second.

use crate::cluster::Shared;
use crate::line::Line;
use crate::script::{list, text};
use crate::trouble::Trouble;
use redis::Value;
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often a node says that it is there.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
/// A node that has said nothing for this long does not count, in milliseconds.
const COUNTS: u32 = 5_000;
/// And is forgotten after this long.
const KEPT: u32 = 60_000;
/// Of so many beats the one with the most nodes holds.
const LATELY: usize = 5;

/// What the beats have brought.
#[derive(Debug)]
pub(crate) struct Pulse {
    counts: Mutex<VecDeque<usize>>,
    seed: Mutex<[u8; 16]>,
}

impl Pulse {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self { counts: Mutex::default(), seed: Mutex::new(seed) }
    }

    /// Nodes seen lately; at least this one.
    pub(crate) fn nodes(&self) -> usize {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().copied().max().unwrap_or(1).max(1)
    }

    /// The seed that holds.
    pub(crate) fn seed(&self) -> [u8; 16] {
        *self.seed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, answer: Value) -> Result<(), Trouble> {
        let [Value::Int(nodes), seed] = &list(answer)?[..] else { return Err(Trouble::Nonsense) };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.truncate(LATELY - 1);
        counts.push_front(usize::try_from(*nodes).unwrap_or_default());
        // A seed that somebody else has put there is none.
        if let Some(seed) = text(seed.clone()).ok().and_then(|seed| u128::from_str_radix(&seed, 16).ok()) {
            *self.seed.lock().unwrap_or_else(PoisonError::into_inner) = seed.to_be_bytes();
        }
        Ok(())
    }
}

/// One beat over a connection, whether or not it is in use yet.
pub(crate) async fn beat(shared: &Shared, line: &Line) -> Result<(), Trouble> {
    let mut seed = String::with_capacity(32);
    for byte in shared.pulse.seed() {
        // Writing to a string cannot fail.
        let _ = write!(seed, "{byte:02x}");
    }
    let keys = [shared.names.single("nodes"), shared.names.single("seed")];
    let arguments = [shared.node.to_string(), seed, COUNTS.to_string(), KEPT.to_string()];
    shared.pulse.learn(line.ask(&shared.scripts.beat.whole(&keys, &arguments)).await?)
}

/// This node is there no more. Whether that is heard or not, it will be seen.
pub(crate) async fn leave(shared: &Shared, line: &Line) {
    let mut command = redis::cmd("ZREM");
    let _ = line.ask(command.arg(shared.names.single("nodes")).arg(&*shared.node)).await;
}
