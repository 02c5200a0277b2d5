//! How many requests a service should get at a time, learnt from its round-trip times.
//!
//! By Little's law the requests in flight are the throughput times the round trip. While there is room at the
//! origin, more requests in flight mean more throughput; beyond that they only wait longer. So the limit rises by
//! its square root as long as the round trip stays near what it was in quieter times, and falls in proportion once
//! it is longer by more than the tolerance. These are the parts of Gradient2 in Netflix' concurrency-limits: a
//! long and a short measure of the round trip, a tolerance, growth only where the limit is in use, no time in which
//! the limit is held down to measure (Envoy's adaptive concurrency does that, and answers 503 meanwhile).
//!
//! Two things differ. Gradient2 averages the long measure over all samples, so under lasting overload its own queue
//! becomes normal to it and the limit creeps up. Here the limit falls a little below what the origin took, which
//! empties the queue, and what is measured then corrects the long measure: down where the round trip got shorter,
//! up where it did not, since then it was not our queue. And samples are taken together in windows of at least 50,
//! since single ones are mostly noise.
//!
//! *Promise*: the limit stays between its least and its most, whatever the samples.
//! *Not here*: who waits and who is sent away when the limit is reached.
//! *Cost*: reading the limit is one relaxed load. A sample is a few additions under a lock that is only tried: a
//! sample that meets another one is dropped.

#[cfg(test)]
mod tests;

use base::Moment;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, TryLockError};
use std::time::Duration;

/// A window has so many samples,
const SAMPLES: u32 = 50;
/// or so many failures: an origin that hangs gives few samples.
const FAILURES: u32 = 10;
/// A window lasts at least this,
const LEAST_WINDOW: Duration = Duration::from_millis(100);
/// and at least so many round trips, so that it sees what the limit that it began with led to; up to
const ROUND_TRIPS: f64 = 2.0;
/// this, for requests that take minutes.
const MOST_WINDOW: Duration = Duration::from_secs(5);
/// A longer sample counts as so many long round trips: one request in a hundred that takes a hundred times as
/// long must not double the mean. The limit never falls by more than half at a time, so nothing is lost.
const CLIP: f64 = 4.0;
/// The limit falls to this share of what the origin took, so that its queue runs empty.
const BELOW: f64 = 0.9;
/// Round trips are taken as between these, in seconds, so that no sum overflows and none is zero.
const SHORTEST: f64 = 1e-6;
const LONGEST: f64 = 60.0;
/// It falls by no more than half at a time.
const MOST_CUT: f64 = 0.5;
/// After the limit fell, the round trip should be shorter in proportion. Where it is what it was, give or take
/// this share, the queue was not ours. (Where it is longer, the queue was still growing when the limit fell.)
const ALIKE: f64 = 0.2;
/// How fast the long measure follows: a share of the difference for each window.
mod follow {
    /// After the limit fell: the queue is empty, so this is the measurement to trust.
    pub(super) const AFTER_CUT: f64 = 0.5;
    /// Shorter round trips, or any while the limit is not in use.
    pub(super) const QUIET: f64 = 0.05;
    /// Longer ones while it is in use: they may be our own queue.
    pub(super) const BUSY: f64 = 0.01;
}

/// Bounds of the limit: `adaptive_concurrency` in the config.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimiterSettings {
    /// The limit at first, in requests at a time.
    pub initial: u32,
    /// The limit never falls below this.
    pub min: u32,
    /// The limit never rises above this.
    pub max: u32,
    /// How many times longer than in quieter times a round trip may be before the limit falls. At least 1.
    pub tolerance: f64,
}

impl Default for LimiterSettings {
    fn default() -> Self {
        Self { initial: 20, min: 5, max: 1_000, tolerance: 1.5 }
    }
}

/// The limit of one service, shared by all workers.
#[derive(Debug)]
pub struct Limiter {
    settings: LimiterSettings,
    limit: AtomicU32,
    learning: Apart<Mutex<Learning>>,
}

/// On a cache line of its own: workers write what is in it with each sample, and read the limit beside it.
#[derive(Debug)]
#[repr(align(128))]
struct Apart<T>(T);

impl Limiter {
    /// A limiter that has learnt nothing. Bounds that contradict each other are put in order.
    pub fn new(settings: LimiterSettings) -> Self {
        let min = settings.min.max(1);
        let max = settings.max.max(min);
        let initial = settings.initial.clamp(min, max);
        // `max` also turns what is no number into 1.
        let settings = LimiterSettings { initial, min, max, tolerance: settings.tolerance.max(1.0) };
        Self {
            settings,
            limit: AtomicU32::new(initial),
            learning: Apart(Mutex::new(Learning::from(f64::from(initial)))),
        }
    }

    /// How many requests may be in flight now.
    pub fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Learns from a request that ended: how long it took, how many were in flight, itself among them, and
    /// whether it `failed` for want of time or room (a timeout, a 503 of the origin). Of a failed one the time only
    /// says when it began.
    pub fn sample(&self, rtt: Duration, inflight: u32, now: Moment, failed: bool) {
        let mut learning = match self.learning.0.try_lock() {
            Ok(learning) => learning,
            Err(TryLockError::Poisoned(broken)) => broken.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if learning.take(rtt, inflight, now, failed) {
            learning.end_window(&self.settings, now);
            self.limit.store(learning.whole(), Ordering::Relaxed);
        }
    }
}

/// What is known, and the window that fills.
#[derive(Debug)]
struct Learning {
    /// With its fraction, so that slow growth adds up.
    limit: f64,
    /// The round trip of quieter times, in seconds.
    long: Option<f64>,
    /// The round trip before the limit fell, where it fell at the end of the window before.
    before_cut: Option<f64>,
    /// When the limit fell last. Requests that began before say what the limit before led to.
    fell: Moment,
    window: Window,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: Option<Moment>,
    answered: u32,
    failed: u32,
    /// Seconds of all that were answered,
    sum: f64,
    /// and the same with long ones clipped.
    clipped: f64,
    /// The most that were in flight.
    peak: u32,
}

impl Learning {
    fn from(limit: f64) -> Self {
        Self { limit, long: None, before_cut: None, fell: Moment::ORIGIN, window: Window::default() }
    }

    /// The limit in whole requests.
    #[expect(clippy::cast_sign_loss, reason = "it lies between bounds that have no sign")]
    fn whole(&self) -> u32 {
        self.limit as u32
    }

    /// Adds a sample to the window; says whether that is full.
    fn take(&mut self, rtt: Duration, inflight: u32, now: Moment, failed: bool) -> bool {
        if now.since(self.fell) < rtt {
            return false;
        }
        let seconds = rtt.as_secs_f64().clamp(SHORTEST, LONGEST);
        let clipped = self.long.map_or(seconds, |long| seconds.min(long * CLIP));
        self.window.add(seconds, clipped, inflight, now, failed);
        self.window.is_full(self.long.unwrap_or(0.0), now)
    }

    /// Draws the conclusions of a window, and begins another.
    fn end_window(&mut self, settings: &LimiterSettings, now: Moment) {
        let window = std::mem::take(&mut self.window);
        // A limit of which less than half is used has not been put to the test.
        let in_use = f64::from(window.peak) >= self.limit / 2.0;
        let ratio = window.short().map_or(1.0, |short| self.compare(short, window.mean(), in_use));
        let strained = ratio > settings.tolerance && in_use;
        let gradient = if strained { (BELOW / ratio).max(MOST_CUT) } else { 1.0 };
        let kept = (1.0 - window.share_failed()).max(MOST_CUT);
        let room = if in_use && !strained { self.limit.sqrt() } else { 0.0 };
        let limit = self.limit * gradient.min(kept) + room;
        self.limit = limit.clamp(f64::from(settings.min), f64::from(settings.max));
        self.before_cut = strained.then(|| window.mean());
        if strained {
            self.fell = now;
        }
    }

    /// How many times the long round trip this short one is; then lets the long one follow.
    fn compare(&mut self, short: f64, mean: f64, in_use: bool) -> f64 {
        let Some(long) = self.long else {
            self.long = Some(short);
            return 1.0;
        };
        let rate = match self.before_cut {
            Some(before) if short < long || (mean / before - 1.0).abs() < ALIKE => follow::AFTER_CUT,
            _ if short < long || !in_use => follow::QUIET,
            _ => follow::BUSY,
        };
        self.long = Some(long + (short - long) * rate);
        short / long
    }
}

impl Window {
    fn add(&mut self, seconds: f64, clipped: f64, inflight: u32, now: Moment, failed: bool) {
        self.began.get_or_insert(now);
        self.peak = self.peak.max(inflight);
        if failed {
            self.failed += 1;
        } else {
            self.answered += 1;
            self.sum += seconds;
            self.clipped += clipped;
        }
    }

    fn is_full(&self, long: f64, now: Moment) -> bool {
        let enough = self.answered + self.failed >= SAMPLES || self.failed >= FAILURES;
        let most = MOST_WINDOW.as_secs_f64();
        let least = Duration::from_secs_f64((long * ROUND_TRIPS).min(most)).max(LEAST_WINDOW);
        enough && self.began.is_some_and(|began| now.since(began) >= least)
    }

    /// The mean round trip in seconds.
    fn mean(&self) -> f64 {
        self.sum / f64::from(self.answered.max(1))
    }

    /// The mean round trip in seconds, little moved by single long ones; `None` where nothing was answered.
    fn short(&self) -> Option<f64> {
        (self.answered > 0).then(|| self.clipped / f64::from(self.answered))
    }

    fn share_failed(&self) -> f64 {
        f64::from(self.failed) / f64::from((self.answered + self.failed).max(1))
    }
}
