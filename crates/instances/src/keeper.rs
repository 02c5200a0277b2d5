//! The keeper: a small process beside each instance, which launches it, watches over it and ends with it.
//!
//! It is this very program started once more (`tidegate __keeper shop-1`), with one end of a pair of sockets as its standard
//! input. Why there is one: output that floods, processes that fork away, and everything that must be waited for stay out
//! of the gateway, and an upgrade hands the socket on without the instance noticing anything.
//!
//! *Promise*: it outlives neither the instance nor the last holder of the other end. When nobody holds that any more,
//! SIGKILL of Tidegate included, every process of the instance ends: SIGTERM, a short grace, SIGKILL, also for those
//! that forked away or made sessions of their own, because the keeper is their reaper (`PR_SET_CHILD_SUBREAPER`).
//! When the keeper itself is killed, the kernel kills the program (`PR_SET_PDEATHSIG`).
//!
//! *Not here*: whether the instance is ready, and how many there are to be. *Cost*: about 1 MiB of its own, and a look at the
//! instance's processes each second.

mod cgroup;
mod ending;
mod identity;
mod keep;
mod launch;
mod lines;
mod log_file;
mod output;
mod owner;
mod sink;
mod tree;

use crate::channel::{Channel, Heard, Order, Plan};
use crate::watched::watched;
use keep::Keep;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};

/// The first argument of a keeper.
pub(crate) const KEEPER: &str = "__keeper";
/// The first argument of what becomes the program.
pub(crate) const LAUNCH: &str = "__launch";
/// The variable that all processes of an instance inherit.
pub(crate) const INSTANCE_ID: &str = "TIDEGATE_INSTANCE_ID";
/// Bytes of a plan as JSON: the kernel's own bound on arguments and variables is 2 MiB (execve(2)), with 128 KiB for one.
pub(crate) const PLAN_MOST: u64 = 4 * 1024 * 1024;
/// How long a keeper waits to be told what to launch.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does a keeper's work where this process was started as one. To be called before anything else in `main`, with no other
/// thread running; `None`: it is an ordinary start.
pub fn keeper_main_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next()?;
    if first == KEEPER {
        Some(ended(run()))
    } else if first == LAUNCH {
        Some(launch::run(arguments.next(), arguments.next()))
    } else {
        None
    }
}

fn ended(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            observe::log::error(format_args!("a keeper of an instance gives up: {e}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let control = Channel::over(io::stdin().as_fd().try_clone_to_owned()?)
        .map_err(|_| io::Error::other("it is started by Tidegate itself, never by hand"))?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // What is sent to all processes of a service or a terminal at once is Tidegate's to follow, not the keeper's.
        let _kept = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        let control = watched(control)?;
        match tokio::time::timeout(PATIENCE, first_order(&control)).await {
            Ok(Ok(Some(plan))) => Keep::new(control, plan).run().await,
            // Tidegate has ended before it said what to launch, or says nothing.
            Ok(Ok(None)) | Err(_) => Ok(()),
            Ok(Err(e)) => Err(e),
        }
    })
}

/// Waits for the plan. `None`: none will come.
async fn first_order(control: &AsyncFd<Channel>) -> io::Result<Option<OwnedFd>> {
    loop {
        match next(control).await? {
            Heard::Packet(Order::Launch, Some(plan)) => return Ok(Some(plan)),
            Heard::Closed => return Ok(None),
            Heard::Packet(..) | Heard::Unknown => {}
        }
    }
}

/// The next order.
async fn next(control: &AsyncFd<Channel>) -> io::Result<Heard<Order>> {
    loop {
        let mut ready = control.readable().await?;
        if let Ok(heard) = ready.try_io(|channel| channel.get_ref().receive()) {
            return heard;
        }
    }
}

/// Reads a plan. It may be read several times.
fn read_plan(from: &OwnedFd) -> io::Result<Plan> {
    let mut file = File::from(from.try_clone()?);
    file.rewind()?;
    let mut text = Vec::new();
    file.take(PLAN_MOST).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(Into::into)
}
