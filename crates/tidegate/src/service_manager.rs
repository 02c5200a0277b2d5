//! The service manager, systemd mostly: it is told when this process is ready, reloads, stops, lives, or is replaced.
//!
//! The protocol is that of `sd_notify(3)`: lines of `KEY=value` in one datagram to the Unix socket that `NOTIFY_SOCKET`
//! names. Without that variable nobody listens, and nothing is sent. A message that cannot be sent is lost: a service
//! that serves is worth more than one whose manager knows it. Not here: sockets that the manager passes in
//! (`activation.rs`). Cost: a system call for each message, none on the road of a request.

use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How long a manager that does not read can hold this process up.
const PATIENCE: Duration = Duration::from_secs(1);

/// The line to the service manager, if there is one.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// The one that has started this process, as the environment says.
    pub(crate) fn of_this_process() -> Self {
        let text = |name: &str| std::env::var(name).ok();
        let watchdog = watchdog(text("WATCHDOG_USEC").as_deref(), text("WATCHDOG_PID").as_deref());
        Self::new(std::env::var_os("NOTIFY_SOCKET").as_deref(), watchdog)
    }

    fn new(socket: Option<&OsStr>, watchdog: Option<Duration>) -> Self {
        let open = |address: SocketAddr| {
            let socket = UnixDatagram::unbound()?;
            socket.set_write_timeout(Some(PATIENCE))?;
            Ok::<_, std::io::Error>((socket, address))
        };
        Self { socket: socket.and_then(address).and_then(|address| open(address).ok()), watchdog }
    }

    /// How often the manager wants to hear that this process lives; `None` where it does not ask.
    pub(crate) fn watchdog(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.socket.is_some())
    }

    /// The config is in force, and connections are accepted.
    pub(crate) fn ready(&self) {
        self.say(format_args!("READY=1"));
    }

    /// The config is being read again. To be followed by [`Self::ready`], whatever comes of it.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let us = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.say(format_args!("RELOADING=1\nMONOTONIC_USEC={us}"));
    }

    /// The drain has begun, and nobody takes over.
    pub(crate) fn stopping(&self) {
        self.say(format_args!("STOPPING=1"));
    }

    /// From now on the service is that other process.
    pub(crate) fn replaced_by(&self, pid: u32) {
        self.say(format_args!("MAINPID={pid}"));
    }

    /// This process does its work.
    pub(crate) fn alive(&self) {
        self.say(format_args!("WATCHDOG=1"));
    }

    fn say(&self, what: std::fmt::Arguments<'_>) {
        if let Some((socket, address)) = &self.socket {
            let _ = socket.send_to_addr(what.to_string().as_bytes(), address);
        }
    }
}

/// A path, or behind an `@` a name in the abstract namespace (unix(7)).
fn address(text: &OsStr) -> Option<SocketAddr> {
    match text.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(text).ok(),
        _ => None,
    }
}

/// The interval, unless it is another process that is asked.
fn watchdog(usec: Option<&str>, pid: Option<&str>) -> Option<Duration> {
    let ours = pid.is_none_or(|pid| pid.parse() == Ok(std::process::id()));
    let usec = usec.filter(|_| ours)?.parse().ok().filter(|&usec| usec > 0)?;
    Some(Duration::from_micros(usec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_reach_a_manager_by_path_and_by_abstract_name() {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("tidegate-notify-{}", std::process::id()));
        let name = format!("tidegate-notify-{}", std::process::id());
        let by_path = UnixDatagram::bind(&path).expect("the temporary folder can be written");
        let abstract_name = SocketAddr::from_abstract_name(&name).expect("the name is short");
        let by_name = UnixDatagram::bind_addr(&abstract_name).expect("nobody has that name");
        let texts = [path.as_os_str().to_owned(), format!("@{name}").into()];
        for (text, socket) in texts.iter().zip([by_path, by_name]) {
            let manager = ServiceManager::new(Some(text), None);
            socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket takes a timeout");
            let heard = || {
                let mut part = [0; 256];
                let count = socket.recv(&mut part).expect("a message comes");
                String::from_utf8_lossy(&part[..count]).into_owned()
            };
            manager.ready();
            manager.replaced_by(4711);
            manager.reloading();
            assert_eq!((heard().as_str(), heard().as_str()), ("READY=1", "MAINPID=4711"));
            let reloading = heard();
            let usec = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("when it began");
            assert!(usec.parse::<u64>().is_ok_and(|usec| usec > 0), "{reloading}");
        }
        let _ = std::fs::remove_file(path);
    }

    #[test]
    fn nobody_is_told_where_nobody_asks() {
        for nobody in [None, Some("relative"), Some(""), Some("/nowhere/at/all")] {
            let manager = ServiceManager::new(nobody.map(OsStr::new), None);
            manager.ready();
            assert_eq!(manager.watchdog(), None);
        }
    }

    #[test]
    fn the_watchdog_of_another_process_is_not_ours() {
        let own = std::process::id().to_string();
        assert_eq!(watchdog(Some("3000000"), None), Some(Duration::from_secs(3)));
        assert_eq!(watchdog(Some("3000000"), Some(&own)), Some(Duration::from_secs(3)));
        for (usec, pid) in [(Some("3000000"), Some("1")), (Some("0"), None), (Some("x"), None), (None, None)]
        {
            assert_eq!(watchdog(usec, pid), None);
        }
    }
}
