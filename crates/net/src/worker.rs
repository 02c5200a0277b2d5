//! Workers: one thread a core, each with its own runtime, listening sockets and service.
//!
//! The kernel spreads new connections over the workers' sockets by hash (`SO_REUSEPORT`). With few long connections
//! that is uneven (of 8 connections on 4 workers one often has 4), so a worker that is ahead of the least busy one
//! passes a new connection on before its first byte is read.
//!
//! A drain loses no connection that the kernel has taken for us: a worker ends only when its accepting tasks have, and
//! when what others have passed on to it is served too.

use crate::acceptor::{Acceptor, accept_now, adopt, is_one_connections_fault, release};
use crate::conn;
use crate::drain::Drain;
use crate::h1::ServerLimits;
use crate::listening::Listening;
use crate::service::{Service, Trouble};
use crate::stream::Stream;
use base::turn;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle as Task, LocalSet, spawn_local};

/// How often a service's `tick` is called.
const TICK: Duration = Duration::from_millis(200);
/// Rest after a failed accept: the limit of open files does not go away at once.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How often a draining worker looks whether it is done.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// How often a worker that accepts nothing looks whether it may again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What a worker is told.
enum Order {
    Listen(Vec<Arc<Listening>>, ServerLimits),
    Serve(OwnedFd, Held),
    /// Idle connections have so much time left.
    Drain(Duration),
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
    /// Draining workers are to end now, whatever is under way.
    cut: AtomicBool,
    /// How often each worker has ticked.
    ticks: Vec<AtomicU64>,
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
            cut: AtomicBool::new(false),
            ticks: (0..count).map(|_| AtomicU64::new(0)).collect(),
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
                    let _inside = runtime.enter();
                    let local = LocalSet::new();
                    let service = Rc::new(service(core));
                    let worker = Rc::new(Worker {
                        core,
                        service: Rc::clone(&service),
                        crew: shared,
                        drain: Drain::default(),
                        limits: RefCell::default(),
                    });
                    runtime.block_on(in_turns(local.run_until(worker.run(inbox))));
                    // What was cut departs here, and is written out behind it.
                    drop(local);
                    service.tick(Instant::now());
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
        self.drain_within(Duration::ZERO);
    }

    /// Like [`Self::drain`], but a connection that is idle has `patience` to ask once more. For a process whose place
    /// another takes: its clients cannot know, and have no reason to be refused.
    pub fn drain_within(&self, patience: Duration) {
        for worker in &self.orders {
            let _ = worker.send(Order::Drain(patience));
        }
    }

    /// Ends draining workers at once. What is under way is dropped, and departs as such.
    pub fn cut(&self) {
        self.shared.cut.store(true, Ordering::Release);
    }

    /// How often each worker has ticked, which it does every 200 ms: one that does not is stuck or gone.
    pub fn ticks(&self) -> Vec<u64> {
        self.shared.ticks.iter().map(|ticks| ticks.load(Ordering::Relaxed)).collect()
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

/// Runs a worker to its end. Each time the runtime comes here is a turn of all its tasks.
async fn in_turns(running: impl Future<Output = ()>) {
    let mut running = pin!(running);
    poll_fn(|cx| {
        turn::begin();
        running.as_mut().poll(cx)
    })
    .await;
    turn::end();
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
        let mut accepting: Vec<Task<()>> = Vec::new();
        let ticker = spawn_local(Rc::clone(&self).tick());
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Listen(listening, limits) => {
                    *self.limits.borrow_mut() = Some(Rc::new(limits));
                    accepting.drain(..).for_each(|task| task.abort());
                    for listening in listening {
                        for number in self.numbers_of_sockets(&listening) {
                            let listening = Arc::clone(&listening);
                            accepting.push(spawn_local(Rc::clone(&self).accept(listening, number)));
                        }
                    }
                }
                Order::Serve(socket, held) => self.adopt(socket, held),
                Order::Drain(patience) => {
                    self.drain.begin(patience);
                    self.service.drain();
                    break;
                }
            }
        }
        self.finish(inbox, &accepting).await;
        ticker.abort();
    }

    /// Which of a listener's sockets are this worker's.
    fn numbers_of_sockets(&self, listening: &Listening) -> impl Iterator<Item = usize> + use<S> {
        let sockets = listening.sockets.lock().unwrap_or_else(PoisonError::into_inner).len();
        (self.core..sockets).step_by(self.crew.open.len())
    }

    /// Serves what is left, until nothing is, or it is cut.
    async fn finish(self: &Rc<Self>, mut inbox: UnboundedReceiver<Order>, accepting: &[Task<()>]) {
        loop {
            while let Ok(order) = inbox.try_recv() {
                self.late(order);
            }
            if self.crew.cut.load(Ordering::Acquire) {
                return self.service.cut();
            }
            // The accepting tasks take what waits to be accepted, and end.
            let idle = accepting.iter().all(Task::is_finished)
                && self.crew.open[self.core].load(Ordering::Acquire) == 0;
            if idle {
                // Nobody can pass a connection on to a closed inbox; one that came just before is still in it.
                inbox.close();
                match inbox.recv().await {
                    Some(order) => self.late(order),
                    None => return,
                }
            }
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    }

    /// An order to a worker that drains.
    fn late(self: &Rc<Self>, order: Order) {
        match order {
            Order::Serve(socket, held) => self.adopt(socket, held),
            Order::Drain(patience) => self.drain.begin(patience),
            Order::Listen(..) => {}
        }
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
            self.crew.ticks[self.core].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Accepts on the listener's socket of that number.
    async fn accept(self: Rc<Self>, listening: Arc<Listening>, number: usize) {
        let acceptor = loop {
            match Acceptor::new(&listening, number) {
                Ok(acceptor) => break acceptor,
                // The listener was closed meanwhile.
                Err(e) if e.kind() == io::ErrorKind::NotFound => return,
                Err(_) if self.drain.is_draining() => return,
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
                None => return self.take_rest(acceptor, &listening),
                Some(Ok(stream)) => self.place(stream, &listening),
                Some(Err(e)) if is_one_connections_fault(&e) => {}
                Some(Err(_)) if self.drain.is_draining() => return,
                Some(Err(e)) => {
                    self.service.trouble(listening.id, &Trouble::Accept(e));
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    /// Takes what waits to be accepted, asking the kernel itself: the runtime may not have heard of it yet.
    fn take_rest(self: &Rc<Self>, acceptor: Acceptor, listening: &Arc<Listening>) {
        let Ok(listener) = acceptor.into_listener() else { return };
        loop {
            match accept_now(&listener) {
                Ok(stream) => self.place(stream, listening),
                Err(e) if is_one_connections_fault(&e) => {}
                Err(_) => return,
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
            let Ok(socket) = release(stream) else { return };
            // That worker may have ended its drain meanwhile.
            if let Err(SendError(Order::Serve(socket, _))) =
                self.crew.orders[idlest].send(Order::Serve(socket, held))
            {
                self.adopt(socket, Held::new(&self.crew, self.core, listening));
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
