//! What the admin server asks of the process it belongs to.

use crate::cache::{CacheView, PurgeOrder, PurgeRefusal, PurgesView, Purging};
use crate::callers::{ConsumerView, LimitsView};
use crate::edit::{Edit, Refusal};
use crate::instances::{DecisionView, ServiceInstances};
use crate::keys::{KeyRefusal, KeyView, MintedKey, NewKey, NewRevocation, RevocationView, Rotation};
use crate::view::ServiceView;
use observe::{Event, Snapshot};
use serde_json::Value;
use std::pin::Pin;

/// A reload under way: what changed, or the problems for which nothing did.
pub type Reloading<'a> = Pin<Box<dyn Future<Output = Result<Value, Value>> + Send + 'a>>;

/// An upgrade under way: which process took over, or why none did.
pub type Upgrading<'a> = Pin<Box<dyn Future<Output = Result<Value, String>> + Send + 'a>>;

/// Why a node does nothing about keys and tokens that has not said how.
const NO_KEYS: &str = "This node keeps no keys.";

/// Why a node purges nothing that has not said how.
const NO_CACHE: &str = "This node has no cache.";

/// The running gateway, as an operator sees it. The calls answer at once, but for [`Node::purge`],
/// [`Node::reload`] and [`Node::upgrade`]; none blocks, but for those that change keys or revoke tokens: they wait for the disk, and are called
/// on a thread that may.
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
    /// All API keys, in no order.
    fn keys(&self) -> Vec<KeyView> {
        Vec::new()
    }
    /// Makes a key. It lasts before its text is given. Waits for the disk.
    fn create_key(&self, wanted: NewKey) -> Result<MintedKey, KeyRefusal> {
        let _ = wanted;
        Err(KeyRefusal::NotNow(NO_KEYS.to_owned()))
    }
    /// Makes a key in the place of the one with this id, which is good for a while yet. Waits for the disk.
    fn rotate_key(&self, id: &str, rotation: Rotation) -> Result<MintedKey, KeyRefusal> {
        let _ = (id, rotation);
        Err(KeyRefusal::NoKey)
    }
    /// Revokes the key with this id, for good. Waits for the disk.
    fn revoke_key(&self, id: &str) -> Result<KeyView, KeyRefusal> {
        let _ = id;
        Err(KeyRefusal::NoKey)
    }
    /// All tokens that were revoked, in no order.
    fn revocations(&self) -> Vec<RevocationView> {
        Vec::new()
    }
    /// Revokes tokens: either `jti` or `subject` is there. Waits for the disk.
    fn revoke_tokens(&self, wanted: NewRevocation) -> Result<RevocationView, KeyRefusal> {
        let _ = wanted;
        Err(KeyRefusal::NotNow(NO_KEYS.to_owned()))
    }
    /// The callers that the config names, in its order.
    fn consumers(&self) -> Vec<ConsumerView> {
        Vec::new()
    }
    /// The limits in force, and what they did.
    fn limits(&self) -> LimitsView {
        LimitsView::default()
    }
    /// What is kept where.
    fn cache(&self) -> CacheView {
        CacheView::default()
    }
    /// What is known of purges.
    fn purges(&self) -> PurgesView {
        PurgesView::default()
    }
    /// Purges, here and on all nodes.
    fn purge(&self, order: PurgeOrder) -> Purging<'_> {
        drop(order);
        Box::pin(async { Err(PurgeRefusal::NotNow(NO_CACHE.to_owned())) })
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
