//! HTTP/2 (RFC 9113) on both sides, by hyper, brought to the same requests and answers as HTTP/1.

mod client;
mod request_body;
mod riding;
mod server;
mod translate;

pub use client::Multiplexed;
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
