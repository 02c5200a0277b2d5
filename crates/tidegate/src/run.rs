//! `tidegate run`: serve until told to stop, then drain.

use crate::args::Run;
use crate::caring;
use crate::node::{Node, Origin};
use crate::say;
use admin::Node as _;
use anyhow::{Context, Result};
use config::{AdminAddress, File, Report};
use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::signal::unix::{SignalKind, signal};

/// How often files are looked at, and how soon a drained node notices that it is.
const LOOK: Duration = Duration::from_secs(1);
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// Serves.
pub(crate) fn run(args: &Run) -> Result<ExitCode> {
    let (origin, file, mut report) = match &args.to {
        Some(url) => match config::from_url(url, &args.listen) {
            Ok(mut file) => {
                // Without a config nobody has chosen this port, so another will do where it is taken.
                if let Ok(free) = shop::demo::free_port(9090).and_then(|l| l.local_addr()) {
                    file.admin.address = AdminAddress::At(config::Address::Ip(free));
                }
                (Origin::Given, file, Report::new(config::Source::new("--to", url)))
            }
            Err(report) => return Ok(refuse(&report)),
        },
        None => match config::load(&args.config) {
            Ok(loaded) => (Origin::File(args.config.clone()), loaded.file, loaded.report),
            Err(report) => return Ok(refuse(&report)),
        },
    };
    serve(origin, file, &mut report, |node| async move { told_to_stop(&node).await })
}

fn refuse(report: &Report) -> ExitCode {
    say::report(&report.render(say::is_terminal()));
    ExitCode::from(1)
}

/// Serves until `until` ends, then drains.
pub(crate) fn serve<F: Future<Output = ()>>(
    origin: Origin,
    file: File,
    report: &mut Report,
    until: impl FnOnce(Arc<Node>) -> F,
) -> Result<ExitCode> {
    net::bind::raise_fd_limit();
    let admin = file.admin.clone();
    let node = match Node::start(origin, file, report) {
        Ok(node) => node,
        Err(_) if report.has_errors() => return Ok(refuse(report)),
        Err(e) => return Err(e),
    };
    if !report.problems().is_empty() {
        say::report(&report.render(say::is_terminal()));
    }
    caring::start(&node)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(control(node, admin, until))
}

/// The control thread: admin, signals, files.
async fn control<F: Future<Output = ()>>(
    node: Arc<Node>,
    admin: config::Admin,
    until: impl FnOnce(Arc<Node>) -> F,
) -> Result<ExitCode> {
    let admin_url = open_admin(&node, &admin)?;
    for url in node.urls() {
        observe::log::info(format_args!("listening on {url}"));
    }
    if let Some(url) = admin_url {
        observe::log::info(format_args!("admin on {url}"));
    }
    let watching = tokio::spawn(watch(Arc::clone(&node)));
    until(Arc::clone(&node)).await;
    watching.abort();
    node.drain();
    let code = drained(&node).await;
    node.close();
    Ok(code)
}

/// Starts the admin server on this thread's runtime.
fn open_admin(node: &Arc<Node>, admin: &config::Admin) -> Result<Option<String>> {
    let AdminAddress::At(address) = &admin.address else { return Ok(None) };
    let address: net::bind::Address = address.to_string().parse()?;
    let bound = net::bind::bind(&address, false).context("admin")?;
    let net::bind::Listener::Tcp(tcp) = bound else {
        anyhow::bail!("admin: a Unix socket is not served yet: give IP:PORT")
    };
    let url = format!("http://{}", tcp.local_addr()?);
    let listener = tokio::net::TcpListener::from_std(tcp)?;
    let settings =
        admin::Settings { token: admin.token.as_ref().map(|t| t.reveal().to_owned()), hosts: Vec::new() };
    let node: Arc<dyn admin::Node> = Arc::clone(node) as _;
    tokio::spawn(admin::serve(listener, node, settings, std::future::pending()));
    Ok(Some(url))
}

/// Ends at SIGTERM or SIGINT, or when a drain was asked for. SIGHUP reloads.
async fn told_to_stop(node: &Node) {
    let streams =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()));
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = streams else {
        observe::log::error(format_args!("cannot listen for signals"));
        return node.drain_begun.notified().await;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
            () = node.drain_begun.notified() => return,
            _ = hangup.recv() => {
                // The outcome has been logged.
                let _ = node.reload_now();
            }
        }
    }
}

/// Reloads when the config file has changed, and looks after certificates.
async fn watch(node: Arc<Node>) {
    let path = node.watched();
    let mut seen = path.as_deref().and_then(stamp);
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        node.look_around();
        let now = path.as_deref().and_then(stamp);
        // A file that is away is being replaced: what counts is the one that comes.
        if now.is_some() && now != seen {
            seen = now;
            let _ = node.reload_now();
        }
    }
}

/// What changes when a file does: its time, its length and which file it is.
fn stamp(path: &Path) -> Option<(SystemTime, u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len(), meta.ino()))
}

/// Waits for the last connection, within the drain's time. A second signal ends the wait.
async fn drained(node: &Node) -> ExitCode {
    let until = Instant::now() + node.drain_timeout();
    let mut told = false;
    let again = async {
        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(mut a), Ok(mut b)) => {
                tokio::select! { _ = a.recv() => {}, _ = b.recv() => {} }
            }
            _ => std::future::pending().await,
        }
    };
    tokio::pin!(again);
    while !node.is_drained() {
        let open = node.open_connections();
        if open > 0 && !told {
            told = true;
            observe::log::info(format_args!("draining: {open} connections are open"));
        }
        if Instant::now() >= until {
            observe::log::warning(format_args!("drain_timeout has passed: {open} connections are cut"));
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(DRAIN_LOOK) => {}
            () = &mut again => {
                observe::log::warning(format_args!("told again to stop: {open} connections are cut"));
                break;
            }
        }
    }
    ExitCode::SUCCESS
}
