//! A cluster as far as its documented API goes: `EndpointSlice`s with versions, lists in pages, watches that replay what
//! they missed or say 410, scales with preconditions, pods with annotations.

use crate::fixture::Told;
use crate::server::{Answer, Asked, Handler, Part, Server};
use engines::kubernetes::{Api, Endpoint, News, Port, Readiness, Settings, Slices};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, spawn_local};

/// The cluster's state, and what it was asked.
#[derive(Default)]
pub(crate) struct Cluster {
    version: Cell<u64>,
    /// Versions below that one are forgotten.
    pub(crate) oldest: Cell<u64>,
    slices: RefCell<BTreeMap<String, Value>>,
    log: RefCell<Vec<(u64, Value)>>,
    watchers: RefCell<Vec<UnboundedSender<Part>>>,
    /// Count of replicas and version of the workload `shop`.
    pub(crate) scale: Cell<(u32, u64)>,
    /// How often somebody else changes the workload just before a change of ours arrives.
    pub(crate) contenders: Cell<u32>,
    /// Annotations of pods.
    pub(crate) pods: RefCell<HashMap<String, Value>>,
    pub(crate) asked: RefCell<Vec<Asked>>,
    /// What is answered next, in place of the truth.
    pub(crate) faults: RefCell<VecDeque<Answer>>,
    /// The only token that is taken.
    pub(crate) token: RefCell<Option<String>>,
    /// Pages are not larger than that, whatever is asked for.
    pub(crate) page: Cell<usize>,
}

/// A slice with these addresses, all at port 8080.
pub(crate) fn slice(addresses: &[(&str, bool)]) -> Value {
    let endpoints: Vec<Value> = addresses
        .iter()
        .map(|(address, ready)| {
            let pod = json!({ "kind": "Pod", "name": format!("pod-{}", address.replace('.', "-")) });
            json!({ "addresses": [address], "conditions": { "ready": ready }, "targetRef": pod })
        })
        .collect();
    json!({ "addressType": "IPv4", "endpoints": endpoints, "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }] })
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({ "kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code })
}

fn refused(code: u16, reason: &str, message: &str) -> Answer {
    Answer::json(code, &status(code, reason, message))
}

impl Cluster {
    pub(crate) fn new() -> Rc<Self> {
        let cluster = Self { version: Cell::new(100), page: Cell::new(usize::MAX), ..Self::default() };
        cluster.scale.set((2, 1));
        Rc::new(cluster)
    }

    pub(crate) fn handler(self: &Rc<Self>) -> Handler {
        let cluster = Rc::clone(self);
        Rc::new(move |asked| cluster.answer(&asked))
    }

    /// Serves on a port of its own.
    pub(crate) async fn serve(self: &Rc<Self>) -> (Server, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Server::tcp(listener, self.handler()), address)
    }

    /// Puts a slice there, or changes it.
    pub(crate) fn put(&self, name: &str, slice: Value) {
        let kind = if self.slices.borrow().contains_key(name) { "MODIFIED" } else { "ADDED" };
        let object = self.versioned(name, slice);
        self.slices.borrow_mut().insert(name.into(), object.clone());
        self.happened(kind, &object);
    }

    pub(crate) fn delete(&self, name: &str) {
        let slice = self.slices.borrow_mut().remove(name).unwrap();
        let object = self.versioned(name, slice);
        self.happened("DELETED", &object);
    }

    /// Something else changes: watchers of slices hear of it by a bookmark only.
    pub(crate) fn bookmark(&self) {
        self.version.set(self.version.get() + 1);
        let version = self.version.get().to_string();
        let mark = json!({ "kind": "EndpointSlice", "metadata": { "resourceVersion": version } });
        self.send(&json!({ "type": "BOOKMARK", "object": mark }));
    }

    fn versioned(&self, name: &str, mut object: Value) -> Value {
        self.version.set(self.version.get() + 1);
        object["metadata"] = json!({ "name": name, "resourceVersion": self.version.get().to_string() });
        object
    }

    fn happened(&self, kind: &str, object: &Value) {
        let event = json!({ "type": kind, "object": object });
        self.log.borrow_mut().push((self.version.get(), event.clone()));
        self.send(&event);
    }

    fn send(&self, event: &Value) {
        self.say(&Part::Text(format!("{event}\n")));
    }

    /// Says something to all watchers, whether it makes sense or not.
    pub(crate) fn say(&self, part: &Part) {
        self.watchers.borrow_mut().retain(|watcher| watcher.send(part.clone()).is_ok());
    }

    /// Cuts all watches in the middle of an event.
    pub(crate) fn cut(&self) {
        self.say(&Part::Text("{\"type\":\"MODIFIED\",\"obj".into()));
        self.say(&Part::Cut);
        self.end();
    }

    /// Ends all watches in good order.
    pub(crate) fn end(&self) {
        self.watchers.borrow_mut().clear();
    }

    pub(crate) fn watchers(&self) -> usize {
        self.watchers.borrow_mut().retain(|watcher| !watcher.is_closed());
        self.watchers.borrow().len()
    }

    /// Forgets all that was before now.
    pub(crate) fn compact(&self) {
        self.version.set(self.version.get() + 1);
        self.oldest.set(self.version.get());
    }

    pub(crate) fn lists(&self) -> usize {
        self.asked.borrow().iter().filter(|asked| asked.query("limit").is_some()).count()
    }

    pub(crate) fn watches(&self) -> Vec<Asked> {
        self.asked.borrow().iter().filter(|asked| asked.query("watch").is_some()).cloned().collect()
    }

    pub(crate) fn patches(&self) -> Vec<Asked> {
        self.asked.borrow().iter().filter(|asked| asked.method == "PATCH").cloned().collect()
    }

    fn answer(&self, asked: &Asked) -> Answer {
        self.asked.borrow_mut().push(asked.clone());
        if let Some(fault) = self.faults.borrow_mut().pop_front() {
            return fault;
        }
        if let Some(token) = &*self.token.borrow()
            && asked.field("authorization") != Some(&format!("Bearer {token}"))
        {
            return refused(401, "Unauthorized", "Unauthorized");
        }
        match asked.path() {
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices" => {
                assert_eq!(asked.query("labelSelector").as_deref(), Some("kubernetes.io/service-name=shop"));
                if asked.query("watch").is_some() { self.watch(asked) } else { self.list(asked) }
            }
            "/apis/apps/v1/namespaces/default/deployments/shop/scale"
            | "/apis/apps/v1/namespaces/default/statefulsets/shop/scale" => self.scaled(asked),
            path => match path.strip_prefix("/api/v1/namespaces/default/pods/") {
                Some(pod) => self.annotated(pod, asked),
                None => refused(404, "NotFound", &format!("{path} not found")),
            },
        }
    }

    fn list(&self, asked: &Asked) -> Answer {
        let slices = self.slices.borrow();
        let from: usize = asked.query("continue").map_or(0, |token| token.parse().unwrap());
        let page = self.page.get().min(asked.query("limit").unwrap().parse().unwrap());
        let items: Vec<&Value> = slices.values().skip(from).take(page).collect();
        let end = from + items.len();
        let more = if end < slices.len() { end.to_string() } else { String::new() };
        let metadata = json!({ "resourceVersion": self.version.get().to_string(), "continue": more });
        Answer::json(200, &json!({ "kind": "EndpointSliceList", "metadata": metadata, "items": items }))
    }

    fn watch(&self, asked: &Asked) -> Answer {
        assert_eq!(asked.query("allowWatchBookmarks").as_deref(), Some("true"));
        let seconds: u64 = asked.query("timeoutSeconds").unwrap().parse().unwrap();
        assert!((60..=600).contains(&seconds), "{seconds}");
        let from: u64 = asked.query("resourceVersion").unwrap().parse().unwrap();
        let (sender, parts) = unbounded_channel();
        if from < self.oldest.get() {
            let status = status(410, "Expired", &format!("too old resource version: {from}"));
            let line = json!({ "type": "ERROR", "object": status });
            sender.send(Part::Text(format!("{line}\n"))).unwrap();
            return Answer::Stream(parts);
        }
        for (_, event) in self.log.borrow().iter().filter(|(version, _)| *version > from) {
            sender.send(Part::Text(format!("{event}\n"))).unwrap();
        }
        self.watchers.borrow_mut().push(sender);
        Answer::Stream(parts)
    }

    fn scaled(&self, asked: &Asked) -> Answer {
        let (mut count, mut version) = self.scale.get();
        if asked.method == "PATCH" {
            assert_eq!(asked.field("content-type"), Some("application/merge-patch+json"));
            if let Some(contenders) = self.contenders.get().checked_sub(1) {
                self.contenders.set(contenders);
                version += 1;
                self.scale.set((count, version));
            }
            let change: Value = serde_json::from_str(&asked.body).unwrap();
            if change["metadata"]["resourceVersion"] != json!(version.to_string()) {
                let message = "the object has been modified; please apply your changes to the latest version";
                return refused(409, "Conflict", message);
            }
            count = u32::try_from(change["spec"]["replicas"].as_u64().unwrap()).unwrap();
            version += 1;
            self.scale.set((count, version));
        }
        // Go leaves zeros out.
        let spec = if count == 0 { json!({}) } else { json!({ "replicas": count }) };
        let metadata = json!({ "name": "shop", "resourceVersion": version.to_string() });
        Answer::json(
            200,
            &json!({ "kind": "Scale", "metadata": metadata, "spec": spec, "status": { "replicas": 1 } }),
        )
    }

    fn annotated(&self, pod: &str, asked: &Asked) -> Answer {
        let mut pods = self.pods.borrow_mut();
        let Some(annotations) = pods.get_mut(pod) else {
            return refused(404, "NotFound", &format!("pods \"{pod}\" not found"));
        };
        assert_eq!(asked.method, "PATCH");
        let change: Value = serde_json::from_str(&asked.body).unwrap();
        for (key, value) in change["metadata"]["annotations"].as_object().unwrap() {
            match value {
                Value::Null => drop(annotations.as_object_mut().unwrap().remove(key)),
                value => annotations[key] = value.clone(),
            }
        }
        Answer::json(200, &json!({ "kind": "Pod", "metadata": { "name": pod, "annotations": annotations } }))
    }
}

/// What was told of endpoints, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// `10.0.0.1:8080`, with a `-` behind it where it is not ready and a `~` where it drains.
    Endpoints(Vec<String>),
    Trouble(String),
    Well,
}

pub(crate) fn in_short(endpoints: &[Endpoint]) -> Vec<String> {
    let mark = |readiness| match readiness {
        Readiness::Ready => "",
        Readiness::Draining => "~",
        Readiness::NotReady => "-",
    };
    endpoints.iter().map(|endpoint| format!("{}{}", endpoint.address, mark(endpoint.readiness))).collect()
}

/// A follower that ends when this is dropped.
pub(crate) struct Follower {
    pub(crate) heard: Told<Heard>,
    task: AbortHandle,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    pub(crate) fn start(slices: Slices) -> Self {
        let heard = Told::default();
        let tell = heard.clone();
        let following = spawn_local(async move {
            slices
                .follow(|news| {
                    tell.push(match news {
                        News::Endpoints { endpoints, .. } => Heard::Endpoints(in_short(endpoints)),
                        News::Trouble(trouble) => Heard::Trouble(trouble.to_string()),
                        News::Well => Heard::Well,
                    });
                })
                .await;
        });
        Self { heard, task: following.abort_handle() }
    }

    /// Waits until these are the endpoints that were told last.
    pub(crate) async fn has(&self, expected: &[&str]) {
        crate::fixture::until(&format!("{expected:?}"), || self.last() == expected).await;
    }

    pub(crate) fn last(&self) -> Vec<String> {
        let told = self.heard.all().into_iter().rev();
        let mut sets =
            told.filter_map(|heard| if let Heard::Endpoints(set) = heard { Some(set) } else { None });
        sets.next().unwrap_or_else(|| vec!["nothing yet".into()])
    }

    pub(crate) fn troubles(&self) -> usize {
        self.heard.count(|heard| matches!(heard, Heard::Trouble(_)))
    }
}

pub(crate) fn settings(address: SocketAddr) -> Settings {
    Settings::at(&format!("http://{address}"), "default")
}

pub(crate) fn api(address: SocketAddr) -> Api {
    Api::new(settings(address)).unwrap()
}

pub(crate) fn shop(address: SocketAddr) -> Slices {
    api(address).slices("shop", Port::Named("http".into())).unwrap()
}
