//! HTTP/2 (RFC 9113) on both sides, brought to the same requests and answers as HTTP/1.
//!
//! Clients are served with the `h2` crate itself: its streams show resets, windows and interim answers, which a layer
//! above it hides. Upstreams are spoken to through hyper.

mod budget;
mod client;
mod duplex;
mod frames;
mod inbound;
mod ledger;
mod request_body;
mod response_body;
mod server;
mod stream;
mod translate;
mod upload;

pub use client::Multiplexed;
pub use duplex::Duplex;
pub(crate) use request_body::RequestBody;

pub(crate) use server::serve;

use std::future::Future;

/// Runs hyper's tasks on the worker that owns the connection.
#[derive(Clone, Copy, Debug)]
struct OnThisWorker;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for OnThisWorker {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
