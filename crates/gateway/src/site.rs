//! One version of the config as the road sees it: immutable, swapped whole.

use crate::client_address::Network;
use bytes::Bytes;
use message::{Fields, StatusCode};
use observe::{ListenerMeters, RouteMeters};
use std::sync::Arc;
use std::time::Duration;
use upstream::Service;

/// Everything that a request needs to know of the config.
#[derive(Debug)]
pub struct Site {
    /// Which route does a request take? Leads to a place in `routes`.
    pub table: route::Table<usize>,
    /// The routes.
    pub routes: Vec<Route>,
    /// The routes' paths, for the placeholders of redirects.
    pub templates: Vec<route::PathTemplate>,
    /// The services.
    pub services: Vec<Arc<Service>>,
    /// Proxies whose word about the client is taken.
    pub trusted_proxies: Vec<Network>,
    /// Counts requests that take no route.
    pub unrouted: Arc<RouteMeters>,
    /// The listeners' meters, in the order of the listeners.
    pub listeners: Vec<Arc<ListenerMeters>>,
    /// Where requests are logged.
    pub access_log: Option<Arc<observe::access_log::AccessLog>>,
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
    /// Longest wait for the head of an answer; `None`: as the service says.
    pub request_timeout: Option<Duration>,
    /// Longest silence in an answer's body; `None`: as the service says.
    pub idle_timeout: Option<Duration>,
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
    /// Sends the client elsewhere.
    Redirect(Redirect),
    /// Answers by itself.
    Respond(Respond),
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

impl Site {
    /// The service that a route forwards to.
    pub fn service_of(&self, route: &Route) -> Option<&Service> {
        match route.action {
            Action::Forward(service) => self.services.get(service).map(|s| &**s),
            Action::Redirect(_) | Action::Respond(_) => None,
        }
    }
}
