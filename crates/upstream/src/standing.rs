//! What is known of a service whatever the version of the config: the states of its endpoints, what is left of its retry
//! budget, who waits. All workers share it.

use crate::queue::Queue;
use balance::{Budget, BudgetSettings, Circle, Limiter, LimiterSettings};
use base::meters::Buckets;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// The first percentile that is kept.
const LEAST_PERCENT: u8 = 50;

/// What is to be expected of a service whose endpoints come by themselves. Requests wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Prospect {
    /// Nothing.
    None,
    /// Where there is nobody, somebody will come. There will not be more than there can be now.
    Again,
    /// There will, or can, be more endpoints than there are.
    More,
}

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
    /// A [`Prospect`].
    prospect: AtomicU8,
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
            prospect: AtomicU8::new(Prospect::More as u8),
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

    /// What is to be expected.
    pub fn prospect(&self) -> Prospect {
        match self.prospect.load(Ordering::Relaxed) {
            0 => Prospect::None,
            1 => Prospect::Again,
            _ => Prospect::More,
        }
    }

    /// Says what is to be expected. Whoever waits in vain hears of it.
    pub fn set_prospect(&self, prospect: Prospect) {
        if self.prospect.swap(prospect as u8, Ordering::Relaxed) != prospect as u8 {
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
