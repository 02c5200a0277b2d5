//! Kubernetes: the endpoints of a Service, followed, and the replicas of a workload, set.
//!
//! [`Api`] is one API server and a namespace. [`Slices`] follows the `EndpointSlice`s of a Service. [`Workload`] is a
//! Deployment or something like it, whose count is read and set through its `/scale`; the pods that should go first are
//! marked by their `pod-deletion-cost`.
//!
//! *Promise*: what the cluster says comes into force with the event that says it; while it says nothing, what was known
//! stays; a count is sent only where another one is in force.
//! *Not here*: creating anything in the cluster, other namespaces than the one, contexts of `kubectl`.

mod api;
mod settings;
mod slice;
mod slices;
mod token;
mod watch;
mod workload;

pub use api::Api;
pub use settings::Settings;
pub use slice::{Endpoint, Family, Port, Readiness};
pub use slices::{News, Slices};
pub use token::Token;
pub use workload::{Kind, Scaled, Standing, Workload};
