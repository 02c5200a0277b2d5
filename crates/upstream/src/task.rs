//! A task of this thread that ends when nobody holds it any more.

use tokio::task::JoinHandle;

/// Aborts the task when it is dropped. It is not polled again from then on, so what it reports to hears no more of it.
#[derive(Debug)]
pub struct Task(JoinHandle<()>);

impl Task {
    /// Starts it. To be called in a `LocalSet`.
    pub fn start(work: impl Future<Output = ()> + 'static) -> Self {
        Self(tokio::task::spawn_local(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
