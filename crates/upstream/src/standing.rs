//! What is known of a service whatever the version of the config: the states of its endpoints, what is left of its retry
//! budget, who waits. All workers share it.

use crate::queue::{Queue, QueueSettings};
use balance::{Budget, BudgetSettings, Circle, Limiter, LimiterSettings};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What a standing is made for. Another one keeps the circle and begins the rest anew.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StandingSettings {
    pub(crate) budget: BudgetSettings,
    pub(crate) queue: QueueSettings,
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
    /// The 95th percentile of recent answers, in nanoseconds; 0 until it is known.
    p95: AtomicU64,
}

/// How many requests a service takes at once, as learnt.
#[derive(Debug)]
pub(crate) struct Adaptive {
    pub(crate) limiter: Limiter,
    pub(crate) inflight: AtomicU32,
}

impl Standing {
    pub(crate) fn new(settings: StandingSettings, circle: Arc<Circle>) -> Self {
        let adaptive = settings
            .adaptive
            .clone()
            .map(|a| Adaptive { limiter: Limiter::new(a), inflight: AtomicU32::new(0) });
        Self {
            circle,
            budget: Budget::new(settings.budget.clone()),
            queue: Queue::new(settings.queue),
            adaptive,
            p95: AtomicU64::new(0),
            settings,
        }
    }

    /// The time in which 95 of 100 recent attempts were answered; `None` until enough were.
    pub fn p95(&self) -> Option<Duration> {
        match self.p95.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    pub(crate) fn set_p95(&self, p95: Option<Duration>) {
        let nanos = p95.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
        self.p95.store(nanos, Ordering::Relaxed);
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
        let before = self.inflight.fetch_add(1, Ordering::Relaxed);
        if before < self.limiter.limit() {
            return true;
        }
        self.leave();
        false
    }

    pub(crate) fn leave(&self) {
        self.inflight.fetch_sub(1, Ordering::Relaxed);
    }
}
