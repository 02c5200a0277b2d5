//! Gentle traffic of its own for `tidegate demo --traffic`, so that the live line shows life.
//!
//! Four clients with one connection each, in turns, at most twenty GETs a second together. Each request has a
//! deadline; a client that fails connects anew at its next turn, so no gateway is pressed.

use base::IdSource;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

const CLIENTS: u32 = 4;
const MOST_PER_SECOND: u32 = 20;
const DEADLINE: Duration = Duration::from_secs(5);

/// Sends about `per_second` GETs a second (1 to 20) of a mixed kind to `gateway`, until `shutdown` completes.
pub async fn traffic(gateway: SocketAddr, per_second: u32, shutdown: impl Future<Output = ()>) {
    let beat = Duration::from_secs(1) / per_second.clamp(1, MOST_PER_SECOND);
    let mut clients = JoinSet::new();
    for nth in 0..CLIENTS {
        clients.spawn(visit(gateway, beat * nth, beat * CLIENTS, u64::from(nth)));
    }
    // The clients go on for ever; they are aborted when the set is dropped.
    shutdown.await;
}

/// One client: begins after `delay`, then has a turn each `period`.
async fn visit(gateway: SocketAddr, delay: Duration, period: Duration, seed: u64) {
    tokio::time::sleep(delay).await;
    let mut choice = IdSource::seeded(seed);
    let mut turns = interval(period);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut line = None;
    loop {
        turns.tick().await;
        let path = page(&mut choice);
        // Whatever happens shows in the gateway's own counters; here it only costs the connection.
        line = timeout(DEADLINE, call(line.take(), gateway, &path)).await.ok().flatten();
    }
}

/// What a visitor of a shop looks at: mostly products, now and then something that fails.
fn page(choice: &mut IdSource) -> String {
    const WORDS: [&str; 4] = ["lamp", "garden", "box", "water"];
    let id = choice.below(50) + 1;
    match choice.below(20) {
        0..10 => format!("/v1/products/{id}"),
        10..13 => "/v1/products?limit=10".to_owned(),
        13..16 => format!("/v1/search?q={}", WORDS[id % WORDS.len()]),
        16..18 => format!("/v1/images/{id}.svg"),
        18 => "/v1/me".to_owned(),
        _ => "/v1/flaky".to_owned(),
    }
}

/// A connection; the task that drives it ends with it.
pub(super) struct Line {
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn connect(gateway: SocketAddr) -> Option<Line> {
    let stream = TcpStream::connect(gateway).await.ok()?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    // How a connection ends is seen by the sender.
    let driver = tokio::spawn(async { drop(connection.await) });
    Some(Line { sender, driver })
}

/// One request, on that line or on a new one. Gives the line back where it can be used again.
pub(super) async fn call(line: Option<Line>, gateway: SocketAddr, path: &str) -> Option<Line> {
    let mut line = match line.filter(|line| !line.sender.is_closed()) {
        Some(line) => line,
        None => connect(gateway).await?,
    };
    line.sender.ready().await.ok()?;
    let request = Request::get(path)
        .header(header::HOST, gateway.to_string())
        .header(header::USER_AGENT, "tidegate-demo-traffic")
        .body(Empty::new())
        .ok()?;
    let mut body = line.sender.send_request(request).await.ok()?.into_body();
    // Read, not kept: an answer of any size costs no memory.
    while let Some(frame) = body.frame().await {
        frame.ok()?;
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_visitor_looks_at_the_same_pages_and_at_every_kind() {
        let pages = || {
            let mut choice = IdSource::seeded(1);
            (0..400).map(|_| page(&mut choice)).collect::<Vec<_>>()
        };
        assert_eq!(pages(), pages());
        for kind in ["/v1/products/", "/v1/products?", "/v1/search?q=", "/v1/images/", "/v1/me", "/v1/flaky"]
        {
            assert!(pages().iter().any(|path| path.starts_with(kind)), "{kind}");
        }
    }
}
