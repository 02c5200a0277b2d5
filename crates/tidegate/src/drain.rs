//! The end of a process: waiting for what is under way, and cutting what takes too long.
//!
//! A process that is stopped has `limits.drain_timeout`. One whose place another has taken has much longer, for it is in
//! nobody's way: WebSockets and streams live on until they end. A signal says that somebody waits after all.

use crate::node::Node;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long a client of such a process, whose connection is idle, may take to ask once more. It cannot know that it had
/// better not.
pub(crate) const IDLE_PATIENCE: Duration = Duration::from_secs(5);
/// How soon a drained node notices that it is.
const LOOK: Duration = Duration::from_millis(20);
/// How long workers that are cut may take to write down what they dropped.
const CUT_TIMEOUT: Duration = Duration::from_secs(2);

/// Waits for the last connection, within the drain's time.
pub(crate) async fn drained(node: &Node) -> ExitCode {
    let mut signals = Signals::new();
    let mut told = false;
    // A signal to a process that stops cuts what is left. One to a process that was replaced makes it stop.
    let mut stopping = node.successor().is_none();
    let mut until = Instant::now() + if stopping { node.drain_timeout() } else { node.upgrade_timeout() };
    while !node.is_drained() {
        let open = node.open_connections();
        if open > 0 && !told {
            told = true;
            observe::log::info(format_args!("draining: {open} connections are open{}", of_process(node)));
        }
        if Instant::now() >= until {
            let limit = if stopping { "drain_timeout" } else { "the time for streams behind an upgrade" };
            cut(node, limit, "has passed").await;
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = signals.next() => {
                if stopping {
                    cut(node, "told again to stop", "").await;
                    break;
                }
                stopping = true;
                node.stop_waiting();
                until = until.min(Instant::now() + node.drain_timeout());
            }
        }
    }
    if node.successor().is_some() {
        observe::log::info(format_args!("process {} has ended its work", std::process::id()));
    }
    ExitCode::SUCCESS
}

/// Two processes write to the same log behind an upgrade.
fn of_process(node: &Node) -> String {
    node.successor().map(|_| format!(" in process {}", std::process::id())).unwrap_or_default()
}

/// Cuts what is under way, and waits until that has been written down.
async fn cut(node: &Node, why: &str, how: &str) {
    let open = node.open_connections();
    let why = if how.is_empty() { why.to_owned() } else { format!("{why} {how}") };
    observe::log::warning(format_args!("{why}: {open} connections are cut{}", of_process(node)));
    node.cut();
    let until = Instant::now() + CUT_TIMEOUT;
    while !node.is_drained() && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
}

/// SIGTERM and SIGINT.
struct Signals([Option<Signal>; 2]);

impl Signals {
    fn new() -> Self {
        Self([signal(SignalKind::terminate()).ok(), signal(SignalKind::interrupt()).ok()])
    }

    async fn next(&mut self) {
        let [terminate, interrupt] = &mut self.0;
        tokio::select! { () = next(terminate) => {}, () = next(interrupt) => {} }
    }
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
