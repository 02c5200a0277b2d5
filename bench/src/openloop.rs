//! Load at a fixed rate: requests fall due by the clock, whatever has become of those before.
//!
//! A tool that waits for an answer before it sends the next request sends less to a server that is slow, and so hides
//! how slow it was ("coordinated omission"). Here a request that falls due is sent, over a connection that waits or
//! else a new one, and its latency counts from when it was due. One that has no whole answer [`PATIENCE`] later has
//! failed, and its client hangs up.
//!
//! *Promise*: every request that fell due while it counted is counted once, as good, or by how it failed.
//! *Cost*: one thread for the clock, one for the sockets.

mod exchange;

pub(crate) use exchange::{Asker, Outcome};
use serde::{Deserialize, Serialize};
use std::io;
use std::rc::Rc;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};

/// How long a client waits for its answer.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A request that is sent so long after it was due was not sent in time.
const LATE_START: Duration = Duration::from_millis(5);

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Where to, on 127.0.0.1.
    pub port: u16,
    /// Requests per second.
    pub rate: u32,
    /// So long before it counts.
    pub warm: Duration,
    /// So long while it counts.
    pub lasts: Duration,
    /// POST with a small body instead of GET.
    pub writes: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Requests that fell due.
    pub sent: u64,
    /// Those answered with 2xx in time.
    pub good: u64,
    /// Those answered otherwise in time.
    pub refused: u64,
    /// Those not answered in time.
    pub late: u64,
    /// Those whose connection could not be made, or broke.
    pub broken: u64,
    /// Those that this program itself sent more than `LATE_START` after they were due, because the machine did not let it
    /// run: the more there are, the less the latencies say of the server.
    pub behind: u64,
    /// Milliseconds from due to answered, of the good ones: the middle one.
    pub p50: f64,
    /// The one that 99 of 100 stay below.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// A request that falls due.
type Due = (u64, Instant);

/// Sends it and waits for the last answer. `counts` is called when it begins to count.
pub fn run(load: &Load, counts: impl FnOnce() + Send + 'static) -> io::Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (tell, due) = mpsc::unbounded_channel();
    let clock = std::thread::spawn({
        let load = *load;
        move || keep_time(&load, &tell, counts)
    });
    let asked = LocalSet::new().block_on(&runtime, send_all(load, due));
    // It ended when it dropped its side, or everything above would still run.
    let _ = clock.join();
    Ok(tally(asked))
}

/// Says when each request is due, in time.
fn keep_time(load: &Load, tell: &mpsc::UnboundedSender<Due>, counts: impl FnOnce()) {
    let gap = Duration::from_secs(1) / load.rate.max(1);
    let number = |time: Duration| (time.as_nanos() / gap.as_nanos().max(1)) as u64;
    let (first, end) = (number(load.warm), number(load.warm + load.lasts));
    let began = Instant::now();
    let mut counts = Some(counts);
    for n in 0..end {
        let due = began + gap * n as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if n == first
            && let Some(counts) = counts.take()
        {
            counts();
        }
        // Requests that do not count have no number.
        if tell.send((if n < first { 0 } else { n }, due)).is_err() {
            return;
        }
    }
}

/// What came of one request, and how long after it was due it was sent.
type Asked = (Outcome, Duration);

async fn send_all(load: &Load, mut due: mpsc::UnboundedReceiver<Due>) -> Vec<Asked> {
    let asker = Rc::new(Asker::new(load.port, "/item/", load.writes));
    let (tell, told) = std_mpsc::channel();
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            next = due.recv() => match next {
                Some((number, due)) => {
                    let (asker, tell) = (Rc::clone(&asker), tell.clone());
                    open.spawn_local(async move {
                        let behind = due.elapsed();
                        let outcome = asker.ask(number, due).await;
                        if number > 0 {
                            // The other end lives as long as this function.
                            let _ = tell.send((outcome, behind));
                        }
                    });
                }
                None => break,
            },
            Some(_) = open.join_next() => {}
        }
    }
    while open.join_next().await.is_some() {}
    drop(tell);
    told.into_iter().collect()
}

fn tally(asked: Vec<Asked>) -> Tally {
    let mut tally = Tally { sent: asked.len() as u64, ..Tally::default() };
    let mut good = Vec::with_capacity(asked.len());
    for (outcome, behind) in asked {
        tally.behind += u64::from(behind > LATE_START);
        match outcome {
            Outcome::Good(took) => good.push(took),
            Outcome::Refused => tally.refused += 1,
            Outcome::Late => tally.late += 1,
            Outcome::Broken => tally.broken += 1,
        }
    }
    good.sort_unstable();
    tally.good = good.len() as u64;
    let part = |percent: usize| {
        let at = (good.len() * percent / 100).min(good.len().saturating_sub(1));
        good.get(at).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    (tally.p50, tally.p99, tally.max) = (part(50), part(99), part(100));
    tally
}

#[cfg(test)]
mod tests;
