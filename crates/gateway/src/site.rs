//! One version of the config as the road sees it: immutable, swapped whole.

use crate::caching::{Caches, Caching};
use crate::client_address::Network;
use crate::guard::{Guard, Guards};
use bytes::Bytes;
use message::{Fields, StatusCode};
use observe::{ListenerMeters, RouteMeters};
use std::sync::Arc;
use upstream::{Manner, Service};

/// Everything that a request needs to know of the config.
#[derive(Debug)]
pub struct Site {
    /// The routes.
    pub plan: Arc<Plan>,
    /// The services.
    pub services: Vec<Arc<Service>>,
    /// Proxies whose word about the client is taken.
    pub trusted_proxies: Vec<Network>,
    /// Counts requests that take no route.
    pub unrouted: Arc<RouteMeters>,
    /// The listeners' meters, in the order of the listeners.
    pub listeners: Vec<Arc<ListenerMeters>>,
    /// What guards go by; none where no route asks for anything.
    pub guards: Option<Arc<Guards>>,
    /// The cache; none where no route caches.
    pub caches: Option<Arc<Caches>>,
    /// Where requests are logged.
    pub access_log: Option<Arc<observe::access_log::AccessLog>>,
    /// Who may ask how a request was served.
    pub explain: ExplainTo,
}

/// The routes of a config. Endpoints come and go without it.
#[derive(Debug)]
pub struct Plan {
    /// Which route does a request take? Leads to a place in `routes`.
    pub table: route::Table<usize>,
    /// The routes.
    pub routes: Vec<Route>,
    /// The routes' paths, for the placeholders of redirects.
    pub templates: Vec<route::PathTemplate>,
}

/// Who gets an answer to `X-Tidegate-Explain`.
#[derive(Clone, Debug, Default)]
pub enum ExplainTo {
    /// Clients on this machine that no proxy speaks for.
    #[default]
    Loopback,
    /// Whoever knows the admin token.
    Token(Box<str>),
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// Its name in metrics and logs.
    pub name: Box<str>,
    /// What it does.
    pub action: Action,
    /// Largest body of a request, in bytes; `None`: any.
    pub max_body: Option<u64>,
    /// How its requests are forwarded.
    pub manner: Manner,
    /// What answers where no endpoint does.
    pub fallback: Option<Fallback>,
    /// Who gets a copy of its requests.
    pub mirror: Option<Mirror>,
    /// What it asks of its callers; none where that is nothing.
    pub guard: Option<Box<Guard>>,
    /// What it wants of the cache; none where it does not cache.
    pub cache: Option<Box<Caching>>,
    /// Taken off the front of the path before it goes to the service.
    pub strip_prefix: Option<Box<str>>,
    /// Its meters.
    pub meters: Arc<RouteMeters>,
}

/// What a route does.
#[derive(Debug)]
pub enum Action {
    /// Forwards to a service: its place in [`Site::services`].
    Forward(usize),
    /// Forwards to one of several services, by chance.
    Split(Split),
    /// Sends the client elsewhere.
    Redirect(Redirect),
    /// Answers by itself.
    Respond(Respond),
    /// Answers with files.
    Files(Arc<files::Root>),
}

/// Services that share a route's requests.
#[derive(Debug)]
pub struct Split {
    /// The sum of all weights; never 0.
    pub total: u32,
    /// The services.
    pub parts: Vec<Part>,
}

/// One service's share.
#[derive(Debug)]
pub struct Part {
    /// Its place in [`Site::services`].
    pub service: usize,
    /// Its share of the total.
    pub weight: u32,
    /// The route's meters for this service.
    pub meters: Arc<RouteMeters>,
}

impl Split {
    /// The part for that number below the total.
    pub(crate) fn part(&self, mut number: u32) -> usize {
        for (place, part) in self.parts.iter().enumerate() {
            match number.checked_sub(part.weight) {
                None => return place,
                Some(rest) => number = rest,
            }
        }
        0
    }
}

/// What answers where no endpoint does.
#[derive(Debug)]
pub enum Fallback {
    /// Another service: its place in [`Site::services`].
    Service(usize),
    /// Tidegate itself.
    Respond(Respond),
}

/// Who gets a copy of a route's requests. Nobody waits for the answer.
#[derive(Clone, Copy, Debug)]
pub struct Mirror {
    /// Its place in [`Site::services`].
    pub service: usize,
    /// How many of a hundred requests are copied.
    pub percent: u8,
}

/// A redirect.
#[derive(Debug)]
pub struct Redirect {
    /// Where to, with `{name}` for the route's parameters, `{path}`, `{query}` and `{host}`.
    pub to: Box<str>,
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
}

/// A fixed answer.
#[derive(Debug)]
pub struct Respond {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub fields: Fields,
    /// Its body.
    pub body: Bytes,
}

impl Route {
    /// Does it answer browsers that ask what they may send?
    pub(crate) fn answers_preflights(&self) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.cors.is_some())
    }
}

impl Site {
    /// The services that a route may forward to, the usual one first.
    pub fn services_of<'s>(&'s self, route: &'s Route) -> impl Iterator<Item = &'s Arc<Service>> {
        let parts: &[Part] = match &route.action {
            Action::Split(split) => &split.parts,
            _ => &[],
        };
        let one = match route.action {
            Action::Forward(service) => Some(service),
            _ => None,
        };
        one.into_iter().chain(parts.iter().map(|p| p.service)).filter_map(|place| self.services.get(place))
    }
}
