//! A server of the wire alone, and what happened to its responses.

use crate::play::Play;
use net::bind::{Address, bind};
use net::tls::ServerTls;
use net::{Delivery, End, HeadLimits, Listening, PaceLimits, ServerLimits, Workers};
use std::fs::File;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Far more than anything here needs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What the service saw, over all workers.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) deliveries: Mutex<Vec<Delivery>>,
    pub(crate) troubles: Mutex<Vec<String>>,
    /// Calls that are being answered.
    pub(crate) calls: AtomicUsize,
    /// Answers that are held back until a permit is added.
    pub(crate) gate: Semaphore,
    /// Where `/pass` goes.
    pub(crate) origin: Mutex<Option<SocketAddr>>,
    /// What `/file/FROM/LENGTH` sends.
    pub(crate) file: Mutex<Option<Arc<File>>>,
    /// Workers that were cut.
    pub(crate) cut: AtomicUsize,
}

/// A running server.
pub(crate) struct Server {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) record: Arc<Record>,
    pub(crate) workers: Workers,
    pub(crate) listening: Vec<Arc<Listening>>,
}

/// How a server is set up.
pub(crate) struct Setup {
    pub(crate) workers: usize,
    /// Sockets of each listener; each worker has one at least.
    pub(crate) sockets: usize,
    pub(crate) limits: ServerLimits,
    /// The most connections of each listener; there are as many listeners.
    pub(crate) listeners: Vec<usize>,
    pub(crate) max_connections: usize,
    /// The TLS of all listeners.
    pub(crate) tls: Option<Arc<ServerTls>>,
}

impl Default for Setup {
    fn default() -> Self {
        let pace = PaceLimits { silence: DEADLINE, rate: 0 };
        let limits = ServerLimits {
            head: HeadLimits::default(),
            head_timeout: DEADLINE,
            idle_timeout: DEADLINE,
            read: pace,
            write: pace,
            requests: u64::MAX,
            h2_streams: 100,
        };
        Self { workers: 1, sockets: 1, limits, listeners: vec![1000], max_connections: 1000, tls: None }
    }
}

impl Setup {
    pub(crate) fn start(self) -> Server {
        let record = Arc::new(Record {
            deliveries: Mutex::default(),
            troubles: Mutex::default(),
            calls: AtomicUsize::new(0),
            gate: Semaphore::new(0),
            origin: Mutex::default(),
            file: Mutex::default(),
            cut: AtomicUsize::new(0),
        });
        let listening: Vec<_> = self
            .listeners
            .iter()
            .enumerate()
            .map(|(id, most)| {
                let listening = listening(id, self.workers.max(self.sockets), *most);
                Arc::new(Listening { tls: self.tls.clone(), ..listening })
            })
            .collect();
        let addresses =
            listening.iter().map(|l| l.sockets.lock().unwrap()[0].local_addr().unwrap()).collect();
        let shared = Arc::clone(&record);
        let workers = Workers::start(self.workers, move |_| Play::new(Arc::clone(&shared))).unwrap();
        workers.listen(&listening, &self.limits, self.max_connections);
        Server { addresses, record, workers, listening }
    }
}

/// A listener on one port with that many sockets.
fn listening(id: usize, count: usize, max_connections: usize) -> Listening {
    let first = bind(&Address::Ip("127.0.0.1:0".parse().unwrap()), true).unwrap();
    let address = Address::Ip(first.local_addr().unwrap());
    let mut sockets = vec![first];
    sockets.resize_with(count, || bind(&address, true).unwrap());
    Listening {
        id,
        sockets: sockets.into(),
        is_unix: false,
        tls: None,
        http1: true,
        http2: true,
        proxy_protocol: None,
        max_connections,
        open: AtomicUsize::new(0),
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Setup::default().start()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Waits until so many responses have departed, and tells how the last one ended.
    pub(crate) fn delivery(&self, count: usize) -> Delivery {
        let deliveries = &self.record.deliveries;
        until(&format!("{count} deliveries"), || deliveries.lock().unwrap().len() >= count);
        deliveries.lock().unwrap()[count - 1]
    }

    pub(crate) fn end(&self) -> End {
        self.delivery(1).end
    }

    /// Waits until so many calls are being answered.
    pub(crate) fn calls(&self, count: usize) {
        until(&format!("{count} calls"), || self.record.calls.load(Ordering::Relaxed) == count);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.workers.drain();
    }
}

/// Waits for a condition, a few times a millisecond.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_micros(300));
    }
    began.elapsed()
}
