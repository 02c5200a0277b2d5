//! What the tests share: a fleet, what it told, and a look at what is left of it.

use base::Clock;
use instances::{Fleet, FleetSettings, FleetView, Happening, Host, InFlight, LogSettings, Member};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};
use upstream::Place;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);
/// The variable by which all processes of a test are found, wherever they have gone.
pub(crate) const MARK: &str = "INSTANCES_TEST";

/// Runs a test as a thread of Tidegate runs.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bounded = async { timeout(LIMIT, test).await.expect("the test ends in time") };
    LocalSet::new().block_on(&runtime, bounded);
}

/// Looks again and again until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT / 2;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// This program as a server that does that.
pub(crate) fn server(does: &[&str]) -> Vec<String> {
    let program = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    let words = [super::server::ROLE, "port={port}"].into_iter().chain(does.iter().copied());
    std::iter::once(program).chain(words.map(str::to_owned)).collect()
}

/// A shell that does that; `$SERVER` is a server on the right port.
pub(crate) fn sh(script: &str) -> Vec<String> {
    let server = server(&[]).join(" ");
    let script = script.replace("$SERVER", &server);
    ["/bin/sh", "-c", &script].map(str::to_owned).into()
}

/// A mark that no other test has.
pub(crate) fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Settings of the service `shop` with short timeouts.
pub(crate) fn settings(command: Vec<String>, mark: &str) -> FleetSettings {
    let mut settings = FleetSettings::new("shop", command);
    settings.program.env.push((MARK.into(), mark.into()));
    settings.start_timeout = Duration::from_secs(20);
    settings.stop_timeout = Duration::from_secs(5);
    settings.log = LogSettings::Off;
    settings
}

/// Processes with that mark, this one's own children or not.
pub(crate) fn left(mark: &str) -> Vec<i32> {
    let mark = format!("{MARK}={mark}");
    let has = |pid: &i32| {
        let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        variables.split(|b| *b == 0).any(|variable| variable == mark.as_bytes())
    };
    processes().into_iter().filter(has).collect()
}

pub(crate) fn processes() -> Vec<i32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

pub(crate) fn command_line(pid: i32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ")
}

/// The process that started this one.
pub(crate) fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

/// What a fleet tells.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) members: RefCell<Vec<Member>>,
    pub(crate) happenings: RefCell<Vec<Happening>>,
    pub(crate) in_flight: RefCell<HashMap<Box<str>, u32>>,
}

impl Seen {
    pub(crate) fn texts(&self, label: &str) -> Vec<String> {
        let told = self.happenings.borrow();
        told.iter().filter(|h| h.as_str() == label).map(ToString::to_string).collect()
    }

    /// Those that get requests.
    pub(crate) fn open(&self) -> Vec<Member> {
        self.members.borrow().iter().filter(|m| !m.cordoned).cloned().collect()
    }

    pub(crate) fn count(&self, name: &str, by: i32) {
        let mut in_flight = self.in_flight.borrow_mut();
        let count = in_flight.entry(name.into()).or_default();
        *count = count.saturating_add_signed(by);
    }
}

impl Host for Seen {
    fn endpoints(&self, _service: &str, members: &[Member]) {
        *self.members.borrow_mut() = members.to_vec();
    }

    fn in_flight(&self, _service: &str, name: &str) -> InFlight {
        InFlight { requests: self.in_flight.borrow().get(name).copied().unwrap_or(0), streams: 0 }
    }

    fn tell(&self, _service: &str, happening: &Happening) {
        self.happenings.borrow_mut().push(happening.clone());
    }
}

/// A fleet and its audience.
pub(crate) struct Play {
    pub(crate) fleet: Rc<Fleet>,
    pub(crate) seen: Rc<Seen>,
    pub(crate) mark: String,
}

impl Play {
    pub(crate) fn new(settings: FleetSettings) -> Self {
        let seen = Rc::<Seen>::default();
        let is_mark = |(name, _): &&(String, String)| name == MARK;
        let mark = settings.program.env.iter().find(is_mark).unwrap().1.clone();
        let fleet = Fleet::new(settings, Rc::clone(&seen) as Rc<dyn Host>, Clock::real());
        Self { fleet, seen, mark }
    }

    /// With so many ready.
    pub(crate) async fn with(settings: FleetSettings, count: u32) -> Self {
        let play = Self::new(settings);
        play.fleet.want(count);
        play.until(|view| view.ready == count).await;
        play
    }

    pub(crate) async fn until(&self, is_so: impl Fn(&FleetView) -> bool) -> FleetView {
        let deadline = Instant::now() + LIMIT / 2;
        loop {
            let view = self.fleet.view();
            if is_so(&view) {
                return view;
            }
            let told = self.seen.happenings.borrow();
            assert!(Instant::now() < deadline, "it never comes to that: {view:#?}\n{told:#?}");
            drop(told);
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until that was told, and gives the first.
    pub(crate) async fn told(&self, label: &str) -> String {
        until(label, || !self.seen.texts(label).is_empty()).await;
        self.seen.texts(label).remove(0)
    }

    /// Ends it all, and looks whether anything is left.
    pub(crate) async fn end(self) {
        self.fleet.stop().await;
        assert_eq!(self.fleet.view().instances, []);
        let left = left(&self.mark);
        let lines: Vec<_> = left.iter().map(|pid| command_line(*pid)).collect();
        assert!(left.is_empty(), "left behind: {lines:?}");
    }
}

/// Asks an instance, and gives what it says: the number of its process.
pub(crate) async fn ask(place: &Place, path: &str) -> io::Result<String> {
    match place {
        Place::Address(address) => asked(TcpStream::connect(address).await?, path).await,
        Place::Unix(socket) => asked(UnixStream::connect(socket).await?, path).await,
        Place::Name(..) => Err(io::ErrorKind::Unsupported.into()),
    }
}

async fn asked(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> io::Result<String> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n").as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    if head.starts_with("HTTP/1.1 200 ") && !body.is_empty() {
        Ok(body.to_owned())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}
