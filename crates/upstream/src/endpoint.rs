//! An endpoint: one instance of a service, as all workers know it.

use crate::standing::{Standing, StandingSettings};
use balance::{Circle, Health, Load, State};
use base::Moment;
use net::tls::ClientTls;
use observe::EndpointMeters;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::sync::Notify;

/// Where an endpoint listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// At an address.
    Address(SocketAddr),
    /// At a name, resolved for each new connection.
    Name(Box<str>, u16),
    /// On a Unix socket.
    Unix(PathBuf),
}

/// What is known of an endpoint, whatever the version of the config.
pub struct Endpoint {
    /// Its number in this process: workers find their connections to it by this.
    pub id: usize,
    /// As the config names it: `http://10.0.0.5:9200`.
    pub label: Box<str>,
    /// Where it listens.
    pub place: Place,
    /// What stands in `Host` where it is called by its own name.
    pub authority: Box<str>,
    /// TLS, where it is spoken.
    pub tls: Option<Arc<ClientTls>>,
    /// Whom TLS verifies, where neither the service says so nor it is the place.
    pub server_name: Option<Box<str>>,
    /// Its load.
    pub load: Load,
    /// Its health.
    pub health: Health,
    /// The same for the same label on every node and in every version: what hash policies place it by.
    pub key: u64,
    /// Its connections, where their number is bounded.
    pub connections: Connections,
    /// Its meters.
    pub meters: Arc<EndpointMeters>,
    /// What was last heard of it, for people.
    pub news: Mutex<News>,
}

/// What was last heard of an endpoint.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Why its state changed last.
    pub change: Option<&'static str>,
    /// When.
    pub changed: Option<SystemTime>,
    /// What its last check had to say; `None` where it passed.
    pub check: Option<Box<str>>,
    /// When that was.
    pub checked: Option<SystemTime>,
}

impl Endpoint {
    pub(crate) fn tell_change(&self, why: &'static str) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        (news.change, news.changed) = (Some(why), Some(SystemTime::now()));
    }

    pub(crate) fn tell_check(&self, why: Option<&str>) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        (news.check, news.checked) = (why.map(Into::into), Some(SystemTime::now()));
    }
}

/// The connections to one endpoint, of all workers.
#[derive(Debug, Default)]
pub struct Connections {
    open: AtomicU32,
    /// Rung when a worker wants to open one more than is allowed, and others have some that wait.
    pub(crate) wanted: Notify,
    /// Rung when one is closed.
    pub(crate) closed: Notify,
}

impl Connections {
    /// How many are open.
    pub(crate) fn open(&self) -> u32 {
        self.open.load(Ordering::Acquire)
    }
}

/// One connection among those that are bounded. Dropped with the connection.
#[derive(Debug)]
pub(crate) struct Lease(Arc<Endpoint>);

impl Lease {
    /// One more, where fewer than `most` are open.
    pub(crate) fn take(endpoint: &Arc<Endpoint>, most: u32) -> Option<Self> {
        let more = |n| (n < most).then(|| n + 1);
        let open = &endpoint.connections.open;
        open.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok().map(|_| Self(Arc::clone(endpoint)))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.connections.open.fetch_sub(1, Ordering::AcqRel);
        self.0.connections.closed.notify_waiters();
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("id", &self.id).field("label", &self.label).finish_non_exhaustive()
    }
}

/// What makes two endpoints the same over a reload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) service: Box<str>,
    pub(crate) label: Box<str>,
    /// A name may come to stand for another place: then it is another process, of which nothing is known yet.
    pub(crate) place: Place,
    /// How it is spoken to: protocol and TLS settings. Connections made otherwise must not be used.
    pub(crate) manner: Box<str>,
}

/// All endpoints of the process, and the standing of each service.
#[derive(Debug, Default)]
pub struct Registry {
    known: Mutex<Known>,
    /// The process has taken its first config up: endpoints that come from now on join running traffic.
    running: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    endpoints: HashMap<Identity, Arc<Endpoint>>,
    standings: HashMap<Box<str>, Arc<Standing>>,
    next: usize,
}

impl Registry {
    /// The endpoint of that identity: the one that exists, or a new one.
    pub(crate) fn find(&self, identity: Identity, make: impl FnOnce(usize) -> Endpoint) -> Arc<Endpoint> {
        let Known { endpoints, next, .. } = &mut *self.known();
        Arc::clone(endpoints.entry(identity).or_insert_with(|| {
            *next += 1;
            Arc::new(make(*next))
        }))
    }

    /// The standing of a service. With other settings its states stay, and the rest begins anew.
    pub(crate) fn standing(&self, service: &str, settings: &StandingSettings) -> Arc<Standing> {
        let standings = &mut self.known().standings;
        let old = standings.get(service);
        if let Some(old) = old.filter(|old| old.settings == *settings) {
            return Arc::clone(old);
        }
        let circle = old.map_or_else(|| Arc::new(Circle::default()), |old| Arc::clone(&old.circle));
        let standing = Arc::new(Standing::new(settings.clone(), circle));
        standings.insert(service.into(), Arc::clone(&standing));
        standing
    }

    /// The health of an endpoint that is new. One that joins running traffic begins slowly.
    pub(crate) fn health(&self, state: State, now: Moment) -> Health {
        if self.running.load(Ordering::Acquire) {
            Health::joining(state, now)
        } else {
            Health::new(state, now)
        }
    }

    /// The first config is in force.
    pub fn started(&self) {
        self.running.store(true, Ordering::Release);
    }

    /// Forgets endpoints and standings that no service holds any more.
    pub fn retire_unheld(&self) {
        let mut known = self.known();
        known.endpoints.retain(|_, e| Arc::strong_count(e) > 1);
        known.standings.retain(|_, s| Arc::strong_count(s) > 1);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
