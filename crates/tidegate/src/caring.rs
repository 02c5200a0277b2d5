//! The thread that looks after services: checks, ejections, discovery, and how hard-pressed the process itself is.
//!
//! It is not the control thread, so that no admin request and no reload makes a check late. It holds the node weakly and
//! ends with it.

use crate::discovery;
use crate::node::Node;
use crate::vitals::Vitals;
use anyhow::{Context, Result};
use std::rc::Rc;
use std::sync::{Arc, Weak};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;
use upstream::{CARE_TICK, Care, Discoveries};

/// Starts it.
pub(crate) fn start(node: &Arc<Node>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let node = Arc::downgrade(node);
    std::thread::Builder::new()
        .name("care".into())
        .spawn(move || LocalSet::new().block_on(&runtime, care(node)))
        .context("cannot start the thread that looks after services")?;
    Ok(())
}

async fn care(node: Weak<Node>) {
    let Some(strong) = node.upgrade() else { return };
    let care = Care::new(strong.clock());
    let (sender, mut found) = unbounded_channel();
    let mut discoveries = Discoveries::new(Rc::new(move |service: &str, endpoints| {
        // A closed channel is the end of this thread.
        let _ = sender.send((Box::<str>::from(service), endpoints));
    }));
    let mut vitals = Vitals::new(&strong);
    care.adopt(strong.services());
    discoveries.adopt(strong.discoveries());
    drop(strong);
    let mut ticks = tokio::time::interval(CARE_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // The node is not held while nothing happens, or it would never end.
        let news = tokio::select! {
            _ = ticks.tick() => None,
            news = found.recv() => news,
        };
        let Some(node) = node.upgrade() else { return };
        if let Some((service, endpoints)) = news {
            node.found(&service, discovery::settled(endpoints));
        }
        if node.has_only_streams() {
            // The process that has taken over looks after them: endpoints should not be asked by both, and nobody wants
            // to read here what has become of those that are replaced.
            care.adopt(Vec::new());
            discoveries.adopt(Vec::new());
        } else if node.take_changed() {
            care.adopt(node.services());
            discoveries.adopt(node.discoveries());
        }
        care.tick();
        vitals.look(&node);
    }
}
