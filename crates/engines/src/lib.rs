//! Instances that an engine runs: Kubernetes, Docker, and KEDA which scales for both sides.
//!
//! [`kubernetes`] follows the endpoints of a Service and sets how many replicas a workload is to have. [`docker`] launches,
//! watches and removes containers over the engine's socket. [`keda`] answers KEDA, where that is what scales.
//!
//! *Invariant*: every wait has a deadline and every answer a bound; what an engine says is taken for true only as far as it
//! can be understood, and while it says nothing, what it said last holds. No secret stands in any error or `Debug` text.
//! *Not here*: how many instances are wanted (the room `scale`), what becomes of endpoints (`upstream`), the config file,
//! log lines: what happens is told to whoever calls. Nothing here is on the road of a request.
//! All of it runs in the `LocalSet` of one thread.

pub mod docker;
pub mod keda;
pub mod kubernetes;

pub use fetch::{Secret, Trouble};
