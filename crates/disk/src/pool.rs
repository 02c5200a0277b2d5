//! The threads, and what waits for them.
//!
//! Two lanes. Somebody's request waits for what is in the lane of finds, so it goes first; after eight finds in a row one of the others
//! has its turn, so that writing never stands still. Long work (a large body, the check of a large file) is done in slices and goes to
//! the end of its lane after each, so nobody waits long behind it.
//!
//! *Invariant*: both lanes are bounded: finds by their number, writes and rewrites by the number of writers, checks by a number of their
//! own, removals by the number of responses that there were.
//! *Not here*: what is done (`Tier::run`).

use crate::index::PATIENCE;
use crate::part::Slot;
use crate::rewrite::Rewrite;
use crate::stream::Stream;
use crate::tier::Tier;
use crate::verify::Check;
use observe::log;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Finds that wait, at most.
const MAX_FINDS: usize = 1024;
/// Finds in a row while something else waits.
const MAX_STREAK: u8 = 8;
/// How long the end waits for what is still to be written.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often a thread without work looks whether deleted files are still read, while there are any.
const GLANCE: Duration = Duration::from_millis(100);

/// What a thread does next.
pub(crate) enum Job {
    /// Somebody asks for that key.
    Find(u128),
    /// A file is being checked.
    Check(Box<Check>),
    /// There are bytes to write.
    Write(Arc<Stream>),
    /// A head is put in the place of another.
    Rewrite(Box<Rewrite>),
    /// A key was removed; what it had, if the index knew it.
    Remove(u128, Option<Slot>),
}

/// What a thread finds in the lanes.
enum Next {
    Job(Job),
    /// Nothing for a while.
    Nothing,
    /// And nothing will come.
    Over,
}

/// The lanes.
#[derive(Default)]
pub(crate) struct Pool {
    lanes: Mutex<Lanes>,
    work: Condvar,
    left: Condvar,
}

#[derive(Default)]
struct Lanes {
    finds: VecDeque<(u128, Instant)>,
    rest: VecDeque<Job>,
    streak: u8,
    threads: usize,
    is_ending: bool,
    /// For tests: a disk that does nothing.
    is_held: bool,
}

impl Pool {
    /// Starts a thread that does `work` with the tier. It is waited for at the end.
    pub(crate) fn start(
        self: &Arc<Self>,
        tier: &Arc<Tier>,
        name: &str,
        work: impl FnOnce(&Tier) + Send + 'static,
    ) -> io::Result<()> {
        self.lock().threads += 1;
        let leaving = Leaving(Arc::clone(self));
        let tier = Arc::clone(tier);
        std::thread::Builder::new().name(name.into()).spawn(move || {
            // In this order, so that the tier, and with it the lock of the folder, is dropped before the thread says that it has left.
            let leaving = leaving;
            let tier = tier;
            work(&tier);
            drop(tier);
            drop(leaving);
        })?;
        Ok(())
    }

    /// Works until the end.
    pub(crate) fn work(&self, tier: &Tier) {
        loop {
            let job = match self.next(tier.room.lingers().then_some(GLANCE)) {
                Next::Job(job) => job,
                Next::Nothing => {
                    tier.room.reap();
                    continue;
                }
                Next::Over => return,
            };
            if catch_unwind(AssertUnwindSafe(|| tier.run(job))).is_err() {
                log::error(format_args!(
                    "disk cache {}: a thread has panicked",
                    tier.folder.path().display()
                ));
            }
        }
    }

    /// Has a key looked for. `false`: too many wait, or the first of them has waited too long, and so would this one.
    pub(crate) fn find(&self, key: u128) -> bool {
        let mut lanes = self.lock();
        let is_stuck = lanes.finds.front().is_some_and(|(_, since)| since.elapsed() > PATIENCE);
        if is_stuck || lanes.finds.len() >= MAX_FINDS {
            return false;
        }
        lanes.finds.push_back((key, Instant::now()));
        drop(lanes);
        self.work.notify_one();
        true
    }

    /// Has something else done.
    pub(crate) fn push(&self, job: Job) {
        self.lock().rest.push_back(job);
        self.work.notify_one();
    }

    /// Waits, but no longer than `time`. `false`: it is over.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        let lanes = self.lock();
        let ended = self.left.wait_timeout_while(lanes, time, |lanes| !lanes.is_ending);
        !ended.unwrap_or_else(PoisonError::into_inner).0.is_ending
    }

    /// Is it over?
    pub(crate) fn is_ending(&self) -> bool {
        self.lock().is_ending
    }

    /// Ends the threads when what is to be written is written, and waits for that, but not long: a disk that hangs holds nobody up.
    pub(crate) fn end(&self) {
        let mut lanes = self.lock();
        lanes.is_ending = true;
        lanes.finds.clear();
        self.work.notify_all();
        self.left.notify_all();
        let waited = self.left.wait_timeout_while(lanes, FAREWELL, |lanes| lanes.threads > 0);
        drop(waited);
    }

    /// Waits for work, and no longer than `most`.
    fn next(&self, most: Option<Duration>) -> Next {
        let mut lanes = self.lock();
        loop {
            if let Some(job) = lanes.next() {
                return Next::Job(job);
            }
            if lanes.is_ending && !lanes.is_held {
                return Next::Over;
            }
            let Some(most) = most else {
                lanes = self.work.wait(lanes).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (waited, timeout) =
                self.work.wait_timeout(lanes, most).unwrap_or_else(PoisonError::into_inner);
            lanes = waited;
            if timeout.timed_out() {
                return Next::Nothing;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the next job here and now. `false`: there is none.
    #[cfg(test)]
    pub(crate) fn step(&self, tier: &Tier) -> bool {
        let job = self.lock().next();
        job.map(|job| tier.run(job)).is_some()
    }

    /// Makes the disk hang, or go on. What is begun is done.
    #[cfg(test)]
    pub(crate) fn hold(&self, is_held: bool) {
        self.lock().is_held = is_held;
        self.work.notify_all();
    }
}

impl Lanes {
    fn next(&mut self) -> Option<Job> {
        if self.is_held {
            return None;
        }
        let is_turn = self.streak < MAX_STREAK || self.rest.is_empty();
        if let Some((key, _)) = is_turn.then(|| self.finds.pop_front()).flatten() {
            self.streak = self.streak.saturating_add(1);
            return Some(Job::Find(key));
        }
        self.streak = 0;
        self.rest.pop_front()
    }
}

/// Says that a thread has left, however.
struct Leaving(Arc<Pool>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.lock().threads -= 1;
        self.0.left.notify_all();
    }
}
