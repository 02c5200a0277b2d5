//! `tidegate demo`: a sample API, launched and scaled by Tidegate, with Tidegate in front of it.

use crate::args::Demo;
use crate::node::{Node, Origin};
use crate::run;
use crate::say;
use admin::{Node as _, ServiceInstances};
use anyhow::{Context, Result, anyhow};
use base::Clock;
use shop::demo::{Address, Screen, Snapshot, TrafficLine, banner, free_port, surge, traffic};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The config of the demo.
const CONFIG: &str = include_str!("demo.yaml");
/// How often the counters are looked at for the live line.
const LOOK: Duration = Duration::from_millis(250);
/// Requests per second that `--traffic` makes.
const TRAFFIC: u32 = 20;
/// How long the banner waits for the first instances, so that it can name them.
const START: Duration = Duration::from_secs(5);

/// Runs the demo until interrupted.
pub(crate) fn demo(args: &Demo) -> Result<ExitCode> {
    let program = std::env::current_exe().context("cannot find the program itself")?;
    let program = serde_json::to_string(&program.to_string_lossy())?;
    // The ports are taken only until the gateway binds them itself.
    let gateway = free_port(args.port)?.local_addr()?;
    let admin = free_port(9090)?.local_addr()?;
    // What it keeps is of no use to the next one.
    let data = std::env::temp_dir().join(format!("tidegate-demo-{}", std::process::id()));
    let least = args.instances.unwrap_or(if args.surge { 1 } else { 3 });
    let text = CONFIG
        .replace("GATEWAY", &gateway.to_string())
        .replace("ADMIN", &admin.to_string())
        .replace("PROGRAM", &program)
        .replace("DATA", &serde_json::to_string(&data.to_string_lossy())?)
        .replace("MIN", &least.to_string());
    let loaded =
        config::parse(&text, "the demo's config", &|_| None).map_err(|r| anyhow!(r.render(false)))?;
    let (with_traffic, with_surge) = (args.traffic, args.surge);
    let alone = run::Beginning::alone();
    let code = run::serve(Origin::Given, loaded.file, loaded.report, alone, |node| async move {
        let others = [
            Address::new("dashboard", format!("http://{admin}/")),
            Address::new("metrics", format!("http://{admin}/metrics")),
        ];
        let instances = started(&node).await;
        let others: Vec<Address> = others.into_iter().chain(instances).collect();
        say::raw(&banner(&Address::new("gateway", format!("http://{gateway}")), &others));
        let stop = Arc::new(tokio::sync::Notify::new());
        let made = visitors(with_traffic, with_surge, gateway, &stop);
        live(&node).await;
        stop.notify_waiters();
        if let Some(made) = made {
            made.abort();
        }
    })?;
    let _ = std::fs::remove_dir_all(&data);
    say::line("The demo has ended, and the instances of the sample API with it.");
    Ok(code)
}

/// The traffic that was asked for.
fn visitors(
    traffic_wanted: bool,
    surge_wanted: bool,
    gateway: std::net::SocketAddr,
    stop: &Arc<tokio::sync::Notify>,
) -> Option<JoinHandle<()>> {
    let stop = Arc::clone(stop);
    if surge_wanted {
        let told = |many| observe::log::info(format_args!("{many} visitors search all the time"));
        return Some(tokio::spawn(async move { surge(gateway, stop.notified(), told).await }));
    }
    traffic_wanted.then(|| tokio::spawn(async move { traffic(gateway, TRAFFIC, stop.notified()).await }))
}

/// The instances that were launched first, once they are ready.
async fn started(node: &Node) -> Vec<Address> {
    let until = Instant::now() + START;
    loop {
        let views = node.instances();
        let is_ready = views.iter().all(|view| view.ready >= view.min.max(1));
        if (is_ready && !views.is_empty()) || Instant::now() >= until {
            let all = views.iter().flat_map(|view| &view.instances);
            return all.map(|i| Address::new(&i.name, format!("http://{}", i.place))).collect();
        }
        tokio::time::sleep(LOOK / 10).await;
    }
}

/// Draws the live line until interrupted.
async fn live(node: &Node) {
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
                if let Some(text) = line.tick(clock.now(), snapshot(node)) {
                    say::raw(&text);
                }
            }
        }
    }
    say::raw(line.leave());
}

fn snapshot(node: &Node) -> Snapshot {
    let seen = node.snapshot();
    let views: Vec<ServiceInstances> = node.instances();
    let count =
        |name: &str| seen.endpoints.iter().filter(|e| *e.endpoint == *name).map(|e| e.took.total()).sum();
    let all = views.iter().flat_map(|view| &view.instances).filter(|instance| instance.state != "starting");
    Snapshot {
        requests: seen.requests(),
        errors: seen.errors(),
        in_flight: u64::try_from(seen.inflight()).unwrap_or(0),
        latency: seen.took(),
        instances: all.map(|instance| (instance.name.clone(), count(&instance.name))).collect(),
        wanted: views.iter().map(|view| view.wanted).sum(),
    }
}
