//! The process whose place this one is to take: it has started this one, and holds what clients connect to.

use super::channel::{Channel, Message};
use crate::handed::Sockets;
use anyhow::{Context, Result, bail};
use instances::{Handed, Known};
use net::bind::{Address, Listener, SocketFile};
use rustix::stdio::dup2_stdin;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// Names the process that has started this one to take its place: the parent's id. Whoever inherits the variable
/// further down has another parent.
pub(super) const PREDECESSOR: &str = "TIDEGATE_PREDECESSOR";
/// How long the old process may take to say the next thing.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest reason that is handed on, in characters: one takes up to six bytes in a packet.
const REASON_MOST: usize = 8 * 1024;
/// More sockets than any process can have open.
const SOCKETS_MOST: usize = 1 << 20;

/// The old process.
#[derive(Debug)]
pub(crate) struct Predecessor {
    channel: Channel,
    pid: u32,
}

impl Predecessor {
    /// The one that has started this process, with its sockets; `None` where this process takes nobody's place.
    pub(crate) fn of_this_process() -> Result<Option<(Self, Sockets)>> {
        let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
        let named = std::env::var(PREDECESSOR).ok().and_then(|pid| pid.parse::<i32>().ok());
        let Some(pid) = parent.filter(|_| parent == named) else { return Ok(None) };
        let channel =
            take_input().and_then(Channel::over).context("cannot take over from the old process")?;
        let predecessor = Self { channel, pid: pid.unsigned_abs() };
        let sockets = predecessor.sockets()?;
        Ok(Some((predecessor, sockets)))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    fn sockets(&self) -> Result<Sockets> {
        let mut sockets = Sockets::default();
        let mut count = 0;
        loop {
            let (message, descriptors) = self.hear()?;
            count += descriptors.len();
            if count > SOCKETS_MOST {
                bail!("the old process hands over more sockets than there can be");
            }
            match message {
                Message::Complete => return Ok(sockets),
                Message::Admin => sockets.admin = listeners(descriptors)?.pop(),
                Message::Instance { known } => {
                    let known: Known = serde_json::from_value(known)?;
                    let control = descriptors.into_iter().next();
                    if control.is_none() && known.has_keeper() {
                        bail!("the old process names an instance without its keeper");
                    }
                    let all = sockets.instances.entry(known.service.clone()).or_default();
                    all.push(Handed { known, control });
                }
                Message::Listener { name, file } => take(&mut sockets, name, file, listeners(descriptors)?),
                other => bail!("the old process said {other:?} out of turn"),
            }
        }
    }

    fn hear(&self) -> Result<(Message, Vec<OwnedFd>)> {
        let heard = self.channel.receive(Instant::now() + PATIENCE, || true)?;
        heard.context("the old process has ended, or says no more")
    }

    /// Tells that this process cannot take over, and why.
    pub(crate) fn refuse(&self, why: &str) {
        let why = why.trim_end().chars().take(REASON_MOST).collect();
        // Who does not listen any more will see this process end.
        let _ = self.channel.send(&Message::Refused { why }, &[]);
    }

    /// Tells that all is built, and waits for the word to serve.
    pub(crate) fn take_over(&self) -> Result<()> {
        self.channel.send(&Message::Ready, &[])?;
        match self.hear()? {
            (Message::TakeOver, _) => Ok(()),
            (other, _) => bail!("the old process said {other:?} out of turn"),
        }
    }

    /// Tells that this process serves: the old one may go.
    pub(crate) fn serving(&self) {
        // Should it have ended by itself, all the better that somebody serves.
        let _ = self.channel.send(&Message::Serving, &[]);
    }
}

/// Standard input, which is the channel, under a number that no process started from here inherits.
fn take_input() -> Result<OwnedFd> {
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(input)
}

fn listeners(descriptors: Vec<OwnedFd>) -> Result<Vec<Listener>> {
    descriptors.into_iter().map(Listener::handed).collect::<std::io::Result<_>>().map_err(Into::into)
}

/// Adds to the sockets of that listener.
fn take(sockets: &mut Sockets, name: String, file: Option<(u64, u64)>, more: Vec<Listener>) {
    if let Some(last) = sockets.listeners.last_mut()
        && last.name == name
    {
        return last.sockets.extend(more);
    }
    let file = match (file, name.parse()) {
        (Some(identity), Ok(Address::Unix(path))) => Some(SocketFile::known(path, identity)),
        _ => None,
    };
    sockets.listeners.push(crate::handed::Handed { name, sockets: more, file });
}
