//! What the admin server asks of the process it belongs to.

use crate::edit::{Edit, Refusal};
use crate::instances::{DecisionView, ServiceInstances};
use crate::view::ServiceView;
use observe::{Event, Snapshot};
use serde_json::Value;
use std::pin::Pin;

/// A reload under way: what changed, or the problems for which nothing did.
pub type Reloading<'a> = Pin<Box<dyn Future<Output = Result<Value, Value>> + Send + 'a>>;

/// An upgrade under way: which process took over, or why none did.
pub type Upgrading<'a> = Pin<Box<dyn Future<Output = Result<Value, String>> + Send + 'a>>;

/// The running gateway, as an operator sees it. The calls answer at once, but for [`Node::reload`] and
/// [`Node::upgrade`]; none blocks.
pub trait Node: Send + Sync + 'static {
    /// May traffic be sent here? No before the first config is in force, and no while draining.
    fn ready(&self) -> bool;
    /// Is it letting go of its work, to end?
    fn draining(&self) -> bool;
    /// What it does because it is hard-pressed itself: `none`, or the name of the step.
    fn strain(&self) -> &'static str;
    /// All numbers in Prometheus' text format 0.0.4.
    fn metrics(&self) -> String;
    /// All numbers as data.
    fn snapshot(&self) -> Snapshot;
    /// What happened lately, the newest first.
    fn events(&self) -> Vec<Event>;
    /// The config in force, secrets redacted.
    fn config(&self) -> Value;
    /// The routes in force, in the order in which they are tried.
    fn routes(&self) -> Value;
    /// The services in force, with their endpoints and the health of each.
    fn services(&self) -> Vec<ServiceView>;
    /// Changes the endpoints of a service. Gives the endpoint as it is then, or was before it went.
    fn edit(&self, service: &str, edit: Edit<'_>) -> Result<Value, Refusal>;
    /// The services whose instances Tidegate launches or counts, in the order of the config. Asked for every five seconds
    /// and whenever somebody looks.
    fn instances(&self) -> Vec<ServiceInstances> {
        Vec::new()
    }
    /// The last decisions on how many instances of a service there are, the newest first; none where there is no such
    /// service, or nothing is decided for it.
    fn decisions(&self, service: &str) -> Option<Vec<DecisionView>> {
        let _ = service;
        None
    }
    /// Begins to replace the instances of a service, one after the other, and gives what it began:
    /// `{ "service": "shop", "instances": 4 }`. [`Refusal::NoService`] where there is none with instances.
    fn restart(&self, service: &str) -> Result<Value, Refusal> {
        let _ = service;
        Err(Refusal::NoService)
    }
    /// The road that a request like `GET http://host/path` with headers like `Name: value` would take; as an error, what is
    /// wrong with the request.
    fn explain(&self, request: &str, headers: &[String]) -> Result<Value, String>;
    /// Reads the config again and puts it in force.
    fn reload(&self) -> Reloading<'_>;
    /// Stops taking work and ends when the work under way is done. Asking twice does no harm.
    fn drain(&self);
    /// Starts the binary that is installed now, hands the listening sockets to it, and drains once it serves. Whoever
    /// asked may leave: the upgrade goes on.
    fn upgrade(&self) -> Upgrading<'_>;
}
