//! Instances of one service, some of which go wrong on command: what stands behind the servers in `faults`.
//!
//! All instances live on one thread and listen on ports of 127.0.0.1. Each works like an application server: so many
//! requests at a time, some milliseconds each, the rest waits. Until [`Fleet::go_wrong`] all are well, so that every
//! server is measured from a warm start; from then on each behaves as its [`Conduct`] says, and counts what it gets.
//!
//! `/healthz` is answered as real instances do: the one whose every answer is a 500 says that it is well, the slow one is
//! slow, the one that hangs is silent, the others answer while they listen.
//!
//! *Not here*: who sends the requests, and what came of them ([`openloop`](crate::openloop)).
//! *Cost*: a few microseconds for each request, on the core that is not the server's.

mod instance;
mod request;

use clap::ValueEnum;
use instance::Instance;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

/// How an instance behaves once things go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Conduct {
    /// Answers after 2 to 3 ms.
    Healthy,
    /// Well for a time, then its process is gone: connections are reset, new ones refused.
    Dies,
    /// Answers 500 at once.
    Fails,
    /// Takes ten times as long.
    Slow,
    /// Takes connections and requests, and never answers.
    Hangs,
    /// Well for 2 s, gone for 2 s, and so on.
    Flaps,
}

/// Five that are well, and one of each kind that is not.
pub(crate) const FAULTY: [Conduct; 10] = [
    Conduct::Healthy,
    Conduct::Dies,
    Conduct::Healthy,
    Conduct::Fails,
    Conduct::Healthy,
    Conduct::Slow,
    Conduct::Healthy,
    Conduct::Hangs,
    Conduct::Healthy,
    Conduct::Flaps,
];

/// The first port that is tried. Ports below 32768 are not given to outgoing connections (`ip_local_port_range`), so
/// none of those can take the port of an instance while it is away, or connect to itself there.
const FIRST_PORT: u16 = 20_000;
/// How many are tried for each fleet.
const PORTS: u16 = 10_000;

/// Each request by its number, and how many instances were handed it.
type Ledger = Rc<RefCell<HashMap<u64, u32>>>;

/// Running instances.
pub struct Fleet {
    ports: Vec<u16>,
    instances: Vec<Rc<Instance>>,
    wrong: watch::Sender<Option<Instant>>,
    ledger: Ledger,
}

impl Fleet {
    /// Starts one instance for each. To be called in a `LocalSet`.
    pub async fn start(conducts: &[Conduct], dies_after: Duration) -> io::Result<Self> {
        let (wrong, wrong_since) = watch::channel(None);
        let ledger = Ledger::default();
        let (mut ports, mut instances) = (Vec::new(), Vec::new());
        for &conduct in conducts {
            let listener = listener().await?;
            ports.push(listener.local_addr()?.port());
            let instance = Instance::new(conduct, dies_after, wrong_since.clone(), Rc::clone(&ledger));
            tokio::task::spawn_local(Rc::clone(&instance).live(listener));
            instances.push(instance);
        }
        Ok(Self { ports, instances, wrong, ledger })
    }

    /// Where they listen, in the order of their conducts.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// From now on each behaves as it was told, and requests are counted.
    pub fn go_wrong(&self) {
        self.wrong.send_replace(Some(Instant::now()));
    }

    /// The requests that each has received since then, health checks left out.
    pub fn received(&self) -> Vec<u64> {
        self.instances.iter().map(|instance| instance.received.get()).collect()
    }

    /// Requests that more than one instance received.
    pub fn repeated(&self) -> usize {
        self.ledger.borrow().values().filter(|times| **times > 1).count()
    }
}

/// A port that nobody listens on, apart from those of outgoing connections. It comes again only behind all others: an
/// instance that is away, or has just ended, may still be asked, and nobody else shall get its requests.
async fn listener() -> io::Result<TcpListener> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..PORTS {
        let next = std::process::id().wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST_PORT + (next % u32::from(PORTS)) as u16;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests;
