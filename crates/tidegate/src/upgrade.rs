//! Upgrade: another process, from the binary that is installed by now, takes this one's place.
//!
//! ```text
//! old                                           new
//! starts the program, sends its sockets  ────►  reads its config, builds everything
//!                                        ◄────  Ready, or Refused and why
//! TakeOver                               ────►  accepts on every socket
//! drains                                 ◄────  Serving
//! ```
//!
//! *Promise*: no connection is lost. A queue of connections lives as long as one process holds a copy of its socket, and
//! at every moment somebody accepts on each: the old process until the new one does. What goes wrong before that leaves
//! the old one serving. Whoever has connected to the old one is served by it to the end, within [`crate::drain`]'s time.
//! Not here: what is done with the sockets (`listeners.rs`).

mod channel;
mod predecessor;
mod program;
mod successor;

pub(crate) use predecessor::Predecessor;
pub(crate) use program::Program;

use crate::node::{Node, UNDER_WAY};
use anyhow::{Result, bail};
use rustix::process::{Pid, kill_process};
use std::sync::Arc;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};

/// Somebody who wants an upgrade and to hear what came of it: the new process's id, or why there is none.
pub(crate) type Ask = oneshot::Sender<Result<u32, String>>;

/// Upgrades when asked to, by signal or by the admin API, until it has succeeded.
pub(crate) async fn attend(
    node: Arc<Node>,
    program: Program,
    mut asked: mpsc::Receiver<Ask>,
    mut signal: Signal,
) {
    loop {
        let ask = tokio::select! {
            _ = signal.recv() => None,
            ask = asked.recv() => ask,
        };
        let done = upgrade(&node, &program).await;
        match &done {
            Ok(pid) => {
                node.until_unasked().await;
                observe::log::info(format_args!(
                    "process {pid} has taken over; process {} ends with what is under way",
                    std::process::id()
                ));
            }
            Err(why) => {
                observe::log::error(format_args!("the upgrade has failed, this process serves on: {why}"));
            }
        }
        let succeeded = done.is_ok();
        if let Some(ask) = ask {
            // Whoever asked may have left.
            let _ = ask.send(done);
        }
        if succeeded {
            return;
        }
    }
}

/// One upgrade. Its errors are for people.
async fn upgrade(node: &Arc<Node>, program: &Program) -> Result<u32, String> {
    let Some(under_way) = node.begin_upgrade() else { return Err(UNDER_WAY.into()) };
    observe::log::info(format_args!("upgrade: starting {}", program.file().display()));
    let (theirs, program) = (Arc::clone(node), program.clone());
    let done = tokio::task::spawn_blocking(move || try_upgrade(&theirs, &program)).await;
    let done = done.unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked"))).map_err(|e| format!("{e:#}"));
    let done = match done {
        // Told to stop in the very last moment: that was meant for whoever serves.
        Ok(pid) if node.is_draining() => {
            end(pid);
            Err("this process was told to stop meanwhile".into())
        }
        other => other,
    };
    match &done {
        Ok(pid) => node.give_way(*pid),
        Err(_) => node.upgrade_failed(),
    }
    drop(under_way);
    done
}

/// Has another process drain.
fn end(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, rustix::process::Signal::TERM);
    }
}

fn try_upgrade(node: &Node, program: &Program) -> Result<u32> {
    if std::process::id() == 1 {
        bail!(
            "process 1 of a container cannot be replaced, for the container ends with it: start another container"
        );
    }
    if node.is_draining() {
        bail!("this process is about to end");
    }
    successor::hand_over(program, &node.sockets()?, &|| !node.is_draining())
}
