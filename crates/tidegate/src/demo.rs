//! `tidegate demo`: a sample API, launched in several copies, with Tidegate in front of it.

use crate::args::Demo;
use crate::node::{Node, Origin};
use crate::run;
use crate::say;
use admin::Node as _;
use anyhow::{Context, Result, anyhow};
use base::Clock;
use shop::demo::{Address, Screen, Snapshot, TrafficLine, banner, free_port, traffic};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// The config of the demo. Ports are filled in.
const CONFIG: &str = include_str!("demo.yaml");
/// How often the counters are looked at for the live line.
const LOOK: Duration = Duration::from_millis(250);
/// Requests per second that `--traffic` makes.
const TRAFFIC: u32 = 20;

/// Runs the demo until interrupted.
pub(crate) fn demo(args: &Demo) -> Result<ExitCode> {
    let instances = (1..=args.instances).map(Instance::launch).collect::<Result<Vec<_>>>()?;
    // The ports are taken only until the gateway binds them itself.
    let gateway = free_port(args.port)?.local_addr()?;
    let admin = free_port(9090)?.local_addr()?;
    let endpoints: Vec<&str> = instances.iter().map(|i| i.url.as_str()).collect();
    let text = CONFIG
        .replace("GATEWAY", &gateway.to_string())
        .replace("ADMIN", &admin.to_string())
        .replace("ENDPOINTS", &endpoints.join(", "));
    let loaded =
        config::parse(&text, "the demo's config", &|_| None).map_err(|r| anyhow!(r.render(false)))?;
    let with_traffic = args.traffic;
    let alone = run::Beginning::alone();
    let code = run::serve(Origin::Given, loaded.file, loaded.report, alone, |node| async move {
        let others = [
            Address::new("dashboard", format!("http://{admin}/")),
            Address::new("metrics", format!("http://{admin}/metrics")),
        ];
        let names: Vec<(String, String)> =
            instances.iter().map(|i| (i.url.clone(), i.name.clone())).collect();
        let instances = instances.iter().map(|i| Address::new(&i.name, &i.url));
        let others: Vec<Address> = others.into_iter().chain(instances).collect();
        say::raw(&banner(&Address::new("gateway", format!("http://{gateway}")), &others));
        let stop = Arc::new(tokio::sync::Notify::new());
        let made = with_traffic.then(|| {
            let stop = Arc::clone(&stop);
            tokio::spawn(async move { traffic(gateway, TRAFFIC, stop.notified()).await })
        });
        live(&node, &names).await;
        stop.notify_waiters();
        if let Some(made) = made {
            made.abort();
        }
    })?;
    say::line("The demo has ended, and the copies of the sample API with it.");
    Ok(code)
}

/// Draws the live line until interrupted.
async fn live(node: &Node, names: &[(String, String)]) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return node.drain_begun.notified().await;
    };
    let clock = Clock::real();
    let mut line = TrafficLine::new(Screen::of_stdout());
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = node.drain_begun.notified() => break,
            _ = ticks.tick() => {
                if let Some(text) = line.tick(clock.now(), snapshot(node, names)) {
                    say::raw(&text);
                }
            }
        }
    }
    say::raw(line.leave());
}

/// `names`: the instances' URLs and what they are called.
fn snapshot(node: &Node, names: &[(String, String)]) -> Snapshot {
    let seen = node.snapshot();
    let count =
        |url: &str| seen.endpoints.iter().filter(|e| *e.endpoint == *url).map(|e| e.took.total()).sum();
    Snapshot {
        requests: seen.requests(),
        errors: seen.errors(),
        in_flight: u64::try_from(seen.inflight()).unwrap_or(0),
        latency: seen.took(),
        instances: names.iter().map(|(url, name)| (name.clone(), count(url))).collect(),
    }
}

/// A copy of the sample API: a process of its own, ended with this one.
struct Instance {
    name: String,
    url: String,
    process: Child,
}

impl Instance {
    fn launch(number: u8) -> Result<Self> {
        let name = format!("shop-{number}");
        let program = std::env::current_exe().context("cannot find the program itself")?;
        let mut process = Command::new(program)
            .args(["sample-api", "--port", "0", "--end-with-parent", "--name", &name])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the sample API")?;
        let output = process.stdout.take().context("the sample API has no output")?;
        let mut first = String::new();
        BufReader::new(output).read_line(&mut first)?;
        let url = first.split_whitespace().last().filter(|u| u.starts_with("http://"));
        let url =
            url.with_context(|| format!("{name} did not start: it said `{}`", first.trim()))?.to_owned();
        Ok(Self { name, url, process })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.process.id())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}
