//! Real clients that are programs of their own: curl and h2load.

use crate::wait::PATIENCE;
use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Runs a program to its end, at most a minute. A missing program is named, with the command that installs it.
#[track_caller]
pub fn run(command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("cannot start {name} ({error}): run `cargo xtask test`"));
    finish(child, PATIENCE * 4)
}

/// Waits for a child whose output is piped, and kills it at the deadline.
#[track_caller]
pub fn finish(mut child: Child, deadline: Duration) -> Output {
    let reader = |from: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut from) = from {
                let _ = from.read_to_end(&mut bytes);
            }
            bytes
        })
    };
    let stdout = reader(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = reader(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break Some(status);
        }
        if start.elapsed() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    let Some(status) = status else {
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        panic!("still running after {deadline:?}\n{out}\n{err}")
    };
    Output { status, stdout, stderr }
}

/// What curl saw.
#[derive(Clone, Debug)]
pub struct Curl {
    /// The status code; 0 where there was no response.
    pub status: u16,
    /// The HTTP version, `1.1` or `2`.
    pub version: String,
    /// The body.
    pub body: String,
    /// curl's exit code (0: all went well).
    pub exit: i32,
}

/// Runs curl with these arguments.
#[track_caller]
pub fn curl(args: &[&str]) -> Curl {
    let output = curl_raw(&[&["--write-out", "\n%{http_code} %{http_version}"], args].concat());
    let all = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, last) = all.rsplit_once('\n').unwrap_or_default();
    let (status, version) = last.split_once(' ').unwrap_or_default();
    Curl {
        status: status.parse().unwrap_or_default(),
        version: version.into(),
        body: body.into(),
        exit: output.status.code().unwrap_or(-1),
    }
}

/// Runs curl with these arguments and returns what it printed.
#[track_caller]
pub fn curl_raw(args: &[&str]) -> Output {
    // Settings of the user (proxies, ~/.curlrc) have no say here.
    run(Command::new("curl").args(["--disable", "--silent", "--noproxy", "*", "--max-time", "30"]).args(args))
}

/// What h2load counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Requests with a 2xx answer.
    pub succeeded: u64,
    /// Requests that failed, for whatever reason, or were answered with something else.
    pub failed: u64,
    /// The report.
    pub report: String,
}

/// Runs h2load with these arguments.
#[track_caller]
pub fn h2load(args: &[&str]) -> Load {
    let output = run(Command::new("h2load").args(args));
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    // "requests: 10 total, 10 started, 10 done, 10 succeeded, 0 failed, 0 errored, 0 timeout"
    let line = report.lines().find(|line| line.starts_with("requests:")).unwrap_or_default();
    let count = |what: &str| {
        let part = line.trim_start_matches("requests:").split(',').find(|part| part.ends_with(what));
        part.and_then(|part| part.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok())
    };
    let answered: u64 = ["3xx", "4xx", "5xx"]
        .iter()
        .filter_map(|class| {
            let line = report.lines().find(|line| line.starts_with("status codes:"))?;
            line.trim_start_matches("status codes:")
                .split(',')
                .find(|part| part.ends_with(class))?
                .split_whitespace()
                .next()?
                .parse::<u64>()
                .ok()
        })
        .sum();
    let total = count("total").unwrap_or_default();
    let succeeded = count("succeeded").unwrap_or_default().saturating_sub(answered);
    Load { succeeded, failed: total.saturating_sub(succeeded), report }
}
