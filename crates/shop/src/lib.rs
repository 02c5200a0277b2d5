//! A small shop: the API behind `tidegate sample-api --port N` and `tidegate demo`, and what the demo prints.
//!
//! It is an honest origin for trying a gateway: some answers may be cached and some may not, some are slow, one
//! fails every third time, one never ends, one changes the protocol. Every response names the instance that gave
//! it in `X-Instance`, so a newcomer sees the balancing with `curl -i`. Products, searches and images are the same
//! on every instance and in every run.
//!
//! *Invariant*: everything is bounded (connections, bodies, orders kept, seconds a report may take, messages of
//! the echo), and bad input is answered with an `application/problem+json` that says what to change.
//! *Not here*: anything of the gateway. The shop is a stranger to it, as a user's own API is.

mod about;
mod api;
mod body;
mod catalog;
pub mod demo;
mod echo;
mod feed;
mod orders;
mod products;
mod reply;
mod reports;
mod serve;

pub use orders::Orders;
pub use serve::{Settings, serve};
