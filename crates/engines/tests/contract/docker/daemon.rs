//! An engine as far as its documented API goes, behind a Unix socket: containers with states, labels and ports, images,
//! events. What running a container means is said by whoever makes it ([`Daemon::running`]): without that a container
//! has a port at which nobody listens.

use crate::server::{Answer, Asked, Part, Server};
use engines::docker::{Engine, Place, Recipe};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;
use testing::Folder;
use tokio::net::UnixListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// One container.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) name: String,
    /// `created`, `running`, `exited`.
    pub(crate) status: String,
    pub(crate) code: i64,
    pub(crate) body: Value,
}

/// What a container does once it is started.
#[allow(dead_code, reason = "not everybody who shares this engine runs something in it")]
pub(crate) enum Runs {
    /// It serves at this port of 127.0.0.1.
    Serves(u16, Server),
    /// It ends with this exit status.
    Ends(i64),
}

/// Runs a container that was made from that body.
pub(crate) type Runner = Box<dyn Fn(&Value) -> Runs>;

/// The engine's state, and what it was asked.
pub(crate) struct Daemon {
    folder: Folder,
    /// What it says of itself.
    pub(crate) version: RefCell<String>,
    pub(crate) images: RefCell<Vec<String>>,
    pub(crate) containers: RefCell<BTreeMap<String, Kept>>,
    next: Cell<u16>,
    listeners: RefCell<Vec<UnboundedSender<Part>>>,
    runner: Option<Runner>,
    servers: RefCell<HashMap<String, (u16, Server)>>,
    pub(crate) asked: RefCell<Vec<Asked>>,
    /// What is answered next, in place of the truth, to a question whose path ends so.
    pub(crate) faults: RefCell<VecDeque<(&'static str, Answer)>>,
}

fn refused(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message }))
}

fn done(status: u16) -> Answer {
    Answer::Json(status, String::new(), String::new())
}

pub(crate) fn recipe() -> Recipe {
    Recipe::new("shop", "r1", "shop:1", 8080)
}

impl Daemon {
    pub(crate) fn new() -> Rc<Self> {
        Self::with(None)
    }

    /// An engine that runs containers so.
    #[allow(dead_code, reason = "not everybody who shares this engine runs something in it")]
    pub(crate) fn running(runner: Runner) -> Rc<Self> {
        Self::with(Some(runner))
    }

    fn with(runner: Option<Runner>) -> Rc<Self> {
        Rc::new(Self {
            folder: Folder::new(),
            version: RefCell::new("1.51".into()),
            images: RefCell::new(vec!["shop:1".into()]),
            containers: RefCell::default(),
            next: Cell::new(1),
            listeners: RefCell::default(),
            runner,
            servers: RefCell::default(),
            asked: RefCell::default(),
            faults: RefCell::default(),
        })
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path("docker.sock")
    }

    pub(crate) fn serve(self: &Rc<Self>) -> Server {
        let path = self.socket();
        let _ = std::fs::remove_file(&path);
        let daemon = Rc::clone(self);
        Server::unix(UnixListener::bind(path).unwrap(), Rc::new(move |asked| daemon.answer(&asked)))
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::at(&Place::Unix(self.socket()), "gate").unwrap()
    }

    /// Puts a container there as if somebody had made it.
    pub(crate) fn put(&self, name: &str, status: &str, labels: &Value) -> String {
        let id = self.id();
        let body = json!({ "Image": "shop:1", "Labels": labels, "HostConfig": { "PortBindings": { "8080/tcp": [{}] } } });
        let container = Kept { name: name.into(), status: status.into(), code: 0, body };
        self.containers.borrow_mut().insert(id.clone(), container);
        id
    }

    fn id(&self) -> String {
        self.next.set(self.next.get() + 1);
        format!("{:064x}", self.next.get())
    }

    /// A container's program ends.
    pub(crate) fn ends(&self, id: &str, code: i64) {
        self.servers.borrow_mut().remove(id);
        let labels = {
            let mut containers = self.containers.borrow_mut();
            let container = containers.get_mut(id).unwrap();
            container.status = "exited".into();
            container.code = code;
            container.body["Labels"].clone()
        };
        let mut attributes = labels;
        attributes["exitCode"] = json!(code.to_string());
        attributes["image"] = json!("shop:1");
        let actor = json!({ "ID": id, "Attributes": attributes });
        self.happened(&json!({ "Type": "container", "Action": "die", "Actor": actor, "time": 1 }));
    }

    fn happened(&self, event: &Value) {
        self.say(&Part::Text(format!("{event}\n")));
    }

    pub(crate) fn say(&self, part: &Part) {
        self.listeners.borrow_mut().retain(|listener| listener.send(part.clone()).is_ok());
    }

    /// Ends all streams of events.
    pub(crate) fn end(&self) {
        self.listeners.borrow_mut().clear();
    }

    pub(crate) fn listeners(&self) -> usize {
        self.listeners.borrow_mut().retain(|listener| !listener.is_closed());
        self.listeners.borrow().len()
    }

    /// What was asked, as `POST /containers/create`, without versions.
    pub(crate) fn asked(&self) -> Vec<String> {
        let plain = |asked: &Asked| {
            let path = asked.path().trim_start_matches('/').split_once('/');
            let path = path
                .filter(|(first, _)| first.starts_with("v1."))
                .map_or_else(|| asked.path().to_owned(), |(_, rest)| format!("/{rest}"));
            format!("{} {path}", asked.method)
        };
        self.asked.borrow().iter().map(plain).collect()
    }

    fn answer(&self, asked: &Asked) -> Answer {
        self.asked.borrow_mut().push(asked.clone());
        let mut faults = self.faults.borrow_mut();
        if faults.front().is_some_and(|(end, _)| asked.path().ends_with(end)) {
            return faults.pop_front().unwrap().1;
        }
        drop(faults);
        if asked.path() == "/_ping" {
            return Answer::Json(200, format!("api-version: {}\r\n", self.version.borrow()), "OK".into());
        }
        let Some(path) = asked.path().strip_prefix("/v1.").and_then(|rest| rest.split_once('/')) else {
            return refused(400, "no version in the path");
        };
        let parts: Vec<&str> = path.1.split('/').collect();
        match (&*asked.method, &parts[..]) {
            ("POST", ["containers", "create"]) => self.create(asked),
            ("GET", ["containers", "json"]) => self.list(asked),
            ("GET", ["containers", id, "json"]) => self.inspect(id),
            ("GET", ["containers", id, "stats"]) => match self.known(id) {
                Some(_) => Answer::json(
                    200,
                    &json!({ "cpu_stats": { "cpu_usage": { "total_usage": 2_000_000_000_u64 } },
                        "memory_stats": { "usage": 4096, "stats": { "inactive_file": 1024 } } }),
                ),
                None => refused(404, "No such container"),
            },
            ("GET", ["containers", id, "logs"]) => match self.known(id) {
                Some(_) => Answer::Raw(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n\x02\0\0\0\0\0\0\x0cno database\n".into(),
                ),
                None => refused(404, "No such container"),
            },
            ("POST", ["containers", id, "start"]) => self.turn(id, "running"),
            ("POST", ["containers", id, "stop"]) => self.turn(id, "exited"),
            ("DELETE", ["containers", id]) => {
                assert_eq!(asked.query("force").as_deref(), Some("true"));
                let known = self.known(id);
                match known.and_then(|id| self.containers.borrow_mut().remove_entry(&id)) {
                    Some((id, _)) => {
                        self.servers.borrow_mut().remove(&id);
                        done(204)
                    }
                    None => refused(404, "No such container"),
                }
            }
            ("POST", ["images", "create"]) => {
                self.images.borrow_mut().push(asked.query("fromImage").unwrap());
                let (sender, parts) = unbounded_channel();
                sender
                    .send(Part::Text(
                        "{\"status\":\"Pulling from shop\"}\r\n{\"status\":\"Done\"}\r\n".into(),
                    ))
                    .unwrap();
                Answer::Stream(parts)
            }
            ("GET", ["events"]) => {
                let filters: Value = serde_json::from_str(&asked.query("filters").unwrap()).unwrap();
                assert_eq!(filters["label"], json!(["tidegate.owner=gate"]));
                let (sender, parts) = unbounded_channel();
                self.listeners.borrow_mut().push(sender);
                Answer::Stream(parts)
            }
            _ => refused(404, "page not found"),
        }
    }

    /// The id that an id or a name means.
    fn known(&self, what: &str) -> Option<String> {
        let containers = self.containers.borrow();
        let found = containers.iter().find(|(id, container)| *id == what || container.name == what);
        found.map(|(id, _)| id.clone())
    }

    fn create(&self, asked: &Asked) -> Answer {
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        let name = asked.query("name").unwrap();
        if !self.images.borrow().iter().any(|image| body["Image"] == json!(image)) {
            return refused(404, &format!("No such image: {}", body["Image"].as_str().unwrap()));
        }
        if self.known(&name).is_some() {
            return refused(409, &format!("Conflict. The container name \"/{name}\" is already in use"));
        }
        let id = self.id();
        let container = Kept { name, status: "created".into(), code: 0, body };
        self.containers.borrow_mut().insert(id.clone(), container);
        Answer::json(201, &json!({ "Id": id, "Warnings": [] }))
    }

    fn turn(&self, id: &str, status: &str) -> Answer {
        let Some(id) = self.known(id) else { return refused(404, "No such container") };
        {
            let mut containers = self.containers.borrow_mut();
            let container = containers.get_mut(&id).unwrap();
            if container.status == status {
                return done(304);
            }
            container.status = status.into();
        }
        if status == "exited" {
            self.ends(&id, 143);
        } else if let Some(runner) = &self.runner {
            let body = self.containers.borrow()[&id].body.clone();
            match runner(&body) {
                Runs::Serves(port, server) => {
                    self.servers.borrow_mut().insert(id, (port, server));
                }
                Runs::Ends(code) => self.ends(&id, code),
            }
        }
        done(204)
    }

    fn list(&self, asked: &Asked) -> Answer {
        assert_eq!(asked.query("all").as_deref(), Some("true"));
        let filters: Value = serde_json::from_str(&asked.query("filters").unwrap()).unwrap();
        let has = |container: &Kept| {
            filters["label"].as_array().unwrap().iter().all(|wanted| {
                let (key, value) = wanted.as_str().unwrap().split_once('=').unwrap();
                container.body["Labels"][key] == json!(value)
            })
        };
        let containers = self.containers.borrow();
        let found: Vec<_> = containers
            .iter()
            .filter(|(_, container)| has(container))
            .map(|(id, container)| json!({ "Id": id, "Names": [container.name], "State": container.status }))
            .collect();
        Answer::json(200, &json!(found))
    }

    fn inspect(&self, id: &str) -> Answer {
        let Some(id) = self.known(id) else { return refused(404, "No such container") };
        let containers = self.containers.borrow();
        let container = &containers[&id];
        let running = container.status == "running";
        // Ports that follow from ids, so that tests know them.
        let served = self.servers.borrow().get(&id).map(|(port, _)| *port);
        let port = served.unwrap_or_else(|| 32_000 + u16::from_str_radix(&id[60..], 16).unwrap());
        let ports = match container.body["HostConfig"].get("PortBindings") {
            Some(_) if running => {
                json!({ "8080/tcp": [{ "HostIp": "127.0.0.1", "HostPort": port.to_string() }] })
            }
            _ => json!({}),
        };
        Answer::json(
            200,
            &json!({
                "Id": id, "Name": format!("/{}", container.name),
                "State": { "Status": container.status, "Running": running, "ExitCode": container.code,
                    "OOMKilled": false, "Pid": if running { 4711 } else { 0 } },
                "Config": { "Labels": container.body["Labels"], "Env": container.body["Env"], "Image": "shop:1" },
                "NetworkSettings": { "Ports": ports, "Networks": { "bridge": { "IPAddress": "172.17.0.2" } } },
            }),
        )
    }
}
