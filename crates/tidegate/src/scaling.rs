//! The thread that looks after instances: it measures services, has [`scale::Scaler`] decide how many instances each is
//! to have, and tells the fleets, which launch and end them.
//!
//! It is a thread of its own, so that nothing that happens to a process (a slow start, a flood of exits) makes a check or
//! an admin request late, and it lives to the end of the process. It holds the node weakly.
//!
//! *Promise*: what is decided is decided from what was measured here, in this process, each tenth of a second; each
//! decision is kept with its sum for whoever asks.
//! *Not here*: the decision (`scale`), processes (`instances`). Nothing of it is on the road of a request but the load
//! that endpoints count anyway.

mod board;
mod cluster;
mod crew;
mod hands;
mod host;
mod keda;
mod one;
mod pods;
mod told;

pub(crate) use board::Board;
pub(crate) use pods::PodsNow;

use crate::node::Node;
use anyhow::{Context, Result};
use crew::Crew;
use instances::Handed;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot};
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

/// How often services are measured.
const LOOK: Duration = Duration::from_millis(100);

/// Instances on their way to another process, by service.
pub(crate) type HandedInstances = HashMap<String, Vec<Handed>>;

/// What the thread is told.
enum Order {
    /// Another config is in force.
    Follow,
    /// Replace a service's instances, one after the other.
    Restart(Box<str>),
    /// Another process is to take over: nothing is started or ended from now on. Answers with copies of all there is.
    HandOver(std::sync::mpsc::Sender<HandedInstances>),
    /// It did not.
    GoOn,
    /// It did.
    LetGo,
    /// End all instances. Answers when they are gone.
    Stop(oneshot::Sender<()>),
}

/// The handle on the thread.
pub(crate) struct Scaling {
    orders: UnboundedSender<Order>,
    board: Arc<Board>,
}

impl Scaling {
    /// Starts the thread, with instances that an earlier process has handed over, and waits until it has them: whoever asks
    /// this process from now on finds them, and may have them replaced.
    pub(crate) fn start(node: &Arc<Node>, handed: HandedInstances) -> Result<Self> {
        let (orders, inbox) = unbounded_channel();
        let board = Arc::new(Board::default());
        let (node, theirs) = (Arc::downgrade(node), Arc::clone(&board));
        let (begun, has_begun) = std::sync::mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("instances".into())
            .spawn(move || LocalSet::new().block_on(&runtime, look_after(node, theirs, handed, begun, inbox)))
            .context("cannot start the thread that looks after instances")?;
        // Late or not, it is at work.
        let _ = has_begun.recv_timeout(ANSWER_TIMEOUT);
        Ok(Self { orders, board })
    }

    /// What is known of instances and decisions, for people.
    pub(crate) fn board(&self) -> &Board {
        &self.board
    }

    /// Another config is in force.
    pub(crate) fn follow(&self) {
        let _ = self.orders.send(Order::Follow);
    }

    /// Replaces a service's instances, one after the other. Begins at once and does not wait for the end; false where
    /// the service has no instances.
    pub(crate) fn restart(&self, service: &str) -> bool {
        let known = self.board.knows(service);
        known && self.orders.send(Order::Restart(service.into())).is_ok()
    }

    /// Copies of all instances for another process. From now on nothing is started or ended. Blocks for a moment.
    pub(crate) fn hand_over(&self) -> HandedInstances {
        let (answer, all) = std::sync::mpsc::channel();
        let _ = self.orders.send(Order::HandOver(answer));
        all.recv_timeout(ANSWER_TIMEOUT).unwrap_or_default()
    }

    /// The other process did not come.
    pub(crate) fn go_on(&self) {
        let _ = self.orders.send(Order::GoOn);
    }

    /// The other process looks after the instances.
    pub(crate) fn let_go(&self) {
        let _ = self.orders.send(Order::LetGo);
    }

    /// Ends all instances, within their `stop_timeout`.
    pub(crate) async fn stop(&self) {
        let (answer, done) = oneshot::channel();
        if self.orders.send(Order::Stop(answer)).is_ok() {
            // An error says that the thread is gone, and its instances with it.
            let _ = done.await;
        }
    }
}

/// How long the thread may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

async fn look_after(
    node: Weak<Node>,
    board: Arc<Board>,
    handed: HandedInstances,
    begun: std::sync::mpsc::Sender<()>,
    mut inbox: UnboundedReceiver<Order>,
) {
    let rung = Rc::new(Notify::new());
    let mut crew = Crew::new(node.clone(), board, Rc::clone(&rung));
    crew.adopt(handed);
    let _ = begun.send(());
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            order = inbox.recv() => match order {
                None => return crew.stop().await,
                Some(Order::Follow) => crew.follow(),
                Some(Order::Restart(service)) => crew.restart(&service),
                Some(Order::HandOver(answer)) => {
                    let _ = answer.send(crew.hand_over());
                }
                Some(Order::GoOn) => crew.freeze(false),
                Some(Order::LetGo) => crew.let_go(),
                Some(Order::Stop(answer)) => {
                    crew.stop().await;
                    let _ = answer.send(());
                }
            },
            // A service without instances costs nothing.
            _ = ticks.tick(), if !crew.is_empty() => crew.look(),
            () = rung.notified() => crew.look(),
        }
    }
}
