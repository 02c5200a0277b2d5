//! What clients notice of a purge: half of the objects they ask for go, the other half stays.
//!
//! All objects are in the cache when it begins. Connections ask without pause, in turns for one of those that stay and one of
//! those that go, drawn from a seed. After a while the admin API is told to purge the tag of the one half. A body tells when
//! the source gave it out; so from the moment the purge is sent, an answer with an older body of what was to go came too
//! late to be right, and the last of these tells how long the purge took to be in effect.
//!
//! *Not here*: filling the cache ([`closedloop`](crate::closedloop)).

use crate::closedloop::{Answer, Clients, Times, use_each};
use crate::object::{Object, now};
use crate::zipf::Draws;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The tag of what stays.
pub const STAYS: &str = "stays";
/// The tag of what goes.
pub const GOES: &str = "goes";

/// How long the purge may take to be answered.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked for, and who purges.
#[derive(Clone, Copy, Debug)]
pub struct Purging {
    /// The cache, on 127.0.0.1.
    pub port: u16,
    /// Its admin API.
    pub admin: u16,
    /// How many connections.
    pub connections: usize,
    /// The length of each object's body.
    pub bytes: u64,
    /// How many objects there are of each half.
    pub objects: u64,
    /// So long before the purge, and so long from its beginning.
    pub each: Duration,
}

/// What clients noticed. Times are in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Noticed {
    /// The status with which the purge was answered.
    pub status: u16,
    /// What the answer said.
    pub said: String,
    /// From sent to the end of the answer.
    pub answered: f64,
    /// From sent to the end of the last answer with a body that should have gone.
    pub effect: f64,
    /// Answers with such a body from then on.
    pub old: u64,
    /// 99 of 100 requests for what stays took less, before.
    pub p99_before: f64,
    /// The same, from the purge on.
    pub p99_during: f64,
    /// The longest, before.
    pub max_before: f64,
    /// The longest, from the purge on.
    pub max_during: f64,
    /// Answers from the purge on.
    pub done: u64,
    /// Answers that were not good.
    pub errors: u64,
}

/// When the purge was sent, once it was: as bodies tell it, 0 before.
type Sent = Arc<AtomicU64>;

/// Asks, purges, asks on, and tells.
pub fn run(purging: &Purging) -> io::Result<Noticed> {
    let mut clients = Clients::open(purging.port, purging.connections, true)?;
    let object = Object { bytes: purging.bytes, tag: STAYS, number: 0 };
    use_each(&mut clients, purging.connections, &object.to_string())?;
    let sent = Sent::default();
    let purge = std::thread::spawn({
        let (sent, purging) = (Arc::clone(&sent), *purging);
        move || {
            // This is the schedule of the load, not a wait for something to happen.
            std::thread::sleep(purging.each);
            sent.store(now(), Ordering::Release);
            purge(purging.admin, GOES)
        }
    });
    let mut noticed = ask(purging, &mut clients, &sent)?;
    let told = purge.join().map_err(|_| io::Error::other("the purge broke off"))??;
    (noticed.status, noticed.said, noticed.answered) = told;
    Ok(noticed)
}

/// The load, before the purge and from its beginning.
fn ask(purging: &Purging, clients: &mut Clients, sent: &Sent) -> io::Result<Noticed> {
    let (mut draws, mut goes) = (Draws::new(1), false);
    let end = Instant::now() + 2 * purging.each;
    let mut next = |path: &mut String| {
        goes = !goes;
        let tag = if goes { GOES } else { STAYS };
        let number = draws.below(purging.objects.max(1));
        // Writing to a String cannot fail.
        let _ = write!(path, "{}", Object { bytes: purging.bytes, tag, number });
        Instant::now() < end
    };
    let mut noticed = Noticed::default();
    let (mut before, mut during) = (Times::new(), Times::new());
    clients.run(&mut next, &mut |answer| {
        let sent = sent.load(Ordering::Acquire);
        noticed.errors += u64::from(!answer.is_good);
        noticed.done += u64::from(sent > 0);
        if goes_away(answer) {
            if sent > 0 && answer.given_out.is_some_and(|given_out| given_out < sent) {
                noticed.old += 1;
                noticed.effect = now().saturating_sub(sent) as f64 / 1e6;
            }
        } else {
            (if sent > 0 { &mut during } else { &mut before }).add(answer.took);
        }
    })?;
    (noticed.p99_before, noticed.max_before) = (before.percentile(99), before.longest());
    (noticed.p99_during, noticed.max_during) = (during.percentile(99), during.longest());
    Ok(noticed)
}

fn goes_away(answer: &Answer<'_>) -> bool {
    Object::at(answer.path).is_some_and(|object| object.tag == GOES)
}

/// Purges a tag; returns the status, what was said, and how long that took.
fn purge(admin: u16, tag: &str) -> io::Result<(u16, String, f64)> {
    let started = Instant::now();
    let mut socket = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, admin)), PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let body = format!("{{\"tags\":[\"{tag}\"]}}");
    write!(
        socket,
        "POST /api/purge HTTP/1.1\r\nHost: 127.0.0.1:{admin}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut said = String::new();
    socket.take(64 * 1024).read_to_string(&mut said)?;
    let took = started.elapsed().as_secs_f64() * 1e3;
    let (head, body) = said.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let status =
        head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, body.trim().to_owned(), took))
}

#[cfg(test)]
mod tests;
