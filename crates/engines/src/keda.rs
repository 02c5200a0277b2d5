//! An external scaler for KEDA: tells it how much one service is asked for and how much one instance carries.
//!
//! KEDA asks over gRPC (`externalscaler.ExternalScaler`), and its `HorizontalPodAutoscaler` divides the one by the other.
//! So a cluster that has KEDA scales by what the gateway counts, requests under way and waiting, not by what a scrape
//! saw some seconds ago; also from zero, and to it: [`Demand::active`].
//!
//! *Promise*: a call is answered from what is known at that moment, and nobody's answer waits for anything; connections,
//! streams, heads and messages are bounded.
//! *Not here*: TLS and users, since what is told is no secret and nothing can be changed; a `NetworkPolicy` may say who
//! reaches the port.

mod call;
mod message;
mod protobuf;
mod server;

pub use server::{Metrics, serve};

/// How much a service is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Requests under way and waiting, on average over the stable window.
    pub current: f64,
    /// How many of them one instance is to carry; more than 0.
    pub target: f64,
    /// Somebody asks, or has done so lately: at least one instance is needed.
    pub active: bool,
}
