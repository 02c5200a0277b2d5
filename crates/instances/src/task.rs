//! A task of this thread that ends when nobody holds it any more.

use tokio::task::JoinHandle;

/// Aborts the task when it is dropped.
#[derive(Debug)]
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    /// Starts it. To be called in a `LocalSet`.
    pub(crate) fn start(work: impl Future<Output = ()> + 'static) -> Self {
        Self(tokio::task::spawn_local(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
