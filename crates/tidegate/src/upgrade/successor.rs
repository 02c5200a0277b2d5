//! The process that is to take this one's place, from its start to the moment when it serves.
//!
//! *Promise*: as long as it has not said that it serves, this process keeps all that it listens on, and whatever goes
//! wrong ends the new process, not this one.

use super::channel::{Channel, DESCRIPTORS_MOST, Message};
use super::program::Program;
use crate::handed::Sockets;
use anyhow::{Result, bail};
use net::bind::{Listener, SocketFile};
use rustix::io::Errno;
use std::os::fd::AsFd;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How long a new process may take to be ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to serve, once it is.
const SERVING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a process that has closed its end may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Starts `program` and hands `sockets` to it. Returns the new process's id once that serves; an error where it does
/// not come to that, and then it has been ended. Blocks for at most 35 s, and gives up when `go_on` says no.
pub(super) fn hand_over(program: &Program, sockets: &Sockets, go_on: &dyn Fn() -> bool) -> Result<u32> {
    let (channel, theirs) = Channel::pair()?;
    let mut successor = Successor(Some(program.start(theirs)?));
    match tell(&channel, sockets) {
        // Why nobody listens is seen below.
        Err(e) if !matches!(e.downcast_ref(), Some(&Errno::PIPE | &Errno::CONNRESET)) => return Err(e),
        _ => {}
    }
    let until = Instant::now() + READY_TIMEOUT;
    match channel.receive(until, || go_on() && !successor.has_ended())? {
        Some((Message::Ready, _)) => {}
        other => bail!(successor.failed(other, until, go_on)),
    }
    channel.send(&Message::TakeOver, &[])?;
    let until = Instant::now() + SERVING_TIMEOUT;
    match channel.receive(until, || !successor.has_ended())? {
        Some((Message::Serving, _)) => Ok(successor.release()),
        other => bail!(successor.failed(other, until, go_on)),
    }
}

/// Sends all sockets.
fn tell(channel: &Channel, sockets: &Sockets) -> Result<()> {
    for handed in &sockets.listeners {
        let file = handed.file.as_ref().map(SocketFile::identity);
        for some in handed.sockets.chunks(DESCRIPTORS_MOST) {
            let descriptors: Vec<_> = some.iter().map(Listener::as_fd).collect();
            channel.send(&Message::Listener { name: handed.name.clone(), file }, &descriptors)?;
        }
    }
    if let Some(admin) = &sockets.admin {
        channel.send(&Message::Admin, &[admin.as_fd()])?;
    }
    for instance in sockets.instances.values().flatten() {
        let message = Message::Instance { known: serde_json::to_value(&instance.known)? };
        let keeper = instance.control.as_ref().map(AsFd::as_fd);
        channel.send(&message, keeper.as_slice())?;
    }
    channel.send(&Message::Complete, &[])
}

/// The new process. It is ended when this is dropped, unless it was released.
struct Successor(Option<Child>);

impl Successor {
    fn has_ended(&mut self) -> bool {
        self.status().is_some()
    }

    fn status(&mut self) -> Option<ExitStatus> {
        self.0.as_mut().and_then(|child| child.try_wait().ok().flatten())
    }

    /// Why it cannot take over, as it said itself, or as can be seen.
    fn failed<T>(&mut self, said: Option<(Message, T)>, until: Instant, go_on: &dyn Fn() -> bool) -> String {
        match said {
            Some((Message::Refused { why }, _)) => return format!("the new process gave up: {why}"),
            Some((other, _)) => return format!("the new process said {other:?} out of turn"),
            None => {}
        }
        if !go_on() {
            return "this process was told to stop meanwhile".into();
        }
        if Instant::now() >= until {
            return "the new process was not ready in time, and was ended".into();
        }
        // It has closed its end, which is mostly the last thing before its own.
        let until = Instant::now() + END_TIMEOUT;
        loop {
            match self.status() {
                Some(status) => {
                    return format!("the new process ended with {status} before it was ready");
                }
                None if Instant::now() >= until => {
                    return "the new process knows nothing of upgrades, and was ended".into();
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// It stands on its own feet from here. Somebody still has to ask how it ended, as long as its parent lives.
    fn release(&mut self) -> u32 {
        let Some(mut child) = self.0.take() else { return 0 };
        let pid = child.id();
        // Without a thread it stays in the table of processes until its parent has ended: no harm.
        let _ = std::thread::Builder::new().name("successor".into()).spawn(move || child.wait());
        pid
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
