//! A running admin server over a node made for tests, and a client that speaks raw bytes.

use admin::{
    CacheView, ClusterView, ConsumerView, DecisionView, DiskView, Edit, EndpointView, KeyRefusal, KeyView,
    LimitsView, MemoryView, MintedKey, NewKey, NewRevocation, Node, PolicyView, PurgeOrder, PurgeRefusal,
    PurgesView, Purging, Refusal, Reloading, RevocationView, Rotation, ServiceInstances, ServiceView,
    Settings, TableView, Upgrading, serve,
};
use observe::{Event, Meters, Snapshot};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) struct Gateway {
    pub(crate) meters: Arc<Meters>,
    pub(crate) draining: AtomicBool,
    pub(crate) config_is_good: AtomicBool,
    pub(crate) services: Mutex<Vec<ServiceView>>,
    /// What was asked of it, as `service: Edit`.
    pub(crate) edits: Mutex<Vec<String>>,
    pub(crate) instances: Mutex<Vec<ServiceInstances>>,
    /// The services whose instances were to be replaced.
    pub(crate) restarts: Mutex<Vec<String>>,
    /// What was asked of it about keys and tokens.
    pub(crate) asked: Mutex<Vec<String>>,
    /// What it says to the next of that.
    pub(crate) refusal: Mutex<Option<KeyRefusal>>,
    /// What the memory and the disk hold.
    pub(crate) cache: Mutex<CacheView>,
    /// What was to be purged.
    pub(crate) purges: Mutex<Vec<PurgeOrder>>,
    /// Why it is not.
    pub(crate) unpurged: Mutex<Option<PurgeRefusal>>,
}

/// A service `shop` with these endpoints: URL and state.
pub(crate) fn shop(endpoints: &[(&str, &'static str)]) -> ServiceView {
    let one = |(url, state): &(&str, &'static str)| EndpointView {
        url: (*url).to_owned(),
        state,
        up: *state == "up",
        ..EndpointView::default()
    };
    let endpoints: Vec<_> = endpoints.iter().map(one).collect();
    ServiceView {
        name: "shop".to_owned(),
        policy: "p2c_ewma",
        endpoints_up: endpoints.iter().filter(|e| e.up).count(),
        endpoints_total: endpoints.len(),
        endpoints,
        ..ServiceView::default()
    }
}

/// A memory and a disk with something in them.
pub(crate) fn cache() -> CacheView {
    CacheView {
        memory: Some(MemoryView {
            objects: 3,
            bytes: 1536,
            capacity: 4096,
            flights: 1,
            ..MemoryView::default()
        }),
        disk: Some(DiskView {
            objects: 7,
            bytes: 1 << 30,
            capacity: 1 << 40,
            damaged: 2,
            ..DiskView::default()
        }),
    }
}

/// A key `id` of a consumer.
fn key(id: &str, consumer: &str, created: u64) -> KeyView {
    KeyView {
        id: id.to_owned(),
        consumer: consumer.to_owned(),
        state: "active",
        created,
        ..KeyView::default()
    }
}

impl Gateway {
    /// Notes what was asked, and refuses it where a test wants that.
    fn ask(&self, what: String) -> Result<(), KeyRefusal> {
        if let Some(refusal) = self.refusal.lock().expect("no test panics with it").take() {
            return Err(refusal);
        }
        self.asked.lock().expect("no test panics with it").push(what);
        Ok(())
    }
}

impl Node for Gateway {
    fn keys(&self) -> Vec<KeyView> {
        vec![key("k1", "web", 1), key("k2", "app", 2), key("k3", "web", 3)]
    }
    fn create_key(&self, wanted: NewKey) -> Result<MintedKey, KeyRefusal> {
        self.ask(format!("create {wanted:?}"))?;
        Ok(MintedKey { text: "tg_text".to_owned(), view: key("k1", &wanted.consumer, 1), replaces: None })
    }
    fn rotate_key(&self, id: &str, rotation: Rotation) -> Result<MintedKey, KeyRefusal> {
        self.ask(format!("rotate {id} {:?}", rotation.overlap))?;
        let old = KeyView { expires: Some(99), ..key(id, "web", 1) };
        Ok(MintedKey { text: "tg_text".to_owned(), view: key("k9", "web", 9), replaces: Some(old) })
    }
    fn revoke_key(&self, id: &str) -> Result<KeyView, KeyRefusal> {
        self.ask(format!("revoke {id}"))?;
        Ok(KeyView { state: "revoked", ..key(id, "web", 1) })
    }
    fn revocations(&self) -> Vec<RevocationView> {
        vec![RevocationView { jti: Some("t".to_owned()), changed: 1, ..RevocationView::default() }]
    }
    fn revoke_tokens(&self, wanted: NewRevocation) -> Result<RevocationView, KeyRefusal> {
        self.ask(format!("tokens {:?} {:?} {:?}", wanted.jti, wanted.subject, wanted.until))?;
        Ok(RevocationView { jti: wanted.jti, subject: wanted.subject, ..RevocationView::default() })
    }
    fn consumers(&self) -> Vec<ConsumerView> {
        let named = |name: &str| ConsumerView { name: name.to_owned(), ..ConsumerView::default() };
        vec![named("web"), named("app"), named("idle")]
    }
    fn limits(&self) -> LimitsView {
        let policy = PolicyView {
            name: "fair".to_owned(),
            kind: "rate",
            allowance: "10/s, burst 20".to_owned(),
            key: vec!["ip".to_owned()],
            sharing: "fast",
            shadow: true,
            rejected: 7,
            ..PolicyView::default()
        };
        let why = Some("no route to host".to_owned());
        LimitsView {
            policies: vec![policy],
            table: Some(TableView { entries: 3, capacity: 8, evictions: 0 }),
            quotas: None,
            cluster: Some(ClusterView { why, nodes: 2, ..ClusterView::default() }),
        }
    }
    fn cache(&self) -> CacheView {
        self.cache.lock().expect("no test panics with it").clone()
    }
    fn purges(&self) -> PurgesView {
        PurgesView { latest: 9, kept: self.purges.lock().expect("no test panics with it").len() }
    }
    fn purge(&self, order: PurgeOrder) -> Purging<'_> {
        Box::pin(async {
            tokio::task::yield_now().await;
            if let Some(refusal) = self.unpurged.lock().expect("no test panics with it").take() {
                return Err(refusal);
            }
            let purged = order.tags.iter().map(|tag| format!("tag {tag}")).collect();
            self.purges.lock().expect("no test panics with it").push(order);
            Ok(purged)
        })
    }
    fn ready(&self) -> bool {
        !self.draining()
    }
    fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
    fn metrics(&self) -> String {
        let mut text = String::new();
        self.meters.render(&mut text);
        text
    }
    fn snapshot(&self) -> Snapshot {
        self.meters.snapshot()
    }
    fn config(&self) -> Value {
        json!({ "admin": { "token": "***" } })
    }
    fn routes(&self) -> Value {
        json!([{ "route": "orders" }])
    }
    fn strain(&self) -> &'static str {
        "shed_low"
    }
    fn events(&self) -> Vec<Event> {
        self.meters.events().last()
    }
    fn services(&self) -> Vec<ServiceView> {
        self.services.lock().expect("no test panics with it").clone()
    }
    fn edit(&self, service: &str, edit: Edit<'_>) -> Result<Value, Refusal> {
        if service != "shop" {
            return Err(Refusal::NoService);
        }
        self.edits.lock().expect("no test panics with it").push(format!("{edit:?}"));
        match edit {
            Edit::Add("{}") => Err(Refusal::Bad("`url` is missing".to_owned(), json!([{ "message": "no" }]))),
            Edit::Drain("http://b:1") => Err(Refusal::NoEndpoint(vec!["http://a:1".to_owned()])),
            _ => Ok(json!({ "done": true })),
        }
    }
    fn instances(&self) -> Vec<ServiceInstances> {
        self.instances.lock().expect("no test panics with it").clone()
    }
    fn decisions(&self, service: &str) -> Option<Vec<DecisionView>> {
        let found = self.instances().into_iter().find(|one| one.service == service)?;
        Some(found.last.into_iter().collect())
    }
    fn restart(&self, service: &str) -> Result<Value, Refusal> {
        let found = self.instances().into_iter().find(|one| one.service == service);
        let found = found.ok_or(Refusal::NoService)?;
        if !self.config_is_good.load(Ordering::Relaxed) {
            return Err(Refusal::NotNow("Another process takes this one's place.".to_owned()));
        }
        self.restarts.lock().expect("no test panics with it").push(service.to_owned());
        Ok(json!({ "service": service, "instances": found.instances.len() }))
    }
    fn explain(&self, request: &str, headers: &[String]) -> Result<Value, String> {
        match request.split_once(' ') {
            Some((method, url)) => Ok(json!({ "method": method, "url": url, "headers": headers })),
            None => Err(format!("{request:?} is no request")),
        }
    }
    fn reload(&self) -> Reloading<'_> {
        Box::pin(async {
            tokio::task::yield_now().await;
            if self.config_is_good.load(Ordering::Relaxed) {
                Ok(json!({ "changed": ["routes"] }))
            } else {
                Err(json!([{ "line": 3, "problem": "no such service" }]))
            }
        })
    }
    fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
    fn upgrade(&self) -> Upgrading<'_> {
        Box::pin(async {
            tokio::task::yield_now().await;
            if self.config_is_good.load(Ordering::Relaxed) {
                Ok(json!({ "upgraded": true, "pid": 4711 }))
            } else {
                Err("the new process ended with exit status: 1".to_owned())
            }
        })
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) node: Arc<Gateway>,
    pub(crate) address: String,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) ended: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let node = Arc::new(Gateway {
            meters: Meters::new(1),
            draining: AtomicBool::new(false),
            config_is_good: AtomicBool::new(true),
            services: Mutex::new(vec![shop(&[("http://a:1", "up")])]),
            edits: Mutex::default(),
            instances: Mutex::default(),
            restarts: Mutex::default(),
            asked: Mutex::default(),
            refusal: Mutex::default(),
            cache: Mutex::default(),
            purges: Mutex::default(),
            unpurged: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let served = serve(listener, Arc::clone(&node) as Arc<dyn Node>, settings, async {
            let _ = stopped.await;
        });
        Self { node, address, stop, ended: tokio::spawn(served) }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.expect("a connection")
    }

    /// Sends a head with `Host` and `Connection: close`, and returns all that comes back.
    pub(crate) async fn send(&self, line: &str, fields: &str) -> Answer {
        self.raw(&format!("{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{fields}\r\n", self.address))
            .await
    }

    pub(crate) async fn raw(&self, bytes: &str) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.expect("written");
        let mut text = Vec::new();
        timeout(DEADLINE, stream.read_to_end(&mut text)).await.expect("in time").expect("read");
        Answer(String::from_utf8(text).expect("text"))
    }
}

#[derive(Debug)]
pub(crate) struct Answer(pub(crate) String);

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("{}", self.0))
    }
    pub(crate) fn head(&self) -> &str {
        self.0.split_once("\r\n\r\n").expect("a head").0
    }
    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").expect("a head").1
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |l: &'_ str| l.split_once(": ").is_some_and(|(n, _)| n.eq_ignore_ascii_case(name));
        self.head().lines().find(|l| named(l)).and_then(|l| l.split_once(": ")).map(|(_, v)| v)
    }
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.body()).unwrap_or_else(|e| panic!("{e}: {}", self.0))
    }
    /// Checks that it is a problem document that agrees with its status.
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status(), status, "{}", self.0);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        problem
    }
}
