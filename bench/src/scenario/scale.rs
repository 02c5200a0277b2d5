//! Instances of the sample API that Tidegate launches: how long a request waits that finds none, and what clients notice
//! while load goes up in a step and down again.
//!
//! The other servers launch nothing, so Tidegate stands alone here. Its instances run on its core. The steps take
//! `--scale-secs`; Tidegate's windows are shorter than its defaults, so that a run takes minutes. Each second of it is
//! kept as a trace that `tidegate simulate scale` reads, to compare what it foretells with what has happened.

use super::columns;
use super::helper::Helper;
use crate::contender::Contender;
use crate::lab::Lab;
use crate::port::free_port;
use crate::server::{Launch, Probe, SERVER_CORE, Server};
use crate::steps::Second;
use crate::table::{Cell, Table, median};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// The sample API takes 20 to 50 ms for an answer, depending on the words.
const PATH: &str = "/v1/search?q=lamp+";
/// Connections of the low steps and of the high one.
const LOW: usize = 10;
const HIGH: usize = 200;
/// Requests under way that one instance is to carry: the high step wants eight of them, the low one a single one.
const CONCURRENCY: usize = 25;
const MOST: u64 = 8;
/// How often the start from zero is measured.
const STARTS: u64 = 10;
/// How long Tidegate may take for something that it does by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// A Tidegate that launches the sample API.
struct Gateway {
    _server: Server,
    port: u16,
    admin: u16,
}

/// One second of a run.
#[derive(Clone, Copy, Debug)]
struct Row {
    second: Second,
    ready: u64,
    wanted: u64,
}

pub(super) fn run(lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
    let tidegate = lab.present.iter().find(|(contender, _)| *contender == Contender::Tidegate);
    let (_, program) = tidegate.context("`scale` needs Tidegate, which is not there or was not asked for")?;
    show(from_zero(lab, program)?);
    let rows = steps(lab, program)?;
    lab.kept.borrow_mut().push(("scale.csv", trace(&rows)));
    show(summary(&rows));
    Ok(())
}

impl Gateway {
    fn start(lab: &Lab, program: &Path, scale: &str) -> Result<Self> {
        let (port, admin) = (free_port()?, free_port()?);
        let folder = lab.folder_for("tidegate")?;
        std::fs::write(folder.join("tidegate.yaml"), config(port, admin, program, scale))?;
        let launch = Launch::new(program, ["run", "tidegate.yaml"]);
        let mut server = Server::start(&launch, SERVER_CORE, port, &folder)?;
        server.ready(Probe::Accepts)?;
        Ok(Self { _server: server, port, admin })
    }

    /// Waits until the service is shown like this.
    fn wait(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            // It takes connections of clients a moment before the admin API answers.
            if view(self.admin).is_ok_and(|view| is_so(&view)) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("waited {} s in vain: {what}; now it is {}", PATIENCE.as_secs(), view(self.admin)?)
    }
}

fn config(port: u16, admin: u16, program: &Path, scale: &str) -> String {
    let program = program.display();
    format!(
        "listeners: [{{ address: 127.0.0.1:{port} }}]\nadmin: {{ address: 127.0.0.1:{admin} }}\n\
         observe: {{ access_log: off }}\n\
         services:\n  shop:\n    instances:\n\
         \x20     command: [\"{program}\", sample-api, --port, \"{{port}}\", --name, \"{{name}}\"]\n\
         \x20     scale: {{ {scale} }}\n\
         routes: [{{ service: shop }}]\n"
    )
}

/// The one service as the admin API shows it.
fn view(admin: u16) -> Result<Value> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, admin))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    write!(socket, "GET /api/instances HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.take(1 << 20).read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no answer from the admin API")?;
    let mut all: Value = serde_json::from_str(body).with_context(|| answer.clone())?;
    Ok(all.get_mut(0).map(Value::take).unwrap_or_default())
}

fn from_zero(lab: &Lab, program: &Path) -> Result<Table> {
    let mut alone = Vec::new();
    for _ in 0..STARTS {
        let port = free_port()?;
        let launch = Launch::new(program, ["sample-api", "--port", &port.to_string()]);
        let mut api = Server::start(&launch, SERVER_CORE, port, &lab.folder_for("sample-api")?)?;
        alone.push(millis(api.ready(Probe::Answers("/", ""))?));
    }
    let gateway = Gateway::start(lab, program, "zero: { after: 1s }, max: 1")?;
    let mut waited = Vec::new();
    let none = |view: &Value| view["instances"].as_array().is_some_and(Vec::is_empty);
    for _ in 0..STARTS {
        gateway.wait("no instance while nobody asks", none)?;
        let began = Instant::now();
        get(gateway.port)?;
        waited.push(millis(began.elapsed()));
        // What is shown is a moment old: that there is none must not be read of the time before.
        gateway.wait("the instance that has answered", |view| !none(view))?;
    }
    let added = median(waited.iter().copied()).zip(median(alone.iter().copied())).map(|(all, own)| all - own);
    let row = |name: &str, times: &[f64]| {
        let longest = times.iter().copied().max_by(f64::total_cmp);
        let middle = median(times.iter().copied());
        vec![Cell::Text(name.to_owned()), Cell::optional(middle, 1), Cell::optional(longest, 1)]
    };
    Ok(Table {
        title: format!("From zero: {STARTS} requests that find no instance"),
        columns: columns(&["from", "ms", "longest ms"]),
        rows: vec![
            row("the sample API alone: from its start to its first answer", &alone),
            row("through Tidegate: from the request to its answer", &waited),
            vec![Cell::Text("difference of the two".into()), Cell::optional(added, 1), Cell::Absent],
        ],
        remarks: Vec::new(),
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// One request, which must be answered with 200.
fn get(port: u16) -> Result<()> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    write!(socket, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    socket.read_exact(&mut status)?;
    if status != *b"HTTP/1.1 200" {
        bail!("answered with {}", String::from_utf8_lossy(&status));
    }
    Ok(())
}

fn steps(lab: &Lab, program: &Path) -> Result<Vec<Row>> {
    let scale = format!(
        "min: 1, max: {MOST}, concurrency: {CONCURRENCY}, stable_window: 20s, down: {{ stabilization_window: 20s }}"
    );
    let gateway = Gateway::start(lab, program, &scale)?;
    gateway.wait("one instance is ready", |view| view["ready"] == 1)?;
    let secs = lab.options.scale_secs;
    let steps = [(LOW, secs.div_ceil(3)), (HIGH, secs), (LOW, secs * 2)];
    let steps = steps.map(|(connections, secs)| format!("{connections}x{secs}"));
    let port = gateway.port.to_string();
    let mut args = vec![port.as_str(), "--path", PATH];
    args.extend(steps.iter().map(String::as_str));
    let mut load = Helper::start(lab, "bench-steps", &args)?;
    let mut rows = Vec::new();
    for _ in 0..secs.div_ceil(3) + secs * 3 {
        let second = serde_json::from_str(&load.line()?).context("the load")?;
        let view = view(gateway.admin)?;
        let number = |name: &str| view[name].as_u64().unwrap_or_default();
        rows.push(Row { second, ready: number("ready"), wanted: number("wanted") });
    }
    Ok(rows)
}

/// As `tidegate simulate scale` reads it.
fn trace(rows: &[Row]) -> String {
    let mut text = String::from("seconds,rps,instances,p95_ms,failed\n");
    for Row { second, ready, .. } in rows {
        let rps = second.good + second.failed;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{},{rps},{ready},{:.1},{}", second.seconds, second.p95, second.failed);
    }
    text
}

/// A line for each step, and how long instances took to follow.
fn summary(rows: &[Row]) -> Table {
    let steps: Vec<_> =
        rows.chunk_by(|one, next| one.second.connections == next.second.connections).collect();
    let mut remarks = Vec::new();
    for step in steps.windows(2) {
        let (before, after) = (step[0], step[1]);
        let (Some(last), Some(end)) = (before.last(), after.last()) else { continue };
        let there = after.iter().find(|row| row.ready == end.ready).map_or(0, |row| row.second.seconds);
        remarks.push(format!(
            "{} -> {} connections: {} -> {} instances after {} s",
            last.second.connections,
            end.second.connections,
            last.ready,
            end.ready,
            there - last.second.seconds
        ));
    }
    let turns = turns(rows.iter().map(|row| row.wanted));
    remarks.push(format!("the wanted number changed its direction {turns} times"));
    let names = ["connections", "s", "requests", "failed", "p50 ms", "p95 ms", "max ms", "ready", "wanted"];
    Table {
        title: format!("Instances from 1 to {MOST} and back, {CONCURRENCY} requests at a time for each"),
        columns: columns(&names),
        rows: steps.iter().map(|rows| line(rows)).collect(),
        remarks,
    }
}

fn line(rows: &[Row]) -> Vec<Cell> {
    let of = |value: fn(&Second) -> f64| rows.iter().map(move |row| value(&row.second));
    let sum = |value: fn(&Second) -> u64| rows.iter().map(|row| value(&row.second)).sum::<u64>();
    let last = rows.last();
    vec![
        Cell::Text(last.map_or_else(String::new, |row| row.second.connections.to_string())),
        Cell::count(rows.len() as u64),
        Cell::count(sum(|second| second.good + second.failed)),
        Cell::count(sum(|second| second.failed)),
        Cell::optional(median(of(|second| second.p50)), 1),
        Cell::optional(median(of(|second| second.p95)), 1),
        Cell::optional(of(|second| second.max).max_by(f64::total_cmp), 0),
        Cell::optional(last.map(|row| row.ready as f64), 0),
        Cell::optional(last.map(|row| row.wanted as f64), 0),
    ]
}

/// How often a number that went up goes down, or the other way round.
fn turns(numbers: impl IntoIterator<Item = u64>) -> usize {
    let numbers: Vec<_> = numbers.into_iter().collect();
    let mut ways: Vec<_> =
        numbers.windows(2).filter(|two| two[0] != two[1]).map(|two| two[1] > two[0]).collect();
    ways.dedup();
    ways.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let row = |seconds, connections, ready, wanted| {
            let second =
                Second { seconds, connections, good: 99, failed: 1, p50: 30.0, p95: 49.96, max: 60.0 };
            Row { second, ready, wanted }
        };
        vec![
            row(1, 10, 1, 1),
            row(2, 200, 1, 4),
            row(3, 200, 4, 8),
            row(4, 200, 8, 8),
            row(5, 10, 8, 1),
            row(6, 10, 1, 1),
        ]
    }

    #[test]
    fn a_trace_is_what_the_simulator_reads() {
        let text = trace(&rows());
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("seconds,rps,instances,p95_ms,failed"));
        assert_eq!(lines.next(), Some("1,100,1,50.0,1"));
        assert_eq!(lines.count(), 5);
    }

    #[test]
    fn each_step_has_its_line_and_its_time_to_follow() {
        let table = summary(&rows());
        assert_eq!(table.rows.len(), 3);
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
        assert_eq!(
            table.rows[1][..4],
            [Cell::Text("200".into()), Cell::count(3), Cell::count(300), Cell::count(3)]
        );
        assert_eq!(
            table.remarks,
            [
                "10 -> 200 connections: 1 -> 8 instances after 3 s",
                "200 -> 10 connections: 8 -> 1 instances after 2 s",
                "the wanted number changed its direction 1 times"
            ]
        );
    }

    #[test]
    fn turns_are_counted_where_the_direction_changes() {
        assert_eq!(turns([]), 0);
        assert_eq!(turns([1, 1, 4, 8, 8]), 0);
        assert_eq!(turns([1, 8, 8, 1, 1, 2]), 2);
    }

    #[test]
    fn tidegate_launches_its_own_sample_api() {
        let config = config(8001, 8002, Path::new("/b/tidegate"), "min: 1, max: 8");
        let command = "command: [\"/b/tidegate\", sample-api, --port, \"{port}\", --name, \"{name}\"]\n";
        assert!(config.contains(command) && config.contains("      scale: { min: 1, max: 8 }\n"), "{config}");
    }
}
