//! All that was measured of a service, as far as decisions need it.
//!
//! CPU and memory are kept as sums over instances (two instances at 70 % are 1.4), not as means: while instances
//! come and go a mean over a minute belongs to no count, a sum belongs to the load.
//! *Promise*: looks that come late, twice or in the wrong order do no harm.
//! *Not here*: what is wanted because of it (`proposals.rs`).
//! *Cost*: [`Measured::observe`] is five signals' additions, a fifth of a microsecond, and allocates nothing.

use crate::gauge::Gauge;
use crate::{Backlog, Sample, Settings};
use base::Moment;
use std::time::{Duration, SystemTime};

/// What the first sample's averages stand for, which has no sample before it.
const FIRST: Duration = Duration::from_millis(100);
/// Less than this is nothing: sums of floating-point numbers are seldom exactly zero.
const NOTHING: f64 = 1e-6;

/// The signals of one service.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Requests under way and waiting.
    pub(crate) concurrency: Gauge,
    /// Requests per second.
    pub(crate) rps: Gauge,
    /// Cores in use, where an instance that uses all it may is 1.
    pub(crate) cpu: Gauge,
    /// Memory in use, in the same way.
    pub(crate) memory: Gauge,
    /// The 95th percentile, in seconds.
    pub(crate) latency: Gauge,
    /// The jobs that waited when they were last counted.
    pub(crate) backlog: Option<(Moment, Backlog)>,
    last: Option<Sample>,
    idle_since: Option<Moment>,
}

impl Measured {
    /// Nothing yet.
    pub(crate) fn new(settings: &Settings) -> Self {
        let gauge = Gauge::new(settings);
        Self {
            concurrency: gauge.clone(),
            rps: gauge.clone(),
            cpu: gauge.clone(),
            memory: gauge.clone(),
            latency: gauge,
            backlog: None,
            last: None,
            idle_since: None,
        }
    }

    /// Other windows for the same past.
    pub(crate) fn configure(&mut self, settings: &Settings) {
        for gauge in
            [&mut self.concurrency, &mut self.rps, &mut self.cpu, &mut self.memory, &mut self.latency]
        {
            gauge.configure(settings);
        }
    }

    /// Takes a sample in. One from before the last is too late to tell anything.
    pub(crate) fn observe(&mut self, sample: &Sample, settings: &Settings) {
        let at = sample.at;
        let from = match &self.last {
            Some(last) if at < last.at => return,
            Some(last) => last.at,
            None => Moment::from_nanos(at.nanos().saturating_sub(FIRST.as_nanos() as u64)),
        };
        self.concurrency.add(from, at, sample.concurrency);
        self.rps.add(from, at, sample.rps);
        self.cpu.add(from, at, of_all(sample.cpu, sample.ready));
        self.memory.add(from, at, of_all(sample.memory, sample.ready));
        self.latency.add(from, at, latency(sample));
        if let Some(backlog) = sample.backlog {
            self.backlog = Some((at, backlog));
        }
        if !is_idle(sample, settings) {
            self.idle_since = None;
        } else if self.idle_since.is_none() {
            self.idle_since = Some(at);
        }
        self.last = Some(sample.clone());
    }

    /// The last sample.
    pub(crate) fn last(&self) -> Option<&Sample> {
        self.last.as_ref()
    }

    /// Somebody asks for something, as of the last sample.
    pub(crate) fn is_asked(&self) -> bool {
        self.last.as_ref().is_some_and(is_asked)
    }

    /// For how long it had been known that nobody asks for anything, as of the last sample: a time without samples is
    /// not a time without requests.
    pub(crate) fn idle_for(&self) -> Option<Duration> {
        self.idle_since.zip(self.last.as_ref()).map(|(since, last)| last.at.since(since))
    }

    /// What the clock on the wall shows now.
    pub(crate) fn wall(&self, now: Moment) -> Option<SystemTime> {
        let last = self.last.as_ref()?;
        last.wall.checked_add(now.since(last.at)).or(Some(last.wall))
    }
}

/// The sum over the ready instances. Without one there is nothing to measure.
fn of_all(share: Option<f64>, ready: u32) -> Option<f64> {
    share.filter(|_| ready > 0).map(|share| share * f64::from(ready))
}

/// Seconds. Where nobody asks nobody waits, and no percentile is needed to know that.
fn latency(sample: &Sample) -> Option<f64> {
    let idle = traffic(sample).any(|known| known.is_some()) && !is_asked(sample);
    sample.latency_p95.map(|latency| latency.as_secs_f64()).or(idle.then_some(0.0))
}

fn traffic(sample: &Sample) -> impl Iterator<Item = Option<f64>> {
    [sample.concurrency, sample.rps].into_iter()
}

fn is_asked(sample: &Sample) -> bool {
    traffic(sample).flatten().any(|value| value > NOTHING)
        || sample.backlog.is_some_and(|backlog| backlog.ready > 0)
}

/// It is known that nobody asks: what is not measured is not zero.
fn is_idle(sample: &Sample, settings: &Settings) -> bool {
    let targets = &settings.targets;
    let unknown = (targets.concurrency.is_some() && sample.concurrency.is_none())
        || (targets.rps.is_some() && sample.rps.is_none())
        || (targets.queue.is_some() && sample.backlog.is_none())
        || traffic(sample).all(|known| known.is_none());
    !unknown && !is_asked(sample)
}
