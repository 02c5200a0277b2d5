//! Load without pauses: so many connections, each of which asks again as soon as it has its answer.
//!
//! This is how a server is asked for all that it can do; what it leaves unused, nobody asks for. It goes on until it has
//! asked so often, or for so long. *Not here*: what a server's clients notice at a given rate
//! ([`openloop`](crate::openloop)).
//!
//! *Promise*: where it looks, an answer that is another object's counts as an error.
//! *Cost*: two syscalls and no allocation but the request's for each, on the core that is not the server's.

mod clients;
mod times;

pub(crate) use clients::{Answer, Clients};
pub(crate) use times::Times;

use crate::object::Object;
use crate::zipf::{Draws, Zipf};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where, on 127.0.0.1.
    pub port: u16,
    /// How many connections.
    pub connections: usize,
    /// What stands before the path of each object.
    pub prefix: String,
    /// How long each object's body is.
    pub bytes: u64,
    /// The objects' tag.
    pub tag: String,
    /// How many objects there are.
    pub objects: u64,
    /// The number of the first.
    pub from: u64,
    /// In which order.
    pub order: Order,
    /// How long.
    pub until: Until,
    /// Whether bodies are looked at.
    pub looks: bool,
    /// A path that each connection asks for once before it counts.
    pub first: Option<String>,
}

/// Which object is next.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// One after the other, and again from the first.
    InTurns,
    /// By Zipf's law.
    Zipf {
        /// How much more often the first are asked for.
        skew: f64,
        /// Where the draws begin.
        seed: u64,
    },
}

/// When it ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After so many requests.
    Requests(u64),
    /// After so much time: nothing is sent any more then.
    Elapsed(Duration),
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Good answers.
    pub done: u64,
    /// Others, and broken connections.
    pub errors: u64,
    /// Bytes of the bodies of good ones.
    pub bytes: u64,
    /// Seconds from the first request to the last answer.
    pub secs: f64,
    /// Milliseconds from sent to the last byte, of the good ones: the middle one.
    pub p50: f64,
    /// The one that 99 of 100 stay below.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// Asks, and waits for the last answer.
pub fn run(load: &Load) -> io::Result<Tally> {
    let mut clients = Clients::open(load.port, load.connections, load.looks)?;
    if let Some(path) = &load.first {
        use_each(&mut clients, load.connections, path)?;
    }
    let (mut times, mut tally) = (Times::new(), Tally::default());
    let mut paths = paths(load);
    let (mut sent, started) = (0, Instant::now());
    let mut next = |path: &mut String| {
        let goes_on = match load.until {
            Until::Requests(count) => sent < count,
            Until::Elapsed(time) => started.elapsed() < time,
        };
        if goes_on {
            paths(path, sent);
            sent += 1;
        }
        goes_on
    };
    clients.run(&mut next, &mut |answer| {
        if answer.is_good {
            times.add(answer.took);
            tally.bytes += answer.bytes;
        } else {
            tally.errors += 1;
        }
    })?;
    tally.secs = started.elapsed().as_secs_f64();
    tally.done = times.count();
    (tally.p50, tally.p99, tally.max) = (times.percentile(50), times.percentile(99), times.longest());
    Ok(tally)
}

/// Writes the path of the request that has that number among all.
fn paths(load: &Load) -> impl FnMut(&mut String, u64) {
    let (prefix, bytes, tag) = (load.prefix.clone(), load.bytes, load.tag.clone());
    let (objects, from) = (load.objects.max(1), load.from);
    let mut chosen = match load.order {
        Order::InTurns => None,
        Order::Zipf { skew, seed } => Some((Zipf::new(objects as usize, skew), Draws::new(seed))),
    };
    move |path, request| {
        let number = from + chosen.as_mut().map_or(request % objects, |(zipf, draws)| zipf.draw(draws));
        // Writing to a String cannot fail.
        let _ = write!(path, "{prefix}{}", Object { bytes, tag: &tag, number });
    }
}

/// Has every connection ask once: then the server has accepted it, and nothing of that counts.
pub(crate) fn use_each(clients: &mut Clients, connections: usize, path: &str) -> io::Result<()> {
    let (mut left, mut bad) = (connections, 0);
    let mut next = |into: &mut String| {
        let goes_on = left > 0;
        left -= usize::from(goes_on);
        into.push_str(path);
        goes_on
    };
    clients.run(&mut next, &mut |answer| bad += u32::from(!answer.is_good))?;
    if bad > 0 { Err(io::Error::other(format!("{bad} connections were of no use"))) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
