//! Socket activation: listening sockets that the service manager has opened before it started this process.
//!
//! The protocol is that of `sd_listen_fds(3)`: `LISTEN_FDS` descriptors from number 3 on, meant for the process
//! `LISTEN_PID`, called as `LISTEN_FDNAMES` says. A descriptor that is no listening stream socket is an error: whoever
//! wrote the unit meant something else. The files of Unix sockets stay the manager's.

use crate::handed::{Handed, Sockets};
use anyhow::{Context, Result, bail};
use listenfd::ListenFd;
use net::bind::Listener;
use std::os::fd::OwnedFd;

/// More than any service has; a number above it is a mistake.
const MOST: usize = 1024;

/// What was passed to this process. Nothing where the environment speaks of none, or of another process.
pub(crate) fn passed() -> Result<Sockets> {
    let text = |name: &str| std::env::var(name).unwrap_or_default();
    let Some(count) = meant_for_us(&text("LISTEN_FDS"), &text("LISTEN_PID"))? else {
        return Ok(Sockets::default());
    };
    let names = text("LISTEN_FDNAMES");
    let mut names = names.split(':');
    let mut from = ListenFd::from_env();
    let mut sockets = Sockets::default();
    for number in 0..count {
        let name = names.next().filter(|name| !name.is_empty()).unwrap_or("a socket without a name");
        let socket = take(&mut from, number).with_context(|| format!("socket activation: {name}"))?;
        group(&mut sockets, name, socket);
    }
    Ok(sockets)
}

/// How many descriptors this process was passed.
fn meant_for_us(count: &str, pid: &str) -> Result<Option<usize>> {
    if pid.parse() != Ok(std::process::id()) {
        return Ok(None);
    }
    match count.parse() {
        Ok(count) if count <= MOST => Ok(Some(count)),
        _ => bail!("socket activation: LISTEN_FDS=`{count}` is not a number up to {MOST}"),
    }
}

fn take(from: &mut ListenFd, number: usize) -> Result<Listener> {
    let fd: Option<OwnedFd> = match from.take_tcp_listener(number) {
        Ok(tcp) => tcp.map(OwnedFd::from),
        Err(_) => from.take_unix_listener(number)?.map(OwnedFd::from),
    };
    Ok(Listener::handed(fd.context("it is not there")?)?)
}

/// Sockets of one address belong to one listener.
fn group(sockets: &mut Sockets, name: &str, socket: Listener) {
    let same = |handed: &&mut Handed| {
        let known = handed.sockets.first().and_then(Listener::local_addr);
        known.is_some() && known == socket.local_addr()
    };
    match sockets.listeners.iter_mut().find(same) {
        Some(handed) => handed.sockets.push(socket),
        None => sockets.listeners.push(Handed { name: name.into(), sockets: vec![socket], file: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::bind::{Address, bind};

    #[test]
    fn only_what_is_meant_for_this_process_is_taken() {
        let own = std::process::id().to_string();
        for (count, pid, want) in
            [("2", own.as_str(), Some(2)), ("0", &own, Some(0)), ("2", "1", None), ("2", "", None)]
        {
            assert_eq!(meant_for_us(count, pid).expect("it is well-formed"), want);
        }
        for wrong in ["", "-1", "two", "1025", "99999999999999999999"] {
            assert!(meant_for_us(wrong, &own).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sockets_of_one_address_are_one_listeners() {
        let first = bind(&"127.0.0.1:0".parse().expect("an address"), true).expect("a free port");
        let at = Address::Ip(first.local_addr().expect("TCP has one"));
        let second = bind(&at, true).expect("the port is shared");
        let other = bind(&"127.0.0.1:0".parse().expect("an address"), true).expect("a free port");
        let mut sockets = Sockets::default();
        for socket in [first, other, second] {
            group(&mut sockets, "tidegate.socket", socket);
        }
        let counts: Vec<usize> = sockets.listeners.iter().map(|handed| handed.sockets.len()).collect();
        assert_eq!(counts, [2, 1]);
    }
}
