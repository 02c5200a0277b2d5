//! The load tools and what they report: wrk for HTTP/1.1, h2load for HTTP/2, our own for TLS handshakes.
//!
//! Each runs on the core that is not the server's, with one thread, under a time limit.

use crate::server::OTHER_CORE;
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a load tool does.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// wrk: so many keep-alive connections, each with one request under way.
    Http1 { connections: usize, tls: bool },
    /// wrk, as above, with the requests that a script of [`script`] sends in turns.
    Scripted { connections: usize, script: PathBuf },
    /// h2load: so many connections with so many requests under way on each.
    Http2 { connections: usize, streams: usize },
    /// New TLS connections, so many at a time, one request on each.
    Handshakes { threads: usize },
}

/// What a load tool reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Answers (for handshakes: connections).
    pub(crate) done: u64,
    /// The time that 99 of 100 stayed below, in milliseconds, where the tool tells.
    pub(crate) p99: Option<f64>,
    /// Failed connections, requests and statuses.
    pub(crate) errors: u64,
}

impl Load {
    /// Runs for `secs` seconds against a port of 127.0.0.1. `helpers` is the folder of our own load tool.
    pub(crate) fn run(&self, port: u16, path: &str, secs: u64, helpers: &Path) -> Result<Outcome> {
        let mut command = Command::new("timeout");
        command.arg((secs + 20).to_string()).args(["taskset", "-c", OTHER_CORE]);
        let scheme = if matches!(self, Self::Http1 { tls: true, .. }) { "https" } else { "http" };
        let url = format!("{scheme}://127.0.0.1:{port}{path}");
        match self {
            Self::Http1 { connections, .. } => {
                let (connections, duration) = (format!("-c{connections}"), format!("-d{secs}s"));
                command.args(["wrk", "-t1", &connections, &duration, "--latency", &url])
            }
            Self::Scripted { connections, script } => {
                let (connections, duration) = (format!("-c{connections}"), format!("-d{secs}s"));
                command.args(["wrk", "-t1", &connections, &duration, "--latency", "-s"]).arg(script).arg(&url)
            }
            Self::Http2 { connections, streams } => {
                let (duration, connections) = (format!("-D{secs}"), format!("-c{connections}"));
                command.args(["h2load", &duration, &connections, &format!("-m{streams}"), "-t1", &url])
            }
            Self::Handshakes { threads } => command.arg(helpers.join("bench-handshakes")).args([
                port.to_string(),
                threads.to_string(),
                secs.to_string(),
            ]),
        };
        let output = command.output().context("could not start timeout (Debian package coreutils)")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let outcome = match self {
            Self::Http1 { .. } | Self::Scripted { .. } => read_wrk(&said),
            Self::Http2 { .. } => read_h2load(&said),
            Self::Handshakes { .. } => read_handshakes(&said),
        };
        match outcome {
            Some(outcome) if outcome.done > 0 => Ok(outcome),
            _ => bail!("the load tool got no answer: {said}{}", String::from_utf8_lossy(&output.stderr)),
        }
    }
}

/// A script for wrk that sends these requests in turns, over all connections. They must be whole and without bodies.
pub(crate) fn script(requests: impl IntoIterator<Item = String>) -> String {
    let mut text = "local requests = {\n".to_owned();
    for request in requests {
        // What Rust escapes in ASCII, Lua reads alike. Writing to a String cannot fail.
        let _ = writeln!(text, "{request:?},");
    }
    text + "}\nlocal at = 0\nfunction request()\n  at = at % #requests + 1\n  return requests[at]\nend\n"
}

fn read_wrk(said: &str) -> Option<Outcome> {
    let done = number_before(said, " requests in ")?;
    let p99 =
        said.lines().find_map(|line| line.trim().strip_prefix("99%")).and_then(|value| millis(value.trim()));
    let statuses = number_after(said, "Non-2xx or 3xx responses: ").unwrap_or(0);
    let sockets = said.lines().find_map(|line| line.trim().strip_prefix("Socket errors: ")).unwrap_or("");
    let sockets: u64 = sockets.split([' ', ',']).filter_map(|word| word.parse::<u64>().ok()).sum();
    Some(Outcome { done, p99, errors: statuses + sockets })
}

fn read_h2load(said: &str) -> Option<Outcome> {
    let line = said.lines().find(|line| line.starts_with("requests: "))?;
    let done = number_before(line, " succeeded")?;
    Some(Outcome { done, p99: None, errors: number_before(line, " failed")? })
}

fn read_handshakes(said: &str) -> Option<Outcome> {
    let p99 = number_after(said, "p99_us ")? as f64 / 1000.0;
    let errors = number_after(said, "resumed ")? + number_after(said, "failed ")?;
    Some(Outcome { done: number_after(said, "full ")?, p99: Some(p99), errors })
}

fn number_before(text: &str, label: &str) -> Option<u64> {
    text.split_once(label)?.0.split_whitespace().next_back()?.parse().ok()
}

fn number_after(text: &str, label: &str) -> Option<u64> {
    text.split_once(label)?.1.split_whitespace().next()?.parse().ok()
}

/// wrk's way to write a time: `830.00us`, `1.23ms`, `1.02s`, `1.50m`.
fn millis(text: &str) -> Option<f64> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1000.0,
        "m" => 60_000.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk_is_read_with_its_errors() {
        let said = "Running 4s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  Latency Distribution\n     \
                    50%    1.02ms\n     99%  500.00us\n  163456 requests in 4.00s, 27.28MB read\n  \
                    Socket errors: connect 0, read 3, write 1, timeout 2\n  Non-2xx or 3xx responses: 5\n";
        assert_eq!(read_wrk(said), Some(Outcome { done: 163_456, p99: Some(0.5), errors: 11 }));
        assert_eq!(read_wrk("unable to connect"), None);
    }

    #[test]
    fn a_script_holds_whole_requests_on_a_line_each() {
        let text =
            script(["GET / HTTP/1.1\r\nX: 1\r\n\r\n".to_owned(), "GET /b HTTP/1.1\r\n\r\n".to_owned()]);
        assert!(text.contains("\n\"GET / HTTP/1.1\\r\\nX: 1\\r\\n\\r\\n\",\n\"GET /b "), "{text}");
    }

    #[test]
    fn h2load_is_read_with_its_errors() {
        let said = "finished in 4.00s, 9 req/s, 1MB/s\n\
                    requests: 100 total, 100 started, 100 done, 90 succeeded, 10 failed, 10 errored, 0 timeout\n";
        assert_eq!(read_h2load(said), Some(Outcome { done: 90, p99: None, errors: 10 }));
    }

    #[test]
    fn a_resumed_handshake_is_an_error() {
        let said = "full 500 resumed 2 failed 1 p99_us 1500\n";
        assert_eq!(read_handshakes(said), Some(Outcome { done: 500, p99: Some(1.5), errors: 3 }));
    }

    #[test]
    fn times_are_read_in_every_unit() {
        let read: Vec<_> = ["5.00us", "2.50ms", "1.02s", "1.50m", "3"].into_iter().map(millis).collect();
        assert_eq!(read, [Some(0.005), Some(2.5), Some(1020.0), Some(90_000.0), None]);
    }
}
