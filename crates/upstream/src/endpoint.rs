//! An endpoint: one instance of a service, as all workers know it.

use balance::Load;
use base::Moment;
use net::tls::ClientTls;
use observe::EndpointMeters;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// What stands in `Host` where it is called by its own name; also whom TLS verifies.
    pub authority: Box<str>,
    /// TLS, where it is spoken.
    pub tls: Option<Arc<ClientTls>>,
    /// Its load.
    pub load: Load,
    /// Its meters.
    pub meters: Arc<EndpointMeters>,
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
    /// How it is spoken to: protocol and TLS settings. Connections made otherwise must not be used.
    pub(crate) manner: Box<str>,
}

/// All endpoints of the process.
#[derive(Debug, Default)]
pub struct Registry(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    endpoints: HashMap<Identity, Arc<Endpoint>>,
    next: usize,
}

impl Registry {
    /// The endpoint of that identity: the one that exists, or a new one.
    pub(crate) fn find(
        &self,
        identity: Identity,
        now: Moment,
        make: impl FnOnce(usize, Load) -> Endpoint,
    ) -> Arc<Endpoint> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { endpoints, next } = &mut *known;
        Arc::clone(endpoints.entry(identity).or_insert_with(|| {
            *next += 1;
            Arc::new(make(*next, Load::new(now)))
        }))
    }

    /// Forgets endpoints that no service holds any more.
    pub fn retire_unheld(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .endpoints
            .retain(|_, e| Arc::strong_count(e) > 1);
    }
}
