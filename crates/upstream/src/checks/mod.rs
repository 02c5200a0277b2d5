//! Active health checks: which endpoints are probed, and when.
//!
//! There is ONE checker for each endpoint, whatever number of routes and workers use it, and it lives on over reloads
//! that do not change how it checks. First probes start at once, so that a fresh service knows its endpoints within a
//! second, a little apart and at most [`FIRST_MOST`] at a time, so that a large one does not knock on all doors in
//! the same instant. Later ones come each interval, give or take a tenth, so that they do not fall into step.
//!
//! *Promise*: a probe that hangs delays no other one but, while it is one of the first, by its share of the places.
//! *Not here*: what a verdict changes (the room `balance` counts rises and falls). Nothing here is on the road of a
//! request: all runs on the control thread.

mod reconnects;
#[cfg(test)]
mod tests;

pub use reconnects::Reconnects;

use crate::endpoint::Endpoint;
use crate::probe::{ProbeOutcome, ProbeSettings, probe};
use crate::task::Task;
use base::IdSource;
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

/// First probes that may be under way at a time.
const FIRST_MOST: usize = 64;
/// First probes that need not be spread.
const FEW: usize = 8;
/// Within which all first probes start, where the interval is longer.
const SPREAD_MOST: Duration = Duration::from_secs(1);

/// Who hears of each outcome. It is called on the control thread, between two probes of that endpoint.
pub type OnProbe = Rc<dyn Fn(&Arc<Endpoint>, ProbeOutcome)>;

/// One endpoint that shall be checked.
#[derive(Clone, Debug)]
pub struct Check {
    /// Which.
    pub endpoint: Arc<Endpoint>,
    /// How.
    pub settings: ProbeSettings,
}

/// How an endpoint is probed: the network is a parameter, so that tests can do without it.
type Prober = Rc<dyn Fn(Arc<Endpoint>, Rc<ProbeSettings>) -> Pin<Box<dyn Future<Output = ProbeOutcome>>>>;

/// All active checks of the process. Lives in the `LocalSet` of the control thread.
pub struct Checks {
    running: HashMap<usize, Checker>,
    report: OnProbe,
    prober: Prober,
    places: Rc<Semaphore>,
    random: IdSource,
}

/// The checker of one endpoint.
struct Checker {
    settings: Rc<ProbeSettings>,
    _task: Task,
}

impl std::fmt::Debug for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checks").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

impl Checks {
    /// No checks yet.
    pub fn new(report: OnProbe) -> Self {
        Self::probing(report, over_the_wire())
    }

    fn probing(report: OnProbe, prober: Prober) -> Self {
        Self {
            running: HashMap::new(),
            report,
            prober,
            places: Rc::new(Semaphore::new(FIRST_MOST)),
            random: IdSource::default(),
        }
    }

    /// Checks these endpoints from now on, and no others. A checker whose settings are the same goes on as if nothing
    /// had happened; of several checks of one endpoint the first one counts. To be called in a `LocalSet`.
    pub fn adopt(&mut self, wanted: Vec<Check>) {
        let mut before = std::mem::take(&mut self.running);
        let mut started = 0;
        for Check { endpoint, settings } in wanted {
            let id = endpoint.id;
            if self.running.contains_key(&id) {
                continue;
            }
            let checker = match before.remove(&id) {
                Some(checker) if *checker.settings == settings => checker,
                _ => {
                    started += 1;
                    self.start(endpoint, settings, started)
                }
            };
            self.running.insert(id, checker);
        }
    }

    /// How many endpoints are checked.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Is none checked?
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Starts the `nth` checker of those that start now.
    fn start(&mut self, endpoint: Arc<Endpoint>, settings: ProbeSettings, nth: usize) -> Checker {
        let settings = Rc::new(settings);
        let spread = if nth > FEW { (settings.interval / 10).min(SPREAD_MOST) } else { Duration::ZERO };
        let round = Round {
            endpoint,
            settings: Rc::clone(&settings),
            report: Rc::clone(&self.report),
            prober: Rc::clone(&self.prober),
        };
        let delay = some_of(spread, &mut self.random);
        let random = IdSource::seeded(self.random.next_u64());
        Checker { settings, _task: Task::start(check(round, delay, Rc::clone(&self.places), random)) }
    }
}

/// Probes as they are.
fn over_the_wire() -> Prober {
    Rc::new(|endpoint, how| Box::pin(async move { probe(&endpoint, &how).await }))
}

/// What a checker does again and again.
struct Round {
    endpoint: Arc<Endpoint>,
    settings: Rc<ProbeSettings>,
    report: OnProbe,
    prober: Prober,
}

impl Round {
    async fn go(&self) {
        let outcome = (self.prober)(Arc::clone(&self.endpoint), Rc::clone(&self.settings)).await;
        (self.report)(&self.endpoint, outcome);
    }
}

async fn check(round: Round, delay: Duration, places: Rc<Semaphore>, mut random: IdSource) {
    sleep(delay).await;
    let mut began;
    {
        // Nobody closes the semaphore; were it closed, there would be no bound to keep.
        let _place = places.acquire().await;
        began = Instant::now();
        round.go().await;
    }
    loop {
        // A probe that took longer than the interval is followed by the next one at once, never by two.
        sleep_until(began + jittered(round.settings.interval, &mut random)).await;
        began = Instant::now();
        round.go().await;
    }
}

/// A time give or take a tenth.
fn jittered(time: Duration, random: &mut IdSource) -> Duration {
    time.saturating_sub(time / 10) + some_of(time / 5, random)
}

/// Some part of a time.
fn some_of(time: Duration, random: &mut IdSource) -> Duration {
    let nanos = usize::try_from(time.as_nanos()).unwrap_or(usize::MAX - 1);
    Duration::from_nanos(random.below(nanos + 1) as u64)
}
