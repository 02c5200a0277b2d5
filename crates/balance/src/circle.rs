//! The endpoints of one service as a circle that decides about each of them.
//!
//! A suspicion, a check, a trial or a word of the operator comes in; a [`Change`] comes out where the state of an
//! endpoint is another one afterwards. A lock makes decisions one after the other: of many workers that bring the
//! same suspicion one gets the change, and no two eject at once what only one of them may.
//!
//! The rules of ejection are those of Envoy's outlier detection, with two differences. An endpoint whose ejection
//! is over must pass one request before it gets its share again. And that trial still counts as being out: else a
//! service of two could lose one to a trial and the other to an ejection.
//!
//! *Not here*: probes, clocks, meters. Callers bring what those say.
//! *Cost*: workers read two words, [`Circle::generation`] and [`Circle::has_trials`]. The lock is taken when
//! something happens and at each [`Circle::tick`].

mod change;

pub use change::{Change, Why};

use crate::Endpoint;
use crate::health::{CheckSettings, Checked, State};
use crate::history::{Counts, History};
use crate::outlier::{OutlierSettings, Suspicion, outliers};
use base::Moment;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is kept once for all endpoints of one service, whatever the version of the config. The lists that its
/// methods take are those of the version that the caller works with; an endpoint is known by its
/// [`Health`](crate::Health), not by its position.
#[derive(Debug, Default)]
pub struct Circle {
    generation: AtomicU64,
    /// Endpoints that a request could try now.
    trials: AtomicU32,
    refused: AtomicU64,
    interval: Mutex<Interval>,
}

/// The interval in which success rates are counted. Its lock is the one that all decisions take.
#[derive(Debug, Default)]
struct Interval {
    began: Option<Moment>,
}

impl Circle {
    /// Grows by one with each [`Change`]. A worker that sees another number than last time looks at all states
    /// again.
    pub fn generation(&self) -> u64 {
        // Who sees this number sees the states that it stands for.
        self.generation.load(Ordering::Acquire)
    }

    /// Whether a request could try an endpoint now: ask before [`Circle::take_trial`].
    pub fn has_trials(&self) -> bool {
        self.trials.load(Ordering::Relaxed) != 0
    }

    /// How many ejections were refused, because too many endpoints were out already. It only grows.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Reserves the request that an endpoint in trial is to be tried by. Each reservation is given back with
    /// [`Circle::end_trial`]; one that is not is void after 10 seconds.
    pub fn take_trial<E: Endpoint>(&self, endpoints: &[E], now: Moment) -> Option<usize> {
        let _deciding = self.lock();
        let taken = endpoints.iter().position(|e| {
            let health = e.health();
            health.state() == State::Trial && health.history().take_trial(now)
        });
        self.count_trials(endpoints, now);
        taken
    }

    /// What came of a trial: `Some(true)` brings the endpoint up, `Some(false)` ejects it for longer, `None` (the
    /// client left before the answer) lets another request try.
    pub fn end_trial<E: Endpoint>(
        &self,
        endpoints: &[E],
        which: usize,
        verdict: Option<bool>,
        settings: &OutlierSettings,
        now: Moment,
    ) -> Option<Change> {
        let _deciding = self.lock();
        // An abandoned trial changes no state, so its reason is never told.
        let why = if verdict == Some(true) { Why::TrialPassed } else { Why::TrialFailed };
        let change = self.change(endpoints, which, why, now, |h| h.end_trial(verdict, settings, now));
        self.count_trials(endpoints, now);
        change
    }

    /// Acts on what [`Health::record`](crate::Health::record) suspected: ejects the endpoint if it may, or
    /// declares it dead, which it may always.
    pub fn suspect<E: Endpoint>(
        &self,
        endpoints: &[E],
        which: usize,
        suspicion: Suspicion,
        settings: &OutlierSettings,
        now: Moment,
    ) -> Option<Change> {
        if !settings.enabled {
            return None;
        }
        let _deciding = self.lock();
        let state = endpoints.get(which)?.health().state();
        let why = Why::from(suspicion);
        match (suspicion, state) {
            (_, State::Draining | State::Dead) => None,
            (Suspicion::Unreachable, _) => {
                let change = self.change(endpoints, which, why, now, History::die);
                self.count_trials(endpoints, now);
                change
            }
            (_, State::Failing | State::Ejected) => None,
            (_, State::Up | State::Unknown | State::Trial) => {
                self.eject(endpoints, which, why, settings, now)
            }
        }
    }

    /// Acts on the end of an active check, or of a probe that connects to a dead endpoint to see whether it is
    /// back.
    pub fn checked<E: Endpoint>(
        &self,
        endpoints: &[E],
        which: usize,
        verdict: Checked,
        limits: &CheckSettings,
        now: Moment,
    ) -> Option<Change> {
        let _deciding = self.lock();
        let change = self.change(endpoints, which, verdict.into(), now, |h| h.check(verdict, limits));
        self.count_trials_after(change.as_ref(), endpoints, now);
        change
    }

    /// Keeps new requests away from an endpoint, or lets them come again.
    pub fn drain<E: Endpoint>(&self, endpoints: &[E], which: usize, on: bool, now: Moment) -> Option<Change> {
        let _deciding = self.lock();
        let why = if on { Why::Drained } else { Why::Undrained };
        let change = self.change(endpoints, which, why, now, |h| h.drain(on));
        self.count_trials_after(change.as_ref(), endpoints, now);
        change
    }

    /// What time brings: ejections end, and after each interval success rates are compared and ejections forgiven.
    /// The control thread calls it about each 250 ms. `counts` tells an endpoint's running totals by its position; it is
    /// asked once an interval, as summing over all cores has its price.
    pub fn tick<E: Endpoint>(
        &self,
        endpoints: &[E],
        counts: impl Fn(usize) -> Counts,
        settings: &OutlierSettings,
        now: Moment,
    ) -> Vec<Change> {
        let mut interval = self.lock();
        let mut changes = self.end_ejections(endpoints, settings, now);
        match interval.began {
            None => {
                interval.began = Some(now);
                for (which, endpoint) in endpoints.iter().enumerate() {
                    endpoint.health().history().begin_interval(counts(which));
                }
            }
            Some(began) if now.since(began) >= settings.interval => {
                interval.began = Some(now);
                changes.extend(self.end_interval(endpoints, counts, settings, began, now));
            }
            Some(_) => {}
        }
        self.count_trials(endpoints, now);
        changes
    }

    /// Brings those to trial whose time is over; all are up at once where detection is off.
    fn end_ejections<E: Endpoint>(
        &self,
        endpoints: &[E],
        settings: &OutlierSettings,
        now: Moment,
    ) -> Vec<Change> {
        let may_be_out = |e: &E| matches!(e.health().state(), State::Ejected | State::Trial | State::Failing);
        let end = |which: usize| {
            if settings.enabled {
                self.change(endpoints, which, Why::EjectionOver, now, |h| h.end_ejection(now))
            } else {
                self.change(endpoints, which, Why::DetectionOff, now, History::lift_ejection)
            }
        };
        (0..endpoints.len()).filter(|&which| may_be_out(&endpoints[which])).filter_map(end).collect()
    }

    /// Compares the success rates of an interval and ejects those that stand out.
    fn end_interval<E: Endpoint>(
        &self,
        endpoints: &[E],
        counts: impl Fn(usize) -> Counts,
        settings: &OutlierSettings,
        began: Moment,
        now: Moment,
    ) -> Vec<Change> {
        let mut rates = Vec::with_capacity(endpoints.len());
        for (which, endpoint) in endpoints.iter().enumerate() {
            let counted = endpoint.health().history().end_interval(counts(which), began);
            if let Some(counted) = counted
                && counted.attempts >= settings.success_rate.min_requests.max(1)
            {
                rates.push((which, counted.success_rate()));
            }
        }
        if !settings.enabled {
            return Vec::new();
        }
        let eject = |which| self.eject(endpoints, which, Why::SuccessRate, settings, now);
        outliers(&rates, &settings.success_rate).into_iter().filter_map(eject).collect()
    }

    /// Ejects an endpoint if no more than may be are out then. One that is out already only stays out longer.
    fn eject<E: Endpoint>(
        &self,
        endpoints: &[E],
        which: usize,
        why: Why,
        settings: &OutlierSettings,
        now: Moment,
    ) -> Option<Change> {
        let in_trial = endpoints.get(which)?.health().state() == State::Trial;
        if !in_trial && !may_one_more_be_out(endpoints, settings) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let change = self.change(endpoints, which, why, now, |h| h.eject(settings, now));
        self.count_trials_after(change.as_ref(), endpoints, now);
        change
    }

    /// Changes what is remembered of an endpoint, and tells of it where its state is another one then.
    fn change<E: Endpoint>(
        &self,
        endpoints: &[E],
        which: usize,
        why: Why,
        now: Moment,
        edit: impl FnOnce(&mut History),
    ) -> Option<Change> {
        let (from, to) = endpoints.get(which)?.health().change(now, edit)?;
        self.generation.fetch_add(1, Ordering::Release);
        Some(Change { endpoint: which, from, to, why })
    }

    fn count_trials_after<E: Endpoint>(&self, change: Option<&Change>, endpoints: &[E], now: Moment) {
        if change.is_some_and(|c| c.from == State::Trial || c.to == State::Trial) {
            self.count_trials(endpoints, now);
        }
    }

    /// Counts anew which endpoints a request could try. Counting up and down would go wrong for good with the
    /// first endpoint that a reload removes in its trial.
    fn count_trials<E: Endpoint>(&self, endpoints: &[E], now: Moment) {
        let free = endpoints
            .iter()
            .map(Endpoint::health)
            .filter(|health| health.state() == State::Trial && health.history().is_free_for_trial(now));
        self.trials.store(u32::try_from(free.count()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Interval> {
        self.interval.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the share that may be out has room for one more. Dead and draining endpoints do not count: what is
/// left must carry the load.
fn may_one_more_be_out<E: Endpoint>(endpoints: &[E], settings: &OutlierSettings) -> bool {
    let mut members = 0;
    let mut out = 0;
    for health in endpoints.iter().map(Endpoint::health) {
        match health.state() {
            State::Dead | State::Draining => continue,
            State::Up | State::Unknown => {}
            State::Ejected | State::Trial => out += 1,
            // Its ejection may hide behind its check.
            State::Failing => out += usize::from(health.history().is_out()),
        }
        members += 1;
    }
    out < settings.may_be_out(members)
}
