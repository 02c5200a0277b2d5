//! Threads for work that may wait for the disk, so that no worker ever does.
//!
//! One pool for the whole process: a disk serves some requests at a time and gains nothing from hundreds of threads, and
//! a file system that hangs (NFS) shall hold up those who read it, not the end of a worker, which would wait for blocking
//! threads of its own runtime. Threads start when work waits and go away again; a process that reads what lies in memory
//! has none.
//!
//! *Not here*: deadlines. Whoever waits has one, and may give up: the work is done all the same.
//! Hot path: never. Work comes here only once the disk has to be asked.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;

/// Most threads. What a good disk works on at the same time; beyond that its own queue only grows.
const THREADS: usize = 16;
/// Most that waits. A body has one piece of work under way, so this is far beyond what connections ask for; it bounds the
/// memory where a disk hangs.
const QUEUE: usize = 64 * 1024;
/// A thread that had nothing to do for that long ends.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

static STATE: Mutex<State> = Mutex::new(State { queue: VecDeque::new(), threads: 0, idle: 0 });
static WORK: Condvar = Condvar::new();

/// Work was not done: too much waits, no thread could be started, or it panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("work for the disk was not done")]
pub struct NotDone;

/// What some work will have given. May be dropped: the work is done, and nobody hears of it.
#[derive(Debug)]
pub struct Blocking<T>(oneshot::Receiver<T>);

/// Has `work` done by a thread that may wait, in the order in which it came.
pub fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Blocking<T> {
    let (tell, told) = oneshot::channel();
    submit(Box::new(move || {
        // Nobody listens any more: there is nobody to tell.
        let _ = tell.send(work());
    }));
    Blocking(told)
}

impl<T> Future for Blocking<T> {
    type Output = Result<T, NotDone>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|done| done.map_err(|_| NotDone))
    }
}

/// Queues a job. One that finds no room is dropped, which whoever waits for it notices.
fn submit(job: Job) {
    let mut state = lock();
    if state.queue.len() >= QUEUE {
        return;
    }
    state.queue.push_back(job);
    if state.queue.len() > state.idle && state.threads < THREADS {
        let started = std::thread::Builder::new().name("disk".into()).spawn(serve);
        match started {
            Ok(_) => state.threads += 1,
            // Those that run will come to it.
            Err(_) if state.threads > 0 => {}
            Err(_) => state.queue.clear(),
        }
    }
    drop(state);
    WORK.notify_one();
}

/// What a thread does.
fn serve() {
    let mut state = lock();
    loop {
        while let Some(job) = state.queue.pop_front() {
            drop(state);
            // A panic has been told by the hook. Dropping the job tells whoever waits for it.
            let _ = catch_unwind(AssertUnwindSafe(job));
            state = lock();
        }
        state.idle += 1;
        let (woken, waited) = WORK.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
        state = woken;
        state.idle -= 1;
        if waited.timed_out() && state.queue.is_empty() {
            state.threads -= 1;
            return;
        }
    }
}

fn lock() -> MutexGuard<'static, State> {
    // No job runs while it is held, so it is whole even behind a panic.
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    #[tokio::test]
    async fn work_is_done_on_other_threads_and_told() {
        let here = std::thread::current().id();
        let all: Vec<_> = (0..1000).map(|n| blocking(move || (n, std::thread::current().id()))).collect();
        for (n, work) in all.into_iter().enumerate() {
            let (told, there) = work.await.unwrap();
            assert_eq!(told, n);
            assert_ne!(there, here);
        }
        assert!(lock().threads <= THREADS);
    }

    #[tokio::test]
    async fn work_that_waits_does_not_hold_up_other_work() {
        let gate = Arc::new(Barrier::new(2));
        let far = Arc::clone(&gate);
        let slow = blocking(move || far.wait().is_leader());
        assert_eq!(blocking(|| 7).await, Ok(7));
        gate.wait();
        assert!(slow.await.is_ok());
    }

    #[tokio::test]
    async fn a_panic_is_told_and_the_threads_live() {
        assert_eq!(blocking(|| assert_eq!(1, 2, "meant to fail")).await, Err(NotDone));
        assert_eq!(blocking(|| 7).await, Ok(7));
    }
}
