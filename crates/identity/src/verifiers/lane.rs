//! A few threads with one bounded queue. What is asked while the same question is open waits for the same answer.
//!
//! *Invariant*: an open question is in the map until it is answered or given up; both happen under the lock that joining
//! takes, so nobody joins a question that nobody answers. A question whose askers have all left is not worked on.
//! *Cost*: two short locks and three allocations a question, no system call but the waking of a thread.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many threads, and how many questions may wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSettings {
    /// One at least.
    pub threads: usize,
    /// Questions that wait; more are turned away.
    pub queue: usize,
}

/// It was not checked: too many wait already, or the threads have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wait to be verified")]
pub struct Busy;

/// What became of questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneTotals {
    /// Worked on.
    pub done: u64,
    /// Asked while the same was open already, and answered with it.
    pub joined: u64,
    /// Turned away.
    pub busy: u64,
    /// Waiting now.
    pub waiting: usize,
}

/// The threads and their queue.
pub(super) struct Lane<K, T>(Arc<Shared<K, T>>);

struct Shared<K, T> {
    state: Mutex<State<K, T>>,
    wake: Condvar,
    queue: usize,
    done: AtomicU64,
    joined: AtomicU64,
    busy: AtomicU64,
}

struct State<K, T> {
    waiting: VecDeque<Question<K, T>>,
    /// Questions that wait or are worked on.
    open: HashMap<K, watch::Receiver<Option<T>>>,
    has_ended: bool,
}

struct Question<K, T> {
    key: K,
    work: Box<dyn FnOnce() -> T + Send>,
    answer: watch::Sender<Option<T>>,
}

impl<K, T> Lane<K, T>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Starts the threads.
    pub(super) fn start(name: &str, settings: LaneSettings) -> io::Result<Self> {
        let state = State { waiting: VecDeque::new(), open: HashMap::new(), has_ended: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            queue: settings.queue,
            done: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            busy: AtomicU64::new(0),
        });
        let lane = Self(shared);
        for _ in 0..settings.threads.max(1) {
            let shared = Arc::clone(&lane.0);
            std::thread::Builder::new().name(name.into()).spawn(move || shared.work())?;
        }
        Ok(lane)
    }

    /// The answer to `key`, which `work` finds where nobody has asked for it already.
    pub(super) async fn ask(&self, key: K, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let mut answer = self.0.enter(key, Box::new(work))?;
        let answer = answer.wait_for(Option::is_some).await;
        // An answer that never comes: the work has panicked, or the lane has ended.
        answer.ok().and_then(|answer| answer.clone()).ok_or(Busy)
    }

    pub(super) fn totals(&self) -> LaneTotals {
        LaneTotals {
            done: self.0.done.load(Relaxed),
            joined: self.0.joined.load(Relaxed),
            busy: self.0.busy.load(Relaxed),
            waiting: self.0.state().waiting.len(),
        }
    }
}

impl<K: Clone + Eq + Hash, T> Shared<K, T> {
    fn enter(&self, key: K, work: Box<dyn FnOnce() -> T + Send>) -> Result<watch::Receiver<Option<T>>, Busy> {
        let mut state = self.state();
        if let Some(answer) = state.open.get(&key) {
            self.joined.fetch_add(1, Relaxed);
            return Ok(answer.clone());
        }
        if state.waiting.len() >= self.queue {
            self.busy.fetch_add(1, Relaxed);
            return Err(Busy);
        }
        let (sender, answer) = watch::channel(None);
        state.open.insert(key.clone(), answer.clone());
        state.waiting.push_back(Question { key, work, answer: sender });
        drop(state);
        self.wake.notify_one();
        Ok(answer)
    }

    fn work(&self) {
        while let Some(Question { key, work, answer }) = self.next() {
            let found = catch_unwind(AssertUnwindSafe(work));
            self.done.fetch_add(1, Relaxed);
            if let Ok(found) = found {
                answer.send_replace(Some(found));
            }
            self.state().open.remove(&key);
        }
    }

    /// The next question that somebody still waits for; `None` at the end.
    fn next(&self) -> Option<Question<K, T>> {
        let mut state = self.state();
        loop {
            if state.has_ended {
                return None;
            }
            match state.waiting.pop_front() {
                // The one receiver is that in the map.
                Some(question) if question.answer.receiver_count() == 1 => {
                    state.open.remove(&question.key);
                }
                Some(question) => return Some(question),
                None => state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<K, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, T> Drop for Lane<K, T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.has_ended = true;
        // Whoever waits hears at once that there will be no answer.
        let waiting = std::mem::take(&mut state.waiting);
        state.open.clear();
        drop(state);
        drop(waiting);
        self.0.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn the_threads_end_with_the_lane() {
        let lane: Lane<u32, u32> = Lane::start("test", LaneSettings { threads: 3, queue: 1 }).unwrap();
        let shared = Arc::downgrade(&lane.0);
        assert_eq!(shared.strong_count(), 4);
        drop(lane);
        let began = Instant::now();
        while shared.strong_count() > 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "threads are left");
            std::thread::yield_now();
        }
    }
}
