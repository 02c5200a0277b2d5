//! Endpoints that are not in the config: they are found in DNS or in a file, and found again when they change.
//!
//! Each service with a source has one follower, a task that looks, reports the set of endpoints where it is another
//! one than before (their order does not matter in DNS), and looks again: after DNS's TTL, or each second for a file.
//! What was found last is kept while nothing better is known, whether nobody answers, the name is said not to exist or the
//! file cannot be read: an endpoint that is gone is seen by its health, while a mistake in a zone or in a list would
//! otherwise take a whole service down. The operator is told once.
//!
//! *Promise*: a changed answer is used within its TTL and a second. Every look is bounded in time, every set in size.
//! *Not here*: what a new set of endpoints changes. Nothing here is on the road of a request: all runs on the control
//! thread.

mod dns;
mod file;
mod resolver;
mod srv;
#[cfg(test)]
mod tests;

pub use dns::DnsSettings;
pub use file::{FileSettings, Parse};
pub use srv::SrvSettings;

use crate::endpoint::Place;
use crate::service::EndpointSettings;
use crate::task::Task;
use balance::Weight;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Endpoints that one source may give; more are left out, and that is told.
const ENDPOINTS_MOST: usize = 1024;
/// The longest time that an answer is taken for true, whatever its TTL.
const FRESH_MOST: Duration = Duration::from_secs(60);
/// Waits after failures: the first one, and the longest.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(10);
/// How long one look may take. An SRV record may name many targets.
const LOOK_MOST: Duration = Duration::from_secs(10);

/// Where a service's endpoints are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// At the addresses of a name.
    Dns(DnsSettings),
    /// In SRV records.
    Srv(SrvSettings),
    /// In a file.
    File(FileSettings),
}

/// How DNS is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// These servers, in this order; the machine's own where there is none.
    pub servers: Vec<SocketAddr>,
    /// How often, whatever the TTL.
    pub refresh: Option<Duration>,
    /// The shortest time that an answer is taken for true.
    pub min_ttl: Duration,
}

impl Default for Dns {
    fn default() -> Self {
        Self { servers: Vec::new(), refresh: None, min_ttl: Duration::from_secs(1) }
    }
}

impl Dns {
    /// How long an answer of that TTL is taken for true.
    fn fresh_for(&self, ttl: Duration) -> Duration {
        self.refresh.unwrap_or(ttl.min(FRESH_MOST)).max(self.min_ttl)
    }
}

/// An endpoint that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The endpoint.
    pub settings: EndpointSettings,
    /// Its level of priority, 0 to 9, where the source has one of its own.
    pub priority: Option<u8>,
}

/// One service whose endpoints are to be found.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// Its name.
    pub service: Box<str>,
    /// Where.
    pub source: Source,
    /// What it starts with, from [`resolve_now`]: only another set is reported.
    pub known: Vec<Found>,
}

/// Who hears of each new set of endpoints of a service.
pub type OnFound = Rc<dyn Fn(&str, Vec<Found>)>;

/// What came of one look.
#[derive(Debug)]
struct Look {
    /// The endpoints; `None`: what was known stays.
    endpoints: Option<Vec<Found>>,
    /// What the operator should know.
    trouble: Option<String>,
    /// When to look again; `None`: soon, and then ever more seldom.
    again: Option<Duration>,
}

impl Look {
    fn failed(trouble: String) -> Self {
        Self { endpoints: None, trouble: Some(trouble), again: None }
    }
}

/// A source with what is remembered between looks at it.
enum Watch {
    Dns(DnsSettings),
    Srv(SrvSettings, srv::Targets),
    File(FileSettings, file::Seen),
}

impl Watch {
    fn new(source: &Source) -> Self {
        match source.clone() {
            Source::Dns(settings) => Self::Dns(settings),
            Source::Srv(settings) => Self::Srv(settings, srv::Targets::default()),
            Source::File(settings) => Self::File(settings, file::Seen::default()),
        }
    }

    async fn look(&mut self) -> Look {
        let looking = async {
            match self {
                Self::Dns(settings) => dns::look(settings).await,
                Self::Srv(settings, known) => srv::look(settings, known).await,
                Self::File(settings, seen) => file::look(settings, seen),
            }
        };
        let looked = timeout(LOOK_MOST, Box::pin(looking)).await;
        let mut look = looked.unwrap_or_else(|_| Look::failed("no complete answer came in time".into()));
        if let Some(endpoints) = &mut look.endpoints {
            // The order in a file is somebody's will, that of DNS is chance.
            if !matches!(self, Self::File(..)) {
                sort(endpoints);
            }
            if bound(endpoints) && look.trouble.is_none() {
                look.trouble =
                    Some(format!("there are more than {ENDPOINTS_MOST} endpoints: the rest is left out"));
            }
        }
        look
    }
}

/// What a source gives now, within that time; for the start of a service, before [`Discoveries`] follows it.
pub async fn resolve_now(source: &Source, within: Duration) -> Result<Vec<Found>, String> {
    let mut watch = Watch::new(source);
    let look = timeout(within, watch.look()).await.map_err(|_| "no answer came in time".to_owned())?;
    look.endpoints.ok_or_else(|| look.trouble.unwrap_or_default())
}

/// All sources that are followed. Lives in the `LocalSet` of the control thread.
pub struct Discoveries {
    followed: HashMap<Box<str>, Follower>,
    report: OnFound,
}

struct Follower {
    source: Source,
    found: Rc<RefCell<Vec<Found>>>,
    _task: Task,
}

impl std::fmt::Debug for Discoveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Discoveries").field("followed", &self.followed.len()).finish_non_exhaustive()
    }
}

impl Discoveries {
    /// None yet.
    pub fn new(report: OnFound) -> Self {
        Self { followed: HashMap::new(), report }
    }

    /// Follows these sources from now on, and no others. A service whose source is the same goes on with what it has
    /// found. To be called in a `LocalSet`.
    pub fn adopt(&mut self, wanted: Vec<Discovery>) {
        let mut before = std::mem::take(&mut self.followed);
        for Discovery { service, source, known } in wanted {
            let follower = match before.remove(&service) {
                Some(follower) if follower.source == source => follower,
                _ => self.start(&service, source, known),
            };
            self.followed.insert(service, follower);
        }
    }

    /// What was found last for a service: for the next version of it, after a reload.
    pub fn found(&self, service: &str) -> Option<Vec<Found>> {
        self.followed.get(service).map(|follower| follower.found.borrow().clone())
    }

    fn start(&self, service: &str, source: Source, known: Vec<Found>) -> Follower {
        let found = Rc::new(RefCell::new(known));
        let follow = follow(service.into(), Watch::new(&source), Rc::clone(&found), Rc::clone(&self.report));
        Follower { source, found, _task: Task::start(follow) }
    }
}

async fn follow(service: Box<str>, mut watch: Watch, found: Rc<RefCell<Vec<Found>>>, report: OnFound) {
    let (mut told, mut pace) = (None, Pace::default());
    loop {
        let Look { endpoints, trouble, again } = watch.look().await;
        if trouble != told {
            let kept = endpoints.is_none().then(|| found.borrow().len());
            tell(&service, trouble.as_deref(), kept);
            told = trouble;
        }
        if let Some(endpoints) = endpoints.filter(|endpoints| *endpoints != *found.borrow()) {
            found.borrow_mut().clone_from(&endpoints);
            report(&service, endpoints);
        }
        sleep(pace.next(again)).await;
    }
}

/// How long to wait for the next look: as the last one said, or longer with each one that failed.
struct Pace {
    retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { retry: RETRY_FIRST }
    }
}

impl Pace {
    fn next(&mut self, again: Option<Duration>) -> Duration {
        let wait = again.unwrap_or(self.retry);
        self.retry = if again.is_some() { RETRY_FIRST } else { (self.retry * 2).min(RETRY_LAST) };
        wait
    }
}

/// Tells the operator what is wrong, how many endpoints are kept meanwhile, and that all is well again.
fn tell(service: &str, trouble: Option<&str>, kept: Option<usize>) {
    use observe::log;
    match (trouble, kept) {
        (Some(trouble), None) => log::warning(format_args!("service `{service}`: {trouble}")),
        (Some(trouble), Some(0)) => {
            log::warning(format_args!("service `{service}` has no endpoints yet: {trouble}"));
        }
        (Some(trouble), Some(kept)) => {
            log::warning(format_args!("service `{service}` keeps its endpoints ({kept}): {trouble}"));
        }
        (None, _) => log::info(format_args!("service `{service}`: its endpoints are found again")),
    }
}

/// An endpoint at an address.
fn found(template: &EndpointSettings, address: SocketAddr, weight: Weight) -> EndpointSettings {
    let scheme = if template.tls { "https" } else { "http" };
    let label = format!("{scheme}://{address}").into();
    EndpointSettings { label, place: Place::Address(address), weight, ..template.clone() }
}

/// Brings a set that has no order of its own in one, so that sets can be compared.
fn sort(endpoints: &mut [Found]) {
    // Of doubles the most wanted one comes first, and stays.
    endpoints.sort_by(|a, b| (&a.settings.label, a.priority).cmp(&(&b.settings.label, b.priority)));
}

/// Takes doubles out, and what is beyond the bound. Says whether something was.
fn bound(endpoints: &mut Vec<Found>) -> bool {
    let mut labels = HashSet::new();
    endpoints.retain(|endpoint| labels.insert(endpoint.settings.label.clone()));
    let left_out = endpoints.len() > ENDPOINTS_MOST;
    endpoints.truncate(ENDPOINTS_MOST);
    left_out
}
