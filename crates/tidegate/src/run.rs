//! `tidegate run`: serve until told to stop, then drain.
//!
//! A process may begin with sockets that others opened, those of the service manager or of the process whose place it
//! takes. In the second case nothing is accepted before that process has given its word (`upgrade.rs`).

use crate::activation;
use crate::args::Run;
use crate::caring;
use crate::drain::drained;
use crate::handed::Sockets;
use crate::node::{Node, Origin};
use crate::say;
use crate::upgrade::{self, Ask, Predecessor, Program};
use crate::watch::ConfigFile;
use admin::Node as _;
use anyhow::{Context, Result};
use config::{AdminAddress, File, Report};
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Below this interval of a watchdog, workers that tick every 200 ms could be taken for stuck.
const WATCHDOG_LEAST: Duration = Duration::from_secs(2);
/// How often a process that is told to stop looks whether an upgrade has noticed.
const DRAIN_LOOK: Duration = Duration::from_millis(20);
/// How long the admin API may take to finish its answers behind an upgrade.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);

/// What a process begins with.
pub(crate) struct Beginning {
    /// Sockets that others have opened.
    pub(crate) sockets: Sockets,
    /// The process whose place this one takes.
    pub(crate) predecessor: Option<Predecessor>,
    /// What an upgrade starts; `None` where there is none.
    pub(crate) program: Option<Program>,
}

impl Beginning {
    /// Alone, and never to be replaced.
    pub(crate) fn alone() -> Self {
        Self { sockets: Sockets::default(), predecessor: None, program: None }
    }

    fn of_this_process() -> Result<Self> {
        let program = Some(Program::of_this_process()?);
        Ok(match Predecessor::of_this_process()? {
            Some((predecessor, sockets)) => Self { sockets, predecessor: Some(predecessor), program },
            None => Self { sockets: activation::passed()?, predecessor: None, program },
        })
    }

    /// Says that it ends here, to people and to the process whose place it would have taken.
    fn refuse(&self, report: &Report) -> ExitCode {
        if let Some(predecessor) = &self.predecessor {
            predecessor.refuse(&report.render(false));
        }
        say::report(&report.render(say::is_terminal()));
        ExitCode::from(1)
    }
}

/// Serves.
pub(crate) fn run(args: &Run) -> Result<ExitCode> {
    let beginning = Beginning::of_this_process()?;
    let (origin, file, report) = match read(args, &beginning.sockets) {
        Ok(read) => read,
        Err(report) => return Ok(beginning.refuse(&report)),
    };
    serve(origin, file, report, beginning, |node| async move { told_to_stop(&node).await })
}

fn read(args: &Run, sockets: &Sockets) -> Result<(Origin, File, Report), Report> {
    let Some(url) = &args.to else {
        let file = ConfigFile::at(&args.config);
        let loaded = file.load()?;
        return Ok((Origin::File(file), loaded.file, loaded.report));
    };
    let mut file = config::from_url(url, &args.listen)?;
    // Without a config nobody has chosen this port, so another will do where it is taken, but not in an upgrade.
    let handed = sockets.admin.as_ref().and_then(net::bind::Listener::local_addr);
    if let Some(at) = handed.or_else(|| shop::demo::free_port(9090).and_then(|l| l.local_addr()).ok()) {
        file.admin.address = AdminAddress::At(config::Address::Ip(at));
    }
    Ok((Origin::Given, file, Report::new(config::Source::new("--to", url))))
}

/// Serves until `until` ends, then drains.
pub(crate) fn serve<F: Future<Output = ()>>(
    origin: Origin,
    file: File,
    mut report: Report,
    mut beginning: Beginning,
    until: impl FnOnce(Arc<Node>) -> F,
) -> Result<ExitCode> {
    net::bind::raise_fd_limit();
    let admin = file.admin.clone();
    let started = Node::start(origin, file, &mut report, &mut beginning.sockets);
    if started.is_err() && report.has_errors() {
        return Ok(beginning.refuse(&report));
    }
    if !report.problems().is_empty() {
        say::report(&report.render(say::is_terminal()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let ready = started.and_then(|(node, asked)| {
            let admin = bind_admin(&node, &admin, &mut beginning.sockets)?;
            caring::start(&node)?;
            Ok((node, asked, admin, signal(SignalKind::user_defined2())?))
        });
        match (ready, &beginning.predecessor) {
            (Ok((node, asked, admin, usr2)), predecessor) => {
                if let Some(predecessor) = predecessor {
                    predecessor.take_over()?;
                }
                node.launch(std::mem::take(&mut beginning.sockets.instances))?;
                let attending = Attending { asked, usr2, program: beginning.program };
                open(&node, predecessor.as_ref());
                beginning.sockets.let_go();
                control(node, admin, attending, until).await
            }
            (Err(e), predecessor) => {
                if let Some(predecessor) = predecessor {
                    predecessor.refuse(&format!("{e:#}"));
                }
                Err(e)
            }
        }
    })
}

/// Accepts connections, and says so.
fn open(node: &Node, predecessor: Option<&Predecessor>) {
    node.open();
    if let Some(predecessor) = predecessor {
        predecessor.serving();
        node.took_over(predecessor.pid());
    }
    for url in node.urls() {
        observe::log::info(format_args!("listening on {url}"));
    }
}

/// Upgrades are asked for here.
struct Attending {
    asked: mpsc::Receiver<Ask>,
    usr2: Signal,
    program: Option<Program>,
}

impl Attending {
    fn begin(self, node: &Arc<Node>) -> Option<JoinHandle<()>> {
        let Self { asked, usr2, program } = self;
        Some(tokio::spawn(upgrade::attend(Arc::clone(node), program?, asked, usr2)))
    }
}

/// The control thread: admin, signals, files.
async fn control<F: Future<Output = ()>>(
    node: Arc<Node>,
    admin: Option<Admin>,
    attending: Attending,
    until: impl FnOnce(Arc<Node>) -> F,
) -> Result<ExitCode> {
    let admin = admin.map(|admin| admin.serve(&node));
    let attending = attending.begin(&node);
    let watching = tokio::spawn(watch(Arc::clone(&node)));
    let beating = tokio::spawn(beat(Arc::clone(&node)));
    node.manager.ready();
    until(Arc::clone(&node)).await;
    watching.abort();
    node.drain();
    // An upgrade that has begun sees that it makes no sense any more, and takes its process back.
    while node.is_upgrading() {
        tokio::time::sleep(DRAIN_LOOK).await;
    }
    // The process that has taken over answers from now on.
    let admin = admin.filter(|_| node.successor().is_some()).map(|(stop, serving)| {
        stop.notify_one();
        serving
    });
    if let Some(attending) = attending {
        if node.successor().is_none() {
            attending.abort();
        }
        // It has yet to tell of an upgrade that has succeeded.
        let _ = attending.await;
    }
    let code = drained(&node).await;
    if let Some(scaling) = node.scaling().filter(|_| node.successor().is_none()) {
        scaling.stop().await;
    }
    if let Some(answering) = admin {
        let _ = tokio::time::timeout(ADMIN_TIMEOUT, answering).await;
    }
    beating.abort();
    node.close();
    Ok(code)
}

/// The admin API, before it answers.
struct Admin {
    listener: tokio::net::TcpListener,
    settings: admin::Settings,
}

/// Binds the admin API's socket, or takes the one that was handed over.
fn bind_admin(node: &Node, admin: &config::Admin, handed: &mut Sockets) -> Result<Option<Admin>> {
    let AdminAddress::At(address) = &admin.address else { return Ok(None) };
    let address: net::bind::Address = address.to_string().parse()?;
    let bound = match handed.take_admin(&address) {
        Some(socket) => socket,
        None => net::bind::bind(&address, false).context("admin")?,
    };
    node.keep_admin(bound.try_clone()?);
    let net::bind::Listener::Tcp(tcp) = bound else {
        anyhow::bail!("admin: a Unix socket is not served yet: give IP:PORT")
    };
    let token = admin.token.as_ref().map(|t| t.reveal().to_owned());
    let settings = admin::Settings { token, hosts: Vec::new() };
    Ok(Some(Admin { listener: tokio::net::TcpListener::from_std(tcp)?, settings }))
}

impl Admin {
    /// Answers on this thread's runtime. Rung, it answers what is under way, and ends.
    fn serve(self, node: &Arc<Node>) -> (Arc<Notify>, JoinHandle<()>) {
        if let Ok(at) = self.listener.local_addr() {
            observe::log::info(format_args!("admin on http://{at}"));
        }
        let quiet = Arc::clone(node);
        let node: Arc<dyn admin::Node> = Arc::clone(node) as _;
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let stop_accepting = async move {
            stopped.notified().await;
            quiet.admin_quiet.notify_one();
        };
        let serving = async move {
            admin::serve(self.listener, node, self.settings, stop_accepting).await;
        };
        (stop, tokio::spawn(serving))
    }
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
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        node.look_around();
        if node.has_news() {
            let _ = node.reload_now();
        }
    }
}

/// Tells the service manager that the workers work, where it asks. When one is stuck it is told nothing, and does what
/// its unit says.
async fn beat(node: Arc<Node>) {
    let Some(interval) = node.manager.watchdog() else { return };
    let mut before = Vec::new();
    loop {
        tokio::time::sleep(interval / 2).await;
        if node.successor().is_some() {
            return; // It is the other one that is asked.
        }
        let now = node.ticks();
        let stuck = now.iter().zip(&before).position(|(now, before)| now == before);
        match stuck.filter(|_| interval >= WATCHDOG_LEAST && !node.is_draining()) {
            Some(worker) => observe::log::error(format_args!("worker {worker} does not answer")),
            None => node.manager.alive(),
        }
        before = now;
    }
}
