//! A server under test: started on its core, awaited, asked what it uses, and ended with all its children.

use crate::process::{self, Usage};
use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The core of the server under test.
pub(crate) const SERVER_CORE: &str = "0";

/// The core of everything else: the origin and the load tool.
pub(crate) const OTHER_CORE: &str = "1";

/// How long a server may take until it is ready.
const START: Duration = Duration::from_secs(5);

/// How long it may take to end before it is killed.
const END: Duration = Duration::from_secs(5);

/// A program and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
}

impl Launch {
    pub(crate) fn new<A: Into<OsString>>(program: &Path, args: impl IntoIterator<Item = A>) -> Self {
        Self { program: program.to_path_buf(), args: args.into_iter().map(Into::into).collect() }
    }
}

/// How to see that a server is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Probe<'a> {
    /// It accepts a connection. For listeners that speak TLS or HTTP/2 only.
    Accepts,
    /// It answers a GET of that path, with those header fields, with 200.
    Answers(&'a str, &'a str),
}

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    child: Child,
    started: Instant,
    port: u16,
    said: PathBuf,
}

impl Server {
    /// Starts a program on a core. What it says goes to a file in `folder`.
    pub(crate) fn start(launch: &Launch, core: &str, port: u16, folder: &Path) -> Result<Self> {
        let said = folder.join("said.txt");
        let out = File::create(&said).with_context(|| format!("could not write {}", said.display()))?;
        let started = Instant::now();
        let child = Command::new("taskset")
            .args(["-c", core])
            .arg(&launch.program)
            .args(&launch.args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .context("could not start taskset (Debian package util-linux)")?;
        Ok(Self { child, started, port, said })
    }

    /// Waits until the server is ready and returns how long it took since its start.
    pub(crate) fn ready(&mut self, probe: Probe<'_>) -> Result<Duration> {
        let deadline = self.started + START;
        while Instant::now() < deadline {
            if is_ready(self.port, probe) {
                return Ok(self.started.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("ended with {status} before it was ready{}", self.last_words());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        bail!("not ready after {} s{}", START.as_secs(), self.last_words())
    }

    pub(crate) fn usage(&self) -> Usage {
        process::usage(self.child.id())
    }

    /// Sends a signal to the first process only, such as a master that reloads.
    pub(crate) fn signal(&self, signal: Signal) {
        process::signal(self.child.id(), signal);
    }

    /// The end of what it printed.
    fn last_words(&self) -> String {
        let said = std::fs::read(&self.said).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(12)..];
        if last.is_empty() {
            "; it said nothing".to_owned()
        } else {
            format!("; it said:\n  {}", last.join("\n  "))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for pid in process::tree(self.child.id()).into_iter().rev() {
            process::signal(pid, Signal::TERM);
        }
        let deadline = Instant::now() + END;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        for pid in process::tree(self.child.id()).into_iter().rev() {
            process::signal(pid, Signal::KILL);
        }
        // Killed, so this ends at once; the result no longer matters.
        let _ = self.child.wait();
    }
}

fn is_ready(port: u16, probe: Probe<'_>) -> bool {
    match probe {
        Probe::Accepts => connect(port).is_ok(),
        Probe::Answers(path, fields) => ask(port, path, fields).is_ok_and(|status| status == 200),
    }
}

/// Whether a GET on a new connection is answered with 200.
pub(crate) fn answers(port: u16, path: &str) -> bool {
    ask(port, path, "").is_ok_and(|status| status == 200)
}

/// The status with which a GET on a new connection is answered; 0 where the answer is not HTTP/1.1. `fields` is written
/// behind its other header fields, each with its end of line.
pub(crate) fn ask(port: u16, path: &str, fields: &str) -> std::io::Result<u16> {
    let mut socket = connect(port)?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{fields}\r\n")?;
    let mut line = [0; 12];
    socket.read_exact(&mut line)?;
    let status = line.strip_prefix(b"HTTP/1.1 ").and_then(|code| str::from_utf8(code).ok()?.parse().ok());
    Ok(status.unwrap_or(0))
}

fn connect(port: u16) -> std::io::Result<TcpStream> {
    let patience = Duration::from_secs(1);
    let socket = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience)?;
    socket.set_read_timeout(Some(patience))?;
    socket.set_write_timeout(Some(patience))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::free_port;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tidegate-bench-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_server_that_ends_at_once_is_reported_with_what_it_said() {
        let folder = folder("ends");
        let launch = Launch::new(Path::new("sh"), ["-c", "echo no such luck >&2; exit 7"]);
        let mut server = Server::start(&launch, SERVER_CORE, free_port().unwrap(), &folder).unwrap();
        let error = server.ready(Probe::Accepts).unwrap_err().to_string();
        assert!(error.contains('7') && error.contains("no such luck"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn dropping_a_server_ends_its_children() {
        let folder = folder("drops");
        let launch = Launch::new(Path::new("sh"), ["-c", "sleep 600 & wait"]);
        let server = Server::start(&launch, SERVER_CORE, free_port().unwrap(), &folder).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut all = Vec::new();
        while all.len() < 2 && Instant::now() < deadline {
            all = process::tree(server.child.id());
        }
        assert_eq!(all.len(), 2);
        drop(server);
        let alive = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("sleep"))
        };
        while all.iter().any(alive) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(!all.iter().any(alive));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
