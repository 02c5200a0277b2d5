//! Workers: one thread a core, each with its own runtime, listening sockets and service.
//!
//! The kernel spreads new connections over the workers' sockets by hash (`SO_REUSEPORT`). With few long connections
//! that is uneven (of 8 connections on 4 workers one often has 4), so a worker that is ahead of the least busy one
//! passes a new connection on before its first byte is read.

use crate::bind::Listener;
use crate::conn;
use crate::drain::Drain;
use crate::h1::ServerLimits;
use crate::listening::Listening;
use crate::service::{Service, Trouble};
use crate::stream::Stream;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, LocalSet, spawn_local};

/// How often a service's `tick` is called.
const TICK: Duration = Duration::from_millis(200);
/// Rest after a failed accept: the limit of open files does not go away at once.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How often a worker that accepts nothing looks whether it may again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What a worker is told.
enum Order {
    Listen(Vec<Arc<Listening>>, ServerLimits),
    Serve(OwnedFd, Held),
    Drain,
}

/// The handle on all workers.
#[derive(Debug)]
pub struct Workers {
    orders: Vec<UnboundedSender<Order>>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Crew>,
}

/// What the workers know of each other.
#[derive(Debug)]
struct Crew {
    /// Open connections of each worker.
    open: Vec<AtomicUsize>,
    orders: Vec<UnboundedSender<Order>>,
    /// Most connections over all listeners.
    max_connections: AtomicUsize,
    /// The limits in force: a connection may be passed on to a worker that has not heard of them yet.
    limits: Mutex<Option<ServerLimits>>,
}

impl Workers {
    /// Starts `count` workers. `service` is called once on each worker's thread, with the worker's number.
    pub fn start<S: Service>(
        count: usize,
        service: impl Fn(usize) -> S + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (orders, inboxes): (Vec<_>, Vec<_>) = (0..count).map(|_| unbounded_channel()).unzip();
        let shared = Arc::new(Crew {
            open: (0..count).map(|_| AtomicUsize::new(0)).collect(),
            orders: orders.clone(),
            max_connections: AtomicUsize::new(usize::MAX),
            limits: Mutex::default(),
        });
        let service = Arc::new(service);
        let threads = inboxes
            .into_iter()
            .enumerate()
            .map(|(core, inbox)| {
                let (service, shared) = (Arc::clone(&service), Arc::clone(&shared));
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
                std::thread::Builder::new().name(format!("worker-{core}")).spawn(move || {
                    let local = LocalSet::new();
                    let worker = Rc::new(Worker {
                        core,
                        service: Rc::new(service(core)),
                        crew: shared,
                        drain: Drain::default(),
                        limits: RefCell::default(),
                    });
                    local.block_on(&runtime, worker.run(inbox));
                })
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { orders, threads, shared })
    }

    /// Listens on exactly these from now on. Connections of listeners that are gone live on.
    pub fn listen(&self, listening: &[Arc<Listening>], limits: &ServerLimits, max_connections: usize) {
        self.shared.max_connections.store(max_connections, Ordering::Relaxed);
        *self.shared.limits.lock().unwrap_or_else(PoisonError::into_inner) = Some(limits.clone());
        for worker in &self.orders {
            // A worker that is gone has panicked; the others serve on.
            let _ = worker.send(Order::Listen(listening.to_vec(), limits.clone()));
        }
    }

    /// Stops listening, closes idle connections, and lets the others end. The workers end with their last connection.
    pub fn drain(&self) {
        for worker in &self.orders {
            let _ = worker.send(Order::Drain);
        }
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.shared.open.iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }

    /// Have all workers ended?
    pub fn ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }
}

struct Worker<S> {
    core: usize,
    service: Rc<S>,
    crew: Arc<Crew>,
    drain: Drain,
    limits: RefCell<Option<Rc<ServerLimits>>>,
}

impl<S: Service> Worker<S> {
    async fn run(self: Rc<Self>, mut inbox: UnboundedReceiver<Order>) {
        let mut accepting: Vec<AbortHandle> = Vec::new();
        let ticker = spawn_local(Rc::clone(&self).tick());
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Listen(listening, limits) => {
                    *self.limits.borrow_mut() = Some(Rc::new(limits));
                    accepting.drain(..).for_each(|task| task.abort());
                    for listening in listening {
                        accepting.push(spawn_local(Rc::clone(&self).accept(listening)).abort_handle());
                    }
                }
                Order::Serve(socket, held) => self.adopt(socket, held),
                Order::Drain => {
                    // Each takes what waits to be accepted, and ends.
                    accepting.clear();
                    self.drain.begin();
                    break;
                }
            }
        }
        while self.crew.open[self.core].load(Ordering::Relaxed) > 0 {
            // A connection may have been passed on just before.
            while let Ok(order) = inbox.try_recv() {
                if let Order::Serve(socket, held) = order {
                    self.adopt(socket, held);
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        ticker.abort();
        self.service.tick(Instant::now());
    }

    fn adopt(self: &Rc<Self>, socket: OwnedFd, held: Held) {
        if let Ok(stream) = adopt(socket, &held.listening) {
            Rc::clone(self).serve(stream, held);
        }
    }

    async fn tick(self: Rc<Self>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.service.tick(interval.tick().await.into_std());
        }
    }

    async fn accept(self: Rc<Self>, listening: Arc<Listening>) {
        let acceptor = loop {
            match Acceptor::new(&listening, self.core) {
                Ok(acceptor) => break acceptor,
                // The listener was closed meanwhile.
                Err(e) if e.kind() == io::ErrorKind::NotFound => return,
                Err(e) => self.service.trouble(listening.id, &Trouble::Accept(e)),
            }
            tokio::time::sleep(ACCEPT_REST).await;
        };
        let seat = self.drain.seat();
        loop {
            while !self.service.accepts() && !seat.is_draining() {
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            let accepted = poll_fn(|cx| match acceptor.poll_accept(cx) {
                Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
                Poll::Pending if seat.poll_draining(cx) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            match accepted.await {
                None => return,
                Some(Ok(stream)) => self.place(stream, &listening),
                Some(Err(e)) if is_one_connections_fault(&e) => {}
                Some(Err(e)) => {
                    self.service.trouble(listening.id, &Trouble::Accept(e));
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    /// Serves a new connection here, or passes it on to a worker that has clearly less to do.
    fn place(self: &Rc<Self>, stream: Stream, listening: &Arc<Listening>) {
        let open: Vec<usize> = self.crew.open.iter().map(|n| n.load(Ordering::Relaxed)).collect();
        // Each limit counts what it limits: all connections, or those of this listener.
        let limits = [
            (open.iter().sum(), self.crew.max_connections.load(Ordering::Relaxed)),
            (listening.open.load(Ordering::Relaxed), listening.max_connections),
        ];
        if let Some((_, most)) = limits.into_iter().find(|(open, most)| open >= most) {
            return self.service.trouble(listening.id, &Trouble::Full(most));
        }
        let (idlest, least) =
            open.iter().copied().enumerate().min_by_key(|&(_, n)| n).unwrap_or((self.core, open[self.core]));
        // An eighth of imbalance is noise among many connections and not worth a hop.
        if open[self.core] > least + 1 + least / 8 {
            let held = Held::new(&self.crew, idlest, listening);
            if let Ok(socket) = release(stream) {
                let _ = self.crew.orders[idlest].send(Order::Serve(socket, held));
            }
        } else {
            Rc::clone(self).serve(stream, Held::new(&self.crew, self.core, listening));
        }
    }

    fn serve(self: Rc<Self>, stream: Stream, held: Held) {
        let known = self.limits.borrow().clone();
        let shared = || self.crew.limits.lock().unwrap_or_else(PoisonError::into_inner).clone().map(Rc::new);
        let Some(limits) = known.or_else(shared) else { return };
        spawn_local(async move {
            self.service.connections(held.listening.id, 1);
            conn::run(stream, &held.listening, self.core, &self.service, &limits, &self.drain).await;
            self.service.connections(held.listening.id, -1);
        });
    }
}

/// One open connection, counted as long as this lives.
struct Held {
    crew: Arc<Crew>,
    core: usize,
    listening: Arc<Listening>,
}

impl Held {
    fn new(crew: &Arc<Crew>, core: usize, listening: &Arc<Listening>) -> Self {
        crew.open[core].fetch_add(1, Ordering::Relaxed);
        listening.open.fetch_add(1, Ordering::Relaxed);
        Self { crew: Arc::clone(crew), core, listening: Arc::clone(listening) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.crew.open[self.core].fetch_sub(1, Ordering::Relaxed);
        self.listening.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A listening socket inside a worker's runtime.
enum Acceptor {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Acceptor {
    fn new(listening: &Listening, core: usize) -> io::Result<Self> {
        let sockets = listening.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        match sockets.get(core).ok_or(io::ErrorKind::NotFound)?.try_clone()? {
            Listener::Tcp(tcp) => tokio::net::TcpListener::from_std(tcp).map(Self::Tcp),
            Listener::Unix(unix) => tokio::net::UnixListener::from_std(unix).map(Self::Unix),
        }
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        match self {
            Self::Tcp(listener) => {
                let (tcp, _) = ready!(listener.poll_accept(cx))?;
                // Answers are written whole: waiting for more to fill a segment only adds latency.
                tcp.set_nodelay(true)?;
                Poll::Ready(Ok(Stream::Tcp(tcp)))
            }
            Self::Unix(listener) => {
                let (unix, _) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok(Stream::Unix(unix)))
            }
        }
    }
}

/// A client that left while it waited to be accepted is no fault of the listener (accept(2)).
fn is_one_connections_fault(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotConnected
    )
}

/// Takes a plain stream out of this worker's runtime.
fn release(stream: Stream) -> io::Result<OwnedFd> {
    match stream {
        Stream::Tcp(tcp) => tcp.into_std().map(OwnedFd::from),
        Stream::Unix(unix) => unix.into_std().map(OwnedFd::from),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Takes a stream that another worker accepted into this worker's runtime.
fn adopt(socket: OwnedFd, listening: &Listening) -> io::Result<Stream> {
    if listening.is_unix {
        tokio::net::UnixStream::from_std(socket.into()).map(Stream::Unix)
    } else {
        tokio::net::TcpStream::from_std(socket.into()).map(Stream::Tcp)
    }
}
