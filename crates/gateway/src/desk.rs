//! A worker's gateway: what it keeps between requests, and its side of the seam to the wire.

use crate::pressure::{Pressure, Strain};
use crate::serve;
use crate::site::Site;
use crate::stop::{Fault, Reason, Stop};
use crate::trip::Trip;
use arc_swap::{ArcSwap, Cache};
use base::{Clock, IdSource};
use net::{Peer, Reject, Request, Response, Trouble};
use observe::access_log::Recorder;
use observe::log::{Level, Throttle};
use observe::{CoreCounter, Meters};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use upstream::{Client, Local};

/// What all workers share.
#[derive(Debug)]
pub struct Shared {
    site: ArcSwap<Site>,
    stops: Vec<Arc<CoreCounter>>,
    clock: Clock,
    /// How hard-pressed Tidegate is.
    pub pressure: Pressure,
}

impl Shared {
    /// With the first version of the site.
    pub fn new(site: Arc<Site>, meters: &Meters, clock: Clock, cores: usize) -> Arc<Self> {
        let stops = Reason::ALL.iter().map(|r| meters.stops(r.label())).collect();
        Arc::new(Self { site: ArcSwap::new(site), stops, clock, pressure: Pressure::new(cores) })
    }

    /// The site in force.
    pub fn site(&self) -> Arc<Site> {
        self.site.load_full()
    }

    /// Puts another site in force. Requests that are under way end with the one they began with; those that wait for a
    /// place in a service go over to the new one.
    pub fn swap(&self, site: Arc<Site>) {
        let stay: HashSet<_> = site.services.iter().map(Arc::as_ptr).collect();
        let old = self.site.swap(site);
        // Only now: whoever is told looks for the new one.
        for service in old.services.iter().filter(|service| !stay.contains(&Arc::as_ptr(service))) {
            service.replace();
        }
    }
}

/// One worker's gateway.
#[derive(Debug)]
pub struct Gateway(Rc<Desk>);

/// What one worker keeps.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) core: usize,
    pub(crate) client: Client,
    shared: Arc<Shared>,
    ids: RefCell<IdSource>,
    site: RefCell<Cache<ShareOfSite, Arc<Site>>>,
    here: RefCell<Rc<Here>>,
    log: RefCell<Option<Recorder>>,
    date: RefCell<DateText>,
    cut: Cell<bool>,
}

/// The site, with this worker's side of its services. One count of references for the worker, so that no core writes to
/// another's memory for each request.
#[derive(Debug)]
pub(crate) struct Here {
    pub(crate) site: Arc<Site>,
    pub(crate) services: Vec<Rc<Local>>,
}

#[derive(Clone, Debug)]
struct ShareOfSite(Arc<Shared>);

impl std::ops::Deref for ShareOfSite {
    type Target = ArcSwap<Site>;

    fn deref(&self) -> &ArcSwap<Site> {
        &self.0.site
    }
}

/// The `Date` of this second.
#[derive(Debug)]
struct DateText {
    at: Instant,
    text: String,
}

static PANICS: Throttle = Throttle::new();
static FAILURES: Throttle = Throttle::new();
static TROUBLES: Throttle = Throttle::new();

impl Gateway {
    /// For the worker of that number.
    pub fn new(shared: Arc<Shared>, core: usize) -> Self {
        let client = Client::new(core, shared.clock.clone());
        let site = shared.site();
        let here = Here { services: client.adopt(&site.services), site };
        let log = here.site.access_log.as_ref().map(|log| log.recorder());
        Self(Rc::new(Desk {
            core,
            client,
            ids: RefCell::default(),
            site: RefCell::new(Cache::new(ShareOfSite(Arc::clone(&shared)))),
            here: RefCell::new(Rc::new(here)),
            log: RefCell::new(log),
            date: RefCell::new(DateText {
                at: Instant::now(),
                text: httpdate::fmt_http_date(SystemTime::now()),
            }),
            cut: Cell::new(false),
            shared,
        }))
    }
}

impl Desk {
    /// The site in force, as this worker sees it.
    pub(crate) fn here(&self) -> Rc<Here> {
        let mut cache = self.site.borrow_mut();
        let site = cache.load();
        let mut here = self.here.borrow_mut();
        if !Arc::ptr_eq(site, &here.site) {
            *here = Rc::new(Here { services: self.client.adopt(&site.services), site: Arc::clone(site) });
            *self.log.borrow_mut() = here.site.access_log.as_ref().map(|log| log.recorder());
        }
        Rc::clone(&here)
    }

    pub(crate) fn request_id(&self) -> base::RequestId {
        self.ids.borrow_mut().request_id()
    }

    pub(crate) fn random(&self) -> u64 {
        self.ids.borrow_mut().next_u64()
    }

    /// A random number below that.
    pub(crate) fn below(&self, bound: usize) -> usize {
        self.ids.borrow_mut().below(bound)
    }

    /// Seconds since 1970.
    #[expect(clippy::unused_self, reason = "the desk is where the road gets its time from")]
    pub(crate) fn unix(&self) -> u64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    /// Milliseconds since 1970.
    #[expect(clippy::unused_self, reason = "the desk is where the road gets its time from")]
    pub(crate) fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// How hard-pressed Tidegate is.
    pub(crate) fn strain(&self) -> Strain {
        self.shared.pressure.strain()
    }

    /// Calls `use_it` with the `Date` of now (RFC 9110 section 6.6.1), made anew at most once a second.
    pub(crate) fn with_date(&self, now: Instant, use_it: impl FnOnce(&[u8])) {
        let mut date = self.date.borrow_mut();
        if now.saturating_duration_since(date.at).as_millis() >= 500 {
            *date = DateText { at: now, text: httpdate::fmt_http_date(SystemTime::now()) };
        }
        use_it(date.text.as_bytes());
    }

    /// Does the worker end before its requests have?
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.get()
    }

    /// Logs a request, where requests are logged.
    pub(crate) fn with_log(&self, log: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = &mut *self.log.borrow_mut() {
            log(recorder);
        }
    }

    /// Counts a stop, and tells the operator of one that is not the client's fault.
    pub(crate) fn count(&self, stop: &Stop) {
        self.shared.stops[stop.reason as usize].add(self.core, 1);
        let detail = stop.detail.as_deref().unwrap_or(&stop.public);
        match stop.reason.fault() {
            Fault::Client => {}
            Fault::Upstream => {
                FAILURES.write(Level::Warning, format_args!("{}: {detail}", stop.reason.label()));
            }
            Fault::Us => PANICS.write(Level::Error, format_args!("{}: {detail}", stop.reason.label())),
        }
    }

    /// Counts a request that ended without a word to the client.
    pub(crate) fn count_reason(&self, reason: Reason) {
        self.shared.stops[reason as usize].add(self.core, 1);
    }
}

impl net::Service for Gateway {
    type Ride = Box<Trip>;

    fn call(&self, request: Request) -> impl Future<Output = Response<Box<Trip>>> {
        serve::serve(&self.0, request)
    }

    fn refuse(&self, peer: &Rc<Peer>, reject: Reject) -> Response<Box<Trip>> {
        serve::refuse(&self.0, peer, reject)
    }

    fn connections(&self, listener: usize, change: i64) {
        let here = self.0.here();
        if let Some(meters) = here.site.listeners.get(listener) {
            if change > 0 { meters.accepted(self.0.core) } else { meters.closed(self.0.core) }
        }
    }

    fn trouble(&self, listener: usize, trouble: &Trouble) {
        let here = self.0.here();
        if let Some(meters) = here.site.listeners.get(listener) {
            let reason = match trouble {
                Trouble::Accept(_) => "accept",
                Trouble::Full(_) => "full",
                Trouble::Handshake(_) => "handshake",
                Trouble::Proxy(_) => "proxy_protocol",
                Trouble::Flood(_) => "http2_flood",
            };
            meters.refused(reason).add(self.0.core, 1);
        }
        // A failed handshake is what scanners cause all day: counted, not told.
        if !matches!(trouble, Trouble::Handshake(_)) {
            TROUBLES.write(Level::Warning, format_args!("{trouble}"));
        }
    }

    fn keeps_connections(&self) -> bool {
        self.0.strain() < Strain::NoKeepAlive
    }

    fn accepts(&self) -> bool {
        self.0.strain() < Strain::NoAccept
    }

    fn tick(&self, now: Instant) {
        // It was due then, and is here only now.
        self.0.shared.pressure.late(self.0.core, now.elapsed());
        self.0.here();
        self.0.client.sweep(now);
        self.0.with_log(Recorder::flush);
    }

    fn drain(&self) {
        self.0.client.leave();
    }

    fn cut(&self) {
        self.0.cut.set(true);
    }
}
