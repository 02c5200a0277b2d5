//! The wire: listeners, TLS, HTTP/1.1 and HTTP/2 on both sides, connections to upstreams, workers.
//!
//! One worker a core: its own runtime, its own listening sockets, its own connections to upstreams. A request lives on
//! one core from its first byte to its last. Above this room there are only [`Request`]s and [`Response`]s.
//!
//! *Invariant*: whatever leaves this room upwards is an unambiguous message; whatever could be read in two ways has been
//! answered with 4xx and a closed connection. Every wait has a deadline, every buffer a bound.
//! *Not here*: routes, policies, retries, names of metrics.

mod acceptor;
pub mod bind;
mod blocking;
mod body;
mod conn;
mod drain;
mod file;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod h1;
mod h2;
mod idle;
mod interim;
mod listening;
mod pace;
pub mod proxy_protocol;
mod sequence;
mod service;
mod stream;
mod timer;
pub mod tls;
mod trailers;
mod worker;

pub use blocking::{Blocking, NotDone, blocking};
pub use body::{Body, BodyError, BoxedBody};
pub use drain::Drain;
pub use h1::{Answer, Ask, Cause, Connection, Failure, HeadLimits, Reject, Sent, ServerLimits, Tunnel};
pub use h2::{Duplex, Multiplexed};
pub use idle::Idle;
pub use interim::Interim;
pub use listening::Listening;
pub use pace::PaceLimits;
pub use service::{Delivery, End, Peer, Request, Response, Ride, Service, Trouble};
pub use stream::Stream;
pub use worker::Workers;
