//! A service: endpoints that do the same work, and how they are asked.

use crate::endpoint::{Connections, Endpoint, Identity, Place, Registry};
use crate::forward::NoSeat;
use crate::hedge::Hedge;
use crate::probe::ProbeSettings;
use crate::queue::QueueSettings;
use crate::retry::Retry;
use crate::standing::{Prospect, Standing, StandingSettings};
use crate::sticky::{Sticky, StickySettings};
use balance::{
    Change, CheckSettings, Checked, Health, LimiterSettings, LineupSettings, Load, OutlierSettings,
    PickerSettings, State, Table, Weight,
};
use base::Moment;
use net::tls::{ClientSettings, ClientTls, TlsError};
use observe::log::{self, Level};
use observe::{Event, EventKind, InstanceMeters, Meters, ServiceMeters};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What is spoken with endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: by ALPN with TLS, by prior knowledge without.
    Http2,
}

/// What stands in `Host`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostPolicy {
    /// What the client sent.
    #[default]
    Preserve,
    /// The endpoint's own name.
    Endpoint,
    /// This.
    Fixed(Box<str>),
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the head of an answer, from the last progress of the request.
    pub request: Duration,
    /// For the next byte of an answer's body, or of a tunnel.
    pub idle: Duration,
    /// Endpoints are told until when an answer is waited for.
    pub told: bool,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            request: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            told: false,
        }
    }
}

/// One endpoint in the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSettings {
    /// As the config names it.
    pub label: Box<str>,
    /// Where it listens.
    pub place: Place,
    /// TLS is spoken.
    pub tls: bool,
    /// Whom TLS asks for and verifies, where that is not the place; the service's own name goes first.
    pub server_name: Option<Box<str>>,
    /// Its share of the traffic.
    pub weight: Weight,
    /// Who is asked first.
    pub rank: balance::Place,
    /// Most connections to it; `None`: any number.
    pub max_connections: Option<u32>,
    /// Most requests at once; `None`: any number.
    pub max_requests: Option<u32>,
    /// Somebody has seen that it works: it need not pass a check first.
    pub proven: bool,
}

/// What the hash policies hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashOn {
    /// The client's address.
    Ip,
    /// The path.
    Path,
    /// A header's value.
    Header(Box<str>),
    /// A cookie's value.
    Cookie(Box<str>),
    /// A query parameter's value.
    Query(Box<str>),
}

/// Active checks of a service's endpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckPlan {
    /// What is asked, and how often.
    pub probe: ProbeSettings,
    /// How many answers make up a verdict.
    pub limits: CheckSettings,
}

/// One service in the config.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Its name.
    pub name: Box<str>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointSettings>,
    /// How one is picked.
    pub picker: PickerSettings,
    /// Among whom.
    pub lineup: LineupSettings,
    /// What hash policies hash.
    pub hash_on: HashOn,
    /// The cookie that leads a client back to its endpoint.
    pub sticky: Option<StickySettings>,
    /// Active checks.
    pub check: Option<CheckPlan>,
    /// What takes an endpoint out.
    pub outliers: OutlierSettings,
    /// How failed attempts are made again.
    pub retry: Retry,
    /// A second attempt beside one that takes long.
    pub hedge: Option<Hedge>,
    /// Who may wait where all endpoints are full.
    pub queue: QueueSettings,
    /// Who may wait while endpoints are still to come, as long as [`Standing::prospect`] says so; `None`: they do not
    /// come by themselves.
    pub hold: Option<QueueSettings>,
    /// The service's limit is learnt.
    pub adaptive: Option<LimiterSettings>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// What is spoken.
    pub protocol: Protocol,
    /// How TLS is spoken where an endpoint wants it.
    pub tls: ClientSettings,
    /// What stands in `Host`.
    pub host: HostPolicy,
    /// Idle connections that each worker keeps to each endpoint.
    pub max_idle: usize,
    /// How long each is kept.
    pub idle_timeout: Duration,
}

impl Settings {
    /// A service of that name with those endpoints, and every default.
    pub fn new(name: &str, endpoints: Vec<EndpointSettings>) -> Self {
        Self {
            name: name.into(),
            endpoints,
            picker: PickerSettings::default(),
            lineup: LineupSettings::default(),
            hash_on: HashOn::Ip,
            sticky: None,
            check: None,
            outliers: OutlierSettings::default(),
            retry: Retry::default(),
            hedge: None,
            queue: QueueSettings::default(),
            hold: None,
            adaptive: None,
            timeouts: Timeouts::default(),
            protocol: Protocol::default(),
            tls: ClientSettings::default(),
            host: HostPolicy::default(),
            max_idle: 1024,
            idle_timeout: Duration::from_secs(30),
        }
    }
}

impl EndpointSettings {
    /// An endpoint without TLS, of weight 1, first among its equals and without limits.
    pub fn new(label: &str, place: Place) -> Self {
        Self {
            label: label.into(),
            place,
            tls: false,
            server_name: None,
            weight: Weight::ONE,
            rank: balance::Place::default(),
            max_connections: None,
            max_requests: None,
            proven: false,
        }
    }
}

/// Why a service cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("service `{service}`: {cause}")]
pub struct ServiceError {
    /// Its name.
    pub service: Box<str>,
    /// What is wrong with its TLS files.
    pub cause: TlsError,
}

/// A service in one version of the config.
#[derive(Debug)]
pub struct Service {
    /// Its settings.
    pub settings: Settings,
    /// Its endpoints, in the order of the settings.
    pub members: Vec<Member>,
    /// What is known of it whatever the version.
    pub standing: Arc<Standing>,
    /// Its meters.
    pub meters: Arc<ServiceMeters>,
    /// The meters of its instances, where endpoints come by themselves.
    pub(crate) instances: Option<Arc<InstanceMeters>>,
    /// Where hash policies find endpoints.
    pub(crate) table: Option<Arc<Table>>,
    pub(crate) sticky: Option<Sticky>,
    /// Some limit may make requests wait.
    pub(crate) bounded: bool,
    /// Another version is in force.
    replaced: AtomicBool,
}

/// An endpoint with its place in one service.
#[derive(Debug)]
pub struct Member {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Its share of the traffic.
    pub weight: Weight,
    /// Who is asked first.
    pub rank: balance::Place,
    /// Most connections to it.
    pub max_connections: Option<u32>,
    max_requests: u32,
}

impl balance::Endpoint for Member {
    fn load(&self) -> &Load {
        &self.endpoint.load
    }

    fn weight(&self) -> Weight {
        self.weight
    }

    fn health(&self) -> &Health {
        &self.endpoint.health
    }

    fn place(&self) -> balance::Place {
        self.rank
    }

    fn max_requests(&self) -> u32 {
        self.max_requests
    }

    fn key(&self) -> u64 {
        self.endpoint.key
    }
}

impl Member {
    fn new(endpoint: Arc<Endpoint>, settings: &EndpointSettings, protocol: Protocol) -> Self {
        let unbounded = settings.max_requests.unwrap_or(u32::MAX);
        // A connection of HTTP/1 carries one request at a time.
        let carried = match protocol {
            Protocol::Http1 => settings.max_connections.unwrap_or(u32::MAX),
            Protocol::Http2 => u32::MAX,
        };
        Self {
            endpoint,
            weight: settings.weight,
            rank: settings.rank,
            max_connections: settings.max_connections,
            max_requests: unbounded.min(carried),
        }
    }
}

impl Service {
    /// Builds a service. Endpoints that were there before keep what they have learnt.
    pub fn build(
        settings: Settings,
        registry: &Registry,
        meters: &Meters,
        now: Moment,
    ) -> Result<Arc<Self>, ServiceError> {
        let failed = |cause| ServiceError { service: settings.name.clone(), cause };
        let tls_settings =
            ClientSettings { alpn_h2: settings.protocol == Protocol::Http2, ..settings.tls.clone() };
        let wants_tls = settings.endpoints.iter().any(|e| e.tls);
        let tls = wants_tls.then(|| ClientTls::load(&tls_settings)).transpose().map_err(failed)?;
        let manner: Box<str> = format!("{:?} {tls_settings:?}", settings.protocol).into();
        let members: Vec<_> = settings
            .endpoints
            .iter()
            .map(|e| {
                let identity = Identity {
                    service: settings.name.clone(),
                    label: e.label.clone(),
                    place: e.place.clone(),
                    manner: e
                        .server_name
                        .as_ref()
                        .map_or_else(|| manner.clone(), |n| format!("{manner} {n}").into()),
                };
                let proven = e.proven || settings.check.is_none();
                let state = if proven { State::Up } else { State::Unknown };
                let endpoint = registry.find(identity, |id| Endpoint {
                    id,
                    label: e.label.clone(),
                    authority: authority(&e.place, e.tls),
                    place: e.place.clone(),
                    tls: tls.clone().filter(|_| e.tls),
                    server_name: e.server_name.clone(),
                    load: Load::new(now),
                    health: registry.health(state, now),
                    key: balance::stable_hash(e.label.as_bytes()),
                    connections: Connections::default(),
                    meters: meters.endpoint(&settings.name, &e.label),
                    news: std::sync::Mutex::default(),
                });
                Member::new(endpoint, e, settings.protocol)
            })
            .collect();
        let standing = registry.standing(
            &settings.name,
            &StandingSettings { budget: settings.retry.budget, adaptive: settings.adaptive },
        );
        let service = Self {
            table: Table::build(settings.picker.policy, &members),
            sticky: settings
                .sticky
                .as_ref()
                .map(|s| Sticky::new(s, members.iter().map(|m| &*m.endpoint.label))),
            bounded: settings.adaptive.is_some() || members.iter().any(|m| m.max_requests < u32::MAX),
            meters: meters.service(&settings.name),
            instances: settings.hold.map(|_| meters.instances(&settings.name)),
            standing,
            members,
            settings,
            replaced: AtomicBool::new(false),
        };
        service.forget_checks(now);
        service.standing.queue.wake();
        Ok(Arc::new(service))
    }

    /// Another version is in force from now on, or none. Whoever waits here looks for it.
    pub fn replace(&self) {
        self.replaced.store(true, Ordering::Release);
        self.standing.queue.wake();
    }

    /// Is another version in force?
    pub(crate) fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire)
    }

    /// Do requests wait for endpoints that are still to come? How many may, and how long. Where all there are are full, they
    /// wait for more of them and no longer than the queue says otherwise.
    pub(crate) fn holds(&self, none: NoSeat) -> Option<QueueSettings> {
        let worth = match none {
            NoSeat::Nobody => Prospect::Again,
            NoSeat::Full => Prospect::More,
        };
        self.settings.hold.filter(|_| self.standing.prospect() >= worth)
    }

    /// Is it the same in all that workers have built around it? What TLS reads from files is looked at only where the
    /// settings differ.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |(a, b): (&Member, &Member)| Arc::ptr_eq(&a.endpoint, &b.endpoint);
        self.settings == other.settings
            && Arc::ptr_eq(&self.standing, &other.standing)
            && self.members.len() == other.members.len()
            && self.members.iter().zip(&other.members).all(same)
    }

    /// Is there one endpoint, and nothing that could speak against it?
    pub(crate) fn has_one_choice(&self) -> bool {
        match &self.members[..] {
            [one] => {
                let health = &one.endpoint.health;
                health.state() == State::Up && !health.is_ramping() && !self.bounded
            }
            _ => false,
        }
    }

    /// Without active checks nobody would take back what the last check of an earlier config has said.
    fn forget_checks(&self, now: Moment) {
        let once = CheckSettings { fall: 1, rise: 1 };
        for (place, member) in self.members.iter().enumerate() {
            let stale = matches!(member.endpoint.health.state(), State::Failing | State::Unknown);
            if self.settings.check.is_none() && stale {
                self.standing.circle.checked(&self.members, place, Checked::Passed, &once, now);
            }
        }
    }

    /// Tells the operator, and the meters, that an endpoint is in another state.
    pub fn note(&self, change: &Change) {
        self.note_why(change, None);
    }

    /// The same, with what a check had to say.
    pub(crate) fn note_why(&self, change: &Change, detail: Option<&str>) {
        let Some(member) = self.members.get(change.endpoint) else { return };
        let endpoint = &member.endpoint;
        endpoint.meters.set_up(change.to == State::Up);
        endpoint.meters.changed(change.why.as_str());
        let (from, to, why) = (change.from.as_str(), change.to.as_str(), change.why.as_str());
        // Whoever drains an endpoint means it.
        let is_wanted = matches!(change.to, State::Up | State::Draining);
        let level = if is_wanted { Level::Info } else { Level::Warning };
        let service = &self.settings.name;
        let (between, detail) = detail.map_or(("", ""), |detail| (": ", detail));
        endpoint.tell_change(why);
        // There may be room now, or nobody left to wait for.
        self.standing.queue.wake();
        let event = Event::new(EventKind::Endpoint).of(service).at(&endpoint.label).from(from).to(to);
        self.meters.tell(event.because(&format!("{why}{between}{detail}")));
        log::write(
            level,
            format_args!(
                "service {service}: {} is {to} (was {from}): {why}{between}{detail}",
                endpoint.label
            ),
        );
    }

    /// When it makes sense to ask a service again that has nobody to answer: when its endpoints will have been looked at.
    pub fn retry_after(&self) -> Duration {
        self.settings.check.as_ref().map_or(RECONNECT_MOST, |check| check.probe.interval)
    }
}

/// The longest pause between two looks at an endpoint that could not be reached, where it has no active checks.
pub(crate) const RECONNECT_MOST: Duration = Duration::from_secs(2);

/// What an endpoint calls itself: its host, with its port unless that is the scheme's.
fn authority(place: &Place, tls: bool) -> Box<str> {
    let usual = if tls { 443 } else { 80 };
    match place {
        Place::Address(address) if address.port() == usual && address.is_ipv4() => {
            address.ip().to_string().into()
        }
        Place::Address(address) => address.to_string().into(),
        Place::Name(name, port) if *port == usual => name.clone(),
        Place::Name(name, port) => format!("{name}:{port}").into(),
        Place::Unix(_) => "localhost".into(),
    }
}
