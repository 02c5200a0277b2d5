//! A Kubernetes cluster with one Deployment, as far as its documented API goes: the `EndpointSlice`s of its Service with
//! lists and watches, `/scale` with preconditions, and pods, which are real servers on 127.0.0.1.
//!
//! The controller does what a Deployment's does: pods that are missing are made, and of those that are too many the
//! marked ones go first (`controller.kubernetes.io/pod-deletion-cost`), then the oldest, which nobody else would choose. A pod
//! that goes serves until [`Cluster::end`]. Each pod has a slice of its own, since a slice has one port for all of its pods.

use crate::origin::{Exchange, Origin};
use crate::wait::{PATIENCE, soon};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The only token that is taken.
const TOKEN: &str = "hunter2";
/// How often a watch looks whether anybody is there yet.
const LOOK: Duration = Duration::from_millis(100);
const SCALE: &str = "/apis/apps/v1/namespaces/prod/deployments/shop/scale";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices";
const PODS: &str = "/api/v1/namespaces/prod/pods/";

/// The Deployment `shop` in the namespace `prod`, its pods, and the API server. All of it stops when it is dropped.
pub struct Cluster {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: Option<Origin>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Lets requests for `/held` go on.
    released: (Mutex<bool>, Condvar),
}

#[derive(Default)]
struct State {
    version: u64,
    replicas: u32,
    pods: BTreeMap<String, Pod>,
    made: u32,
    /// Events with their versions.
    log: Vec<(u64, String)>,
    /// The counts that were set.
    counts: Vec<u32>,
    scaling_forbidden: bool,
    holder: Option<String>,
    stopped: bool,
}

struct Pod {
    origin: Arc<Origin>,
    ready: bool,
    terminating: bool,
    marked: bool,
    number: u32,
}

impl Cluster {
    /// A cluster in which that many pods are ready.
    pub fn start(replicas: u32) -> Self {
        let shared = Arc::<Shared>::default();
        shared.set_replicas(replicas);
        let theirs = Arc::clone(&shared);
        let server = Origin::start(move |exchange| theirs.answer(exchange));
        Self { shared, address: server.address(), server: Some(server) }
    }

    /// The keys of `deployment` that lead here.
    pub fn deployment(&self) -> String {
        let url = format!("http://{}", self.address);
        format!("{{ name: shop, namespace: prod, api: {{ url: \"{url}\", token: {TOKEN} }} }}")
    }

    /// How many replicas are wanted.
    pub fn replicas(&self) -> u32 {
        self.shared.state().replicas
    }

    /// The counts that were set so far.
    pub fn counts(&self) -> Vec<u32> {
        self.shared.state().counts.clone()
    }

    /// Somebody else sets the count.
    pub fn set_replicas(&self, count: u32) {
        self.shared.set_replicas(count);
    }

    /// From now on nobody may set the count, or everybody again.
    pub fn forbid_scaling(&self, on: bool) {
        self.shared.state().scaling_forbidden = on;
    }

    /// The names of the pods that do not end.
    pub fn alive(&self) -> Vec<String> {
        self.names(|pod| !pod.terminating)
    }

    /// The names of those that do.
    pub fn terminating(&self) -> Vec<String> {
        self.names(|pod| pod.terminating)
    }

    fn names(&self, which: impl Fn(&Pod) -> bool) -> Vec<String> {
        let state = self.shared.state();
        state.pods.iter().filter(|(_, pod)| which(pod)).map(|(name, _)| name.clone()).collect()
    }

    /// How many requests a pod has got.
    pub fn requests(&self, pod: &str) -> usize {
        let origin = self.shared.state().pods.get(pod).map(|pod| Arc::clone(&pod.origin));
        origin.map_or(0, |origin| origin.requests().len())
    }

    /// The pod that holds a request for `/held`, once one does.
    #[track_caller]
    pub fn holder(&self) -> String {
        let mut holder = None;
        soon("a pod holds a request", || {
            holder.clone_from(&self.shared.state().holder);
            holder.is_some()
        });
        holder.unwrap_or_default()
    }

    /// A pod's readiness probe fails, or succeeds again.
    pub fn set_ready(&self, pod: &str, ready: bool) {
        let mut state = self.shared.state();
        if let Some(pod) = state.pods.get_mut(pod) {
            pod.ready = ready;
        }
        state.tell("MODIFIED", pod);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// A pod that goes is gone: its server ends, and so do its connections.
    pub fn end(&self, pod: &str) {
        let mut state = self.shared.state();
        state.tell("DELETED", pod);
        let gone = state.pods.remove(pod);
        drop(state);
        self.shared.changed.notify_all();
        drop(gone);
    }

    /// Requests for `/held` go on.
    pub fn release(&self) {
        *lock(&self.shared.released.0) = true;
        self.shared.released.1.notify_all();
    }

    /// The API server ends; the pods stay.
    pub fn lose_api(&mut self) {
        self.shared.state().stopped = true;
        self.shared.changed.notify_all();
        self.server = None;
    }

    /// It is there again.
    pub fn find_api(&mut self) {
        self.shared.state().stopped = false;
        let theirs = Arc::clone(&self.shared);
        self.server = Some(Origin::start_at(self.address, move |exchange| theirs.answer(exchange)));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.release();
        self.lose_api();
    }
}

impl State {
    fn slice(&self, name: &str) -> Value {
        let Some(pod) = self.pods.get(name) else { return Value::Null };
        let serving = pod.ready;
        let conditions = json!({ "ready": serving && !pod.terminating, "serving": serving, "terminating": pod.terminating });
        json!({
            "metadata": { "name": name, "resourceVersion": self.version.to_string() },
            "addressType": "IPv4",
            "endpoints": [{
                "addresses": ["127.0.0.1"], "conditions": conditions, "targetRef": { "kind": "Pod", "name": name },
            }],
            "ports": [{ "name": "http", "port": pod.origin.address().port(), "protocol": "TCP" }],
        })
    }

    fn tell(&mut self, kind: &str, name: &str) {
        self.version += 1;
        let event = json!({ "type": kind, "object": self.slice(name) });
        self.log.push((self.version, format!("{event}\n")));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// What the controller does behind another count.
    fn set_replicas(self: &Arc<Self>, count: u32) {
        let mut state = self.state();
        state.replicas = count;
        let alive = |state: &State| state.pods.values().filter(|pod| !pod.terminating).count();
        while alive(&state) < count as usize {
            state.made += 1;
            let (number, name) = (state.made, format!("shop-{}", state.made));
            let origin = Arc::new(self.pod(&name));
            let pod = Pod { origin, ready: false, terminating: false, marked: false, number };
            state.pods.insert(name.clone(), pod);
            state.tell("ADDED", &name);
            if let Some(pod) = state.pods.get_mut(&name) {
                pod.ready = true;
            }
            state.tell("MODIFIED", &name);
        }
        while alive(&state) > count as usize {
            let living = state.pods.iter_mut().filter(|(_, pod)| !pod.terminating);
            let goes = living.max_by_key(|(_, pod)| (pod.marked, Reverse(pod.number)));
            let Some((name, pod)) = goes else { break };
            pod.terminating = true;
            let name = name.clone();
            state.tell("MODIFIED", &name);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// A pod answers with its name: at once, to `/slow` after a while, to `/held` with the head of the answer at once and
    /// the rest when it is released.
    fn pod(self: &Arc<Self>, name: &str) -> Origin {
        let (shared, name) = (Arc::downgrade(self), name.to_owned());
        Origin::start(move |exchange| {
            match exchange.request().target.as_str() {
                "/slow" => std::thread::sleep(Duration::from_millis(50)),
                "/held" => {
                    let length = name.len();
                    exchange.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
                    if let Some(shared) = shared.upgrade() {
                        shared.state().holder = Some(name.clone());
                        let (released, rung) = &shared.released;
                        let _ = rung.wait_timeout_while(lock(released), PATIENCE, |released| !*released);
                    }
                    exchange.send(&name);
                    return;
                }
                _ => {}
            }
            exchange.send_ok(&name);
        })
    }

    fn answer(self: &Arc<Self>, exchange: &mut Exchange<'_>) {
        if !exchange.read_body() {
            return;
        }
        let request = exchange.request().clone();
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let is_known = request.fields.get("authorization") == Some(&format!("Bearer {TOKEN}"));
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        match (path, path.strip_prefix(PODS)) {
            _ if !is_known => refuse(exchange, 401, "Unauthorized"),
            (SLICES, _) if query.contains("watch=true") => self.watch(exchange, query),
            (SLICES, _) => {
                let state = self.state();
                let items: Vec<Value> = state.pods.keys().map(|name| state.slice(name)).collect();
                let metadata = json!({ "resourceVersion": state.version.to_string() });
                drop(state);
                send(exchange, 200, &json!({ "metadata": metadata, "items": items }));
            }
            (SCALE, _) => self.scale(exchange, &request.method, &body),
            (_, Some(pod)) => {
                let cost = &body["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"];
                if let Some(pod) = self.state().pods.get_mut(pod) {
                    pod.marked = cost.as_str().is_some_and(|cost| cost.starts_with('-'));
                }
                send(exchange, 200, &json!({}));
            }
            _ => refuse(exchange, 404, "not found"),
        }
    }

    fn scale(self: &Arc<Self>, exchange: &mut Exchange<'_>, method: &str, body: &Value) {
        if method == "PATCH" {
            let mut state = self.state();
            if state.scaling_forbidden {
                drop(state);
                return refuse(exchange, 403, "the account may not patch deployments/scale");
            }
            if body["metadata"]["resourceVersion"] != scale_version(&state) {
                drop(state);
                return refuse(exchange, 409, "the object has been modified");
            }
            let count = body["spec"]["replicas"].as_u64().and_then(|count| u32::try_from(count).ok());
            let count = count.expect("a patch says how many");
            state.counts.push(count);
            drop(state);
            self.set_replicas(count);
        }
        let state = self.state();
        let scale = json!({
            "kind": "Scale", "metadata": { "resourceVersion": scale_version(&state) },
            "spec": { "replicas": state.replicas },
        });
        drop(state);
        send(exchange, 200, &scale);
    }

    /// Sends each event behind the version that is asked for, until the client or the server ends.
    fn watch(&self, exchange: &mut Exchange<'_>, query: &str) {
        let from = query.split('&').find_map(|part| part.strip_prefix("resourceVersion="));
        let mut seen: u64 = from.and_then(|from| from.parse().ok()).unwrap_or_default();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut open = exchange.send(head);
        let mut state = self.state();
        while open && !state.stopped {
            let next = state.log.iter().find(|(version, _)| *version > seen).cloned();
            let Some((version, line)) = next else {
                state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            };
            drop(state);
            seen = version;
            open = exchange.send(format!("{:x}\r\n{line}\r\n", line.len()));
            state = self.state();
        }
        drop(state);
        exchange.close();
    }
}

fn scale_version(state: &State) -> String {
    format!("s{}", state.counts.len())
}

fn send(exchange: &mut Exchange<'_>, status: u16, body: &Value) {
    let body = body.to_string();
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n");
    exchange.send(format!("{head}\r\n{body}"));
}

fn refuse(exchange: &mut Exchange<'_>, status: u16, message: &str) {
    send(exchange, status, &json!({ "kind": "Status", "code": status, "message": message }));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
