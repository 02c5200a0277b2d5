//! The wire over real sockets: workers and their connections, clients of both versions, exchanges with upstreams.
//!
//! The other side is raw bytes wherever what matters stands in the bytes. Nothing here sleeps to wait for something.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod certificates;
mod client;
mod drain;
mod exchange;
mod failures;
mod files;
mod harness;
mod http1;
mod http2;
mod origin;
mod placing;
mod play;
mod tunnel;
