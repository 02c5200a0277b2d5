//! What is known of a service whatever the version of the config: the states of its endpoints, what is left of its retry
//! budget, who waits. All workers share it.

use crate::queue::Queue;
use balance::{Budget, BudgetSettings, Circle, Limiter, LimiterSettings};
use base::meters::Buckets;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// The first percentile that is kept.
const LEAST_PERCENT: u8 = 50;

/// What a standing is made for. Another one keeps the circle and begins the rest anew.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StandingSettings {
    pub(crate) budget: BudgetSettings,
    pub(crate) adaptive: Option<LimiterSettings>,
}

/// A service's standing.
#[derive(Debug)]
pub struct Standing {
    pub(crate) settings: StandingSettings,
    /// The states of its endpoints.
    pub circle: Arc<Circle>,
    /// What is left for retries and hedges.
    pub budget: Budget,
    pub(crate) queue: Queue,
    pub(crate) adaptive: Option<Adaptive>,
    /// More endpoints are on their way, or can be.
    may_grow: AtomicBool,
    /// Rung by a request that finds nobody and waits for somebody to come.
    pub wanted: Notify,
    /// The percentiles of recent answers from the 50th to the 99th, in microseconds; 0 until they are known.
    percentiles: [AtomicU32; 50],
}

/// How many requests a service takes at once, as learnt.
#[derive(Debug)]
pub(crate) struct Adaptive {
    pub(crate) limiter: Limiter,
    pub(crate) inflight: AtomicU32,
}

impl Standing {
    pub(crate) fn new(settings: StandingSettings, circle: Arc<Circle>) -> Self {
        let adaptive =
            settings.adaptive.map(|a| Adaptive { limiter: Limiter::new(a), inflight: AtomicU32::new(0) });
        Self {
            circle,
            budget: Budget::new(settings.budget),
            queue: Queue::new(),
            adaptive,
            may_grow: AtomicBool::new(true),
            wanted: Notify::new(),
            percentiles: std::array::from_fn(|_| AtomicU32::new(0)),
            settings,
        }
    }

    /// The time in which so many of 100 recent attempts were answered, from 50 to 99; `None` until enough were.
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let micros = self.percentiles.get(usize::from(percent.checked_sub(LEAST_PERCENT)?))?;
        match micros.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros.into())),
        }
    }

    /// What recent attempts took; `None` where they were too few to tell.
    pub(crate) fn set_percentiles(&self, recent: Option<&Buckets>) {
        for (percent, known) in (u32::from(LEAST_PERCENT)..).zip(&self.percentiles) {
            let took = recent.and_then(|recent| recent.quantile(f64::from(percent) / 100.0));
            let micros = took.map_or(0, |seconds| Duration::from_secs_f64(seconds).as_micros().max(1));
            let micros = u32::try_from(micros).unwrap_or(u32::MAX);
            known.store(micros, Ordering::Relaxed);
        }
    }

    /// Can there be more endpoints than now? Only then do requests wait longer than the queue lets them.
    pub fn may_grow(&self) -> bool {
        self.may_grow.load(Ordering::Relaxed)
    }

    /// Says whether there can be more endpoints than now. Whoever waits in vain hears of it.
    pub fn set_may_grow(&self, may: bool) {
        if self.may_grow.swap(may, Ordering::Relaxed) != may {
            self.queue.wake();
        }
    }

    /// Requests that wait for room.
    pub fn waiting(&self) -> u32 {
        self.queue.waiting()
    }

    /// How many requests the service takes at once, where that is learnt.
    pub fn adaptive_limit(&self) -> Option<u32> {
        self.adaptive.as_ref().map(|a| a.limiter.limit())
    }
}

impl Adaptive {
    /// Takes a place among those that the service takes at once.
    pub(crate) fn enter(&self) -> bool {
        // Never above the limit even for a moment: another one could be turned away by that, and nobody would call it.
        let more = |n| (n < self.limiter.limit()).then(|| n + 1);
        self.inflight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.inflight.load(Ordering::Relaxed) < self.limiter.limit()
    }

    pub(crate) fn leave(&self) {
        self.inflight.fetch_sub(1, Ordering::Relaxed);
    }
}
