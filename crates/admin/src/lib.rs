//! The admin API, the metrics endpoint and the overview page: what an operator and a scraper talk to.
//!
//! A small HTTP/1.1 server on the control thread. It knows nothing of the gateway or of config files: it asks a
//! [`Node`], which the binary implements, and writes down what that says. All that it offers is one table
//! (`endpoint/table.rs`), from which requests are answered and the API's description is made, so the two cannot differ.
//!
//! *Invariant*: it is bounded (connections, head and body sizes, time), and it is closed to other web sites: without
//! a token only those who name this machine by address, `localhost` or a configured name get in, and a change is
//! refused when another site's page asked for it.
//! *Not here*: TLS, users and roles, what a reload or a change of endpoints does.

mod answer;
mod cache;
mod callers;
mod desk;
mod edit;
mod endpoint;
mod events;
mod guard;
mod instances;
mod keys;
mod live;
mod node;
mod object;
mod openapi;
mod overview;
mod page;
mod query;
mod server;
mod status;
mod view;

pub use cache::{CacheView, DiskView, MemoryView, PurgeOrder, PurgeRefusal, PurgesView, Purging};
pub use callers::{ClusterView, ConsumerView, LimitsView, PolicyView, TableView};
pub use edit::{Edit, Refusal};
pub use guard::Settings;
pub use instances::{DecisionView, InstanceView, LimitView, ProposalView, ServiceInstances};
pub use keys::{KeyRefusal, KeyView, MintedKey, NewKey, NewRevocation, RevocationView, Rotation};
pub use node::{Node, Reloading, Upgrading};
pub use server::serve;
pub use view::{EndpointView, ServiceView};
