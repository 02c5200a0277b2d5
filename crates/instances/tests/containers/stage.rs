//! What the tests share: an engine whose containers are real servers, a fleet over it, and what it told.

use crate::daemon::{Daemon, Runs};
use crate::fixture::until;
use crate::server::{Answer, Asked, Server};
use base::Clock;
use instances::{Container, Fleet, FleetSettings, FleetView, Happening, Host, InFlight, Known, Member};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use upstream::{Place, ProbeKind};

/// An engine that runs servers, each of which answers with its own name. An image `crash` ends at once.
pub(crate) struct Engine {
    pub(crate) daemon: Rc<Daemon>,
    /// It answers as long as this is here.
    pub(crate) server: Option<Server>,
    /// Do the servers say that they are well?
    pub(crate) well: Rc<Cell<bool>>,
}

impl Engine {
    pub(crate) fn start() -> Self {
        let well = Rc::new(Cell::new(true));
        let theirs = Rc::clone(&well);
        let daemon = Daemon::running(Box::new(move |body| serve(body, &theirs)));
        daemon.images.borrow_mut().extend(["shop:2".into(), "crash:1".into()]);
        let server = Some(daemon.serve());
        Self { daemon, server, well }
    }

    /// Nobody answers any more.
    pub(crate) fn vanish(&mut self) {
        self.server = None;
        std::fs::remove_file(self.daemon.socket()).unwrap();
    }

    pub(crate) fn come_back(&mut self) {
        self.server = Some(self.daemon.serve());
    }

    /// The ids of the containers that have that status, by name.
    pub(crate) fn ids(&self, status: &str) -> Vec<(String, String)> {
        let containers = self.daemon.containers.borrow();
        let those = containers.iter().filter(|(_, container)| container.status == status);
        let mut ids: Vec<_> = those.map(|(id, container)| (container.name.clone(), id.clone())).collect();
        ids.sort();
        ids
    }

    /// The names of those that run.
    pub(crate) fn running(&self) -> Vec<String> {
        self.ids("running").into_iter().map(|(name, _)| name).collect()
    }

    /// How often such a thing was asked.
    pub(crate) fn asked(&self, start: &str, end: &str) -> usize {
        self.daemon.asked().iter().filter(|asked| asked.starts_with(start) && asked.ends_with(end)).count()
    }

    pub(crate) fn settings(&self) -> FleetSettings {
        settings(self.daemon.socket(), "shop:1")
    }
}

fn serve(body: &Value, well: &Rc<Cell<bool>>) -> Runs {
    if body["Image"] == json!("crash:1") {
        return Runs::Ends(1);
    }
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (body, well) = (body.clone(), Rc::clone(well));
    let answer = move |asked: Asked| match asked.path() {
        "/healthz" => Answer::json(if well.get() { 200 } else { 503 }, &json!({})),
        _ => Answer::json(200, &json!({ "image": body["Image"], "env": body["Env"], "cmd": body["Cmd"] })),
    };
    Runs::Serves(port, Server::tcp(TcpListener::from_std(listener).unwrap(), Rc::new(answer)))
}

/// Settings of the service `shop` with short timeouts.
pub(crate) fn settings(socket: PathBuf, image: &str) -> FleetSettings {
    let container = Container {
        image: image.into(),
        port: 8080,
        socket: Some(socket),
        owner: "gate".into(),
        network: None,
        volumes: Vec::new(),
    };
    let mut settings = FleetSettings::new("shop", vec!["serve".into(), "--port={port}".into()]);
    settings.ready.kind = ProbeKind::Http { path: "/healthz".into(), host: None, expect: Vec::new() };
    settings.start_timeout = Duration::from_secs(20);
    settings.stop_timeout = Duration::from_secs(2);
    settings.drain_timeout = Duration::from_secs(2);
    FleetSettings { container: Some(container), ..settings }
}

/// What is seen from the outside.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) members: RefCell<Vec<Member>>,
    happenings: RefCell<Vec<Happening>>,
    /// Fewest that took requests since it was set.
    pub(crate) fewest: Cell<usize>,
}

impl Seen {
    pub(crate) fn open(&self) -> Vec<Member> {
        self.members.borrow().iter().filter(|member| !member.cordoned).cloned().collect()
    }

    pub(crate) fn count(&self, label: &str) -> usize {
        self.happenings.borrow().iter().filter(|happening| happening.as_str() == label).count()
    }

    /// All that was told, in its words.
    pub(crate) fn told(&self) -> String {
        self.happenings.borrow().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

impl Host for Seen {
    fn endpoints(&self, service: &str, members: &[Member]) {
        assert_eq!(service, "shop");
        *self.members.borrow_mut() = members.to_vec();
        self.fewest.set(self.fewest.get().min(self.open().len()));
    }

    fn in_flight(&self, _service: &str, _name: &str) -> InFlight {
        InFlight::default()
    }

    fn tell(&self, _service: &str, happening: &Happening) {
        self.happenings.borrow_mut().push(happening.clone());
    }
}

/// A fleet, and what is seen of it.
pub(crate) struct Play {
    pub(crate) fleet: Rc<Fleet>,
    pub(crate) seen: Rc<Seen>,
}

impl Play {
    pub(crate) fn new(settings: FleetSettings) -> Self {
        let seen = Rc::<Seen>::default();
        let fleet = Fleet::new(settings, Rc::clone(&seen) as Rc<dyn Host>, Clock::real());
        Self { fleet, seen }
    }

    /// With so many ready.
    pub(crate) async fn with(settings: FleetSettings, count: u32) -> Self {
        let play = Self::new(settings);
        play.fleet.want(count);
        play.ready(count).await;
        play.seen.fewest.set(count as usize);
        play
    }

    pub(crate) async fn ready(&self, count: u32) {
        self.until(&format!("{count} are ready"), |view| {
            view.ready == count && view.instances.len() == count as usize
        })
        .await;
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&FleetView) -> bool) {
        until(what, || is_so(&self.fleet.view())).await;
    }

    /// What each instance answers.
    pub(crate) async fn answers(&self) -> Vec<Value> {
        let mut answers = Vec::new();
        for member in self.seen.open() {
            answers.push(ask(&member.place).await);
        }
        answers
    }

    /// As a process would pass it on to the next one: through JSON.
    pub(crate) fn hand_over(&self) -> Vec<instances::Handed> {
        let pass = |handed: instances::Handed| {
            let text = serde_json::to_string(&handed.known).unwrap();
            let known: Known = serde_json::from_str(&text).unwrap();
            instances::Handed { known, control: handed.control }
        };
        self.fleet.hand_over().into_iter().map(pass).collect()
    }
}

async fn ask(place: &Place) -> Value {
    let Place::Address(address) = place else { panic!("{place:?}") };
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}
