//! What balancing, outlier detection and retries do together, in virtual time.
//!
//! A discrete-event simulation: requests arrive, the gateway's side picks and retries with the real code of
//! `balance`, and simulated endpoints answer, queue, fail or hang. Nothing waits and nothing reads a clock, so a
//! minute of traffic takes well below a second, and the same seed gives the same minute again, request by request.
//!
//! `cargo run -p sim` prints tables that compare the policies; the tests hold the claims that the guide makes.
//!
//! *Not here*: connections, HTTP, the cost of anything. The bench measures those on the real thing.

mod gateway;
mod report;
mod scenario;
mod server;
mod world;

pub use gateway::{Retry, Setup};
pub use report::Report;
pub use scenario::Scenario;
pub use server::Behaviour;
pub use world::run;
