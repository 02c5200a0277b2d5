//! What is remembered of an endpoint in order to decide about it, and which [`State`] follows.
//!
//! Three facts do not know each other: whether the operator drains it, how its checks and connections stand, and
//! whether it is ejected. The state is the first of them that keeps requests away. So a drain does not lose what
//! checks find meanwhile, and an ejection that is over while the check fails does not bring the endpoint back.
//!
//! *Not here*: how many may be ejected ([`Circle`](crate::Circle)), and what workers read ([`Health`](crate::Health)).
//! *Cost*: nothing on the hot path; it is read under a lock when something happens.

use crate::health::{CheckSettings, Checked, State};
use crate::outlier::OutlierSettings;
use base::Moment;
use std::time::Duration;

/// A reservation that is neither confirmed nor abandoned is void after this. A worker that loses a request
/// without a word must not keep the endpoint out for ever.
const RESERVATION: Duration = Duration::from_secs(10);

/// All that decisions about one endpoint rest on.
#[derive(Debug)]
pub(crate) struct History {
    draining: bool,
    standing: Standing,
    ejection: Option<Ejection>,
    /// Ejections that are not forgiven yet.
    times_ejected: u32,
    checks: Checks,
    /// Since when its state is `Up`, where it is.
    pub(crate) up_from: Moment,
    /// It was there at process start and was never out, so there is nothing to warm up.
    pub(crate) from_start: bool,
    /// Its running totals at the end of the last interval.
    counted: Option<Counts>,
}

/// What checks and connections say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Unknown,
    Well,
    Unwell,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ejection {
    Until(Moment),
    /// It is over, and a request may try the endpoint; reserved since that moment.
    Trial(Option<Moment>),
}

/// How the last checks ended, in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Checks {
    passed: u32,
    /// Failed or did not connect.
    bad: u32,
    unreachable: u32,
}

/// Running totals of one endpoint, from its meters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts that came to an end.
    pub attempts: u64,
    /// Those among them that the endpoint failed.
    pub failures: u64,
}

impl History {
    /// Nothing is known yet but that state. An ejection without an end is a trial.
    pub(crate) fn of(state: State, now: Moment) -> Self {
        Self {
            draining: state == State::Draining,
            standing: match state {
                State::Unknown => Standing::Unknown,
                State::Failing => Standing::Unwell,
                State::Dead => Standing::Dead,
                State::Up | State::Ejected | State::Trial | State::Draining => Standing::Well,
            },
            ejection: matches!(state, State::Ejected | State::Trial).then_some(Ejection::Trial(None)),
            times_ejected: 0,
            checks: Checks::default(),
            up_from: now,
            from_start: false,
            counted: None,
        }
    }

    /// The state that follows: the first reason to keep requests away.
    pub(crate) fn state(&self) -> State {
        match (self.draining, self.standing, self.ejection) {
            (true, ..) => State::Draining,
            (_, Standing::Dead, _) => State::Dead,
            (_, Standing::Unwell, _) => State::Failing,
            (_, _, Some(Ejection::Until(_))) => State::Ejected,
            (_, _, Some(Ejection::Trial(_))) => State::Trial,
            (_, Standing::Unknown, None) => State::Unknown,
            (_, Standing::Well, None) => State::Up,
        }
    }

    /// Whether it takes a place among those that may be out, seen or not.
    pub(crate) fn is_out(&self) -> bool {
        self.ejection.is_some()
    }

    /// Takes it out, longer than the last time.
    pub(crate) fn eject(&mut self, settings: &OutlierSettings, now: Moment) {
        // Beyond the most that an ejection lasts counting on would only delay forgiveness.
        if self.times_ejected == 0 || settings.ejection_time(self.times_ejected) < settings.max_ejection_time
        {
            self.times_ejected = self.times_ejected.saturating_add(1);
        }
        self.ejection = Some(Ejection::Until(now + settings.ejection_time(self.times_ejected)));
    }

    /// Connections to it fail. Ejections are forgotten with it: what comes back is likely another process.
    pub(crate) fn die(&mut self) {
        self.standing = Standing::Dead;
        self.ejection = None;
        self.checks = Checks::default();
    }

    /// A check, or a probe that only connects, ended.
    pub(crate) fn check(&mut self, verdict: Checked, limits: &CheckSettings) {
        self.checks.count(verdict);
        let (rise, fall) = (limits.rise.max(1), limits.fall.max(1));
        match (self.standing, verdict) {
            (Standing::Unknown | Standing::Dead, Checked::Passed) => self.standing = Standing::Well,
            (Standing::Unwell, Checked::Passed) if self.checks.passed >= rise => {
                self.standing = Standing::Well;
            }
            // It answers, so it is not dead.
            (Standing::Unknown | Standing::Dead, Checked::Failed) => self.standing = Standing::Unwell,
            (Standing::Unknown, Checked::Unreachable) => self.die(),
            (_, Checked::Unreachable) if self.checks.unreachable >= fall => self.die(),
            (Standing::Well, Checked::Failed | Checked::Unreachable) if self.checks.bad >= fall => {
                self.standing = Standing::Unwell;
            }
            _ => {}
        }
    }

    /// The operator's word. A drain ends an ejection: whoever drains an endpoint looks after it.
    pub(crate) fn drain(&mut self, on: bool) {
        self.draining = on;
        if on {
            self.ejection = None;
        }
    }

    /// Lets a trial begin where the ejection is over.
    pub(crate) fn end_ejection(&mut self, now: Moment) {
        if matches!(self.ejection, Some(Ejection::Until(end)) if end <= now) {
            self.ejection = Some(Ejection::Trial(None));
        }
    }

    /// Ends an ejection without a trial.
    pub(crate) fn lift_ejection(&mut self) {
        self.ejection = None;
    }

    /// Whether a request may try it now.
    pub(crate) fn is_free_for_trial(&self, now: Moment) -> bool {
        match self.ejection {
            Some(Ejection::Trial(taken)) => {
                self.state() == State::Trial && taken.is_none_or(|at| now.since(at) >= RESERVATION)
            }
            _ => false,
        }
    }

    /// Reserves the one request; false where it is taken.
    pub(crate) fn take_trial(&mut self, now: Moment) -> bool {
        let free = self.is_free_for_trial(now);
        if free {
            self.ejection = Some(Ejection::Trial(Some(now)));
        }
        free
    }

    /// What came of that request; `None` where it says nothing. A verdict that comes after the trial is decided
    /// changes nothing.
    pub(crate) fn end_trial(&mut self, verdict: Option<bool>, settings: &OutlierSettings, now: Moment) {
        if !matches!(self.ejection, Some(Ejection::Trial(_))) {
            return;
        }
        match verdict {
            None => self.ejection = Some(Ejection::Trial(None)),
            Some(false) => self.eject(settings, now),
            Some(true) => {
                self.ejection = None;
                // An answer to a real request says what the first check would have.
                if self.standing == Standing::Unknown {
                    self.standing = Standing::Well;
                }
            }
        }
    }

    /// The first interval begins, and the totals are these.
    pub(crate) fn begin_interval(&mut self, totals: Counts) {
        self.counted = Some(totals);
    }

    /// An interval that began at `began` is over, and the totals are these. Gives what happened in it, where the
    /// endpoint was up from its beginning to its end; that also forgives one ejection.
    pub(crate) fn end_interval(&mut self, totals: Counts, began: Moment) -> Option<Counts> {
        let before = self.counted.replace(totals);
        if self.state() != State::Up || self.up_from > began {
            return None;
        }
        self.times_ejected = self.times_ejected.saturating_sub(1);
        // Totals that went back belong to new meters; the next interval can be judged by them.
        let before = before?;
        Some(Counts {
            attempts: totals.attempts.checked_sub(before.attempts)?,
            failures: totals.failures.checked_sub(before.failures)?,
        })
    }
}

impl Checks {
    fn count(&mut self, verdict: Checked) {
        let more = |count: u32, goes_on: bool| if goes_on { count.saturating_add(1) } else { 0 };
        self.passed = more(self.passed, verdict == Checked::Passed);
        self.bad = more(self.bad, verdict != Checked::Passed);
        self.unreachable = more(self.unreachable, verdict == Checked::Unreachable);
    }
}

impl Counts {
    /// The share of attempts that succeeded, from 0 to 1.
    pub(crate) fn success_rate(self) -> f64 {
        let failures = self.failures.min(self.attempts);
        1.0 - failures as f64 / self.attempts.max(1) as f64
    }
}
