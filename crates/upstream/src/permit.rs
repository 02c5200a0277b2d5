//! An attempt that is under way: counted as the endpoint's load until it is over, whatever ends it.

use crate::client::{Client, Local};
use crate::judge::Lesson;
use balance::{Outcome, Seen};
use base::Moment;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Held from before the attempt until the last byte of its answer.
#[derive(Debug)]
pub struct Permit {
    local: Rc<Local>,
    member: usize,
    began: Moment,
    /// Its answer was counted, or that there is none.
    settled: bool,
    core: usize,
    /// It decides whether an ejected endpoint comes back.
    trial: bool,
    /// It is counted among those that the service takes at once.
    counted: bool,
}

/// What learns of an endpoint's health after the head of its answer.
#[derive(Debug)]
pub(crate) struct Pupil {
    local: Rc<Local>,
    member: usize,
    core: usize,
}

impl Permit {
    /// Begins an attempt. `None`: another worker took the endpoint's last place just before.
    pub(crate) fn start(
        local: &Rc<Local>,
        member: usize,
        client: &Client,
        trial: bool,
        counted: bool,
        began: Moment,
    ) -> Option<Self> {
        let core = client.core;
        let pending = local.endpoint(member).load.start(began);
        local.service.meters.began(core);
        let permit = Self { local: Rc::clone(local), member, began, settled: false, core, trial, counted };
        (pending < local.most(member)).then_some(permit)
    }

    /// The place of its endpoint in the service.
    pub(crate) fn member(&self) -> usize {
        self.member
    }

    /// Does it decide whether its endpoint comes back?
    pub(crate) fn is_trial(&self) -> bool {
        self.trial
    }

    /// What came of it. Without a word it was abandoned. The endpoint is told at once, before the last byte.
    pub(crate) fn settle(&mut self, lesson: Lesson, at: Moment) {
        if !std::mem::replace(&mut self.settled, true) {
            self.local.endpoint(self.member).load.answer(at, lesson.outcome);
        }
        if let Some(seen) = lesson.seen {
            let trial = std::mem::take(&mut self.trial);
            self.local.learn(self.member, seen, self.core, trial, at);
        }
    }

    /// How long the answer took, where the service's limit is learnt.
    pub(crate) fn sample(&self, took: Duration, failed: bool, at: Moment) {
        if let Some(adaptive) = &self.local.service.standing.adaptive {
            adaptive.limiter.sample(took, adaptive.inflight.load(Ordering::Relaxed), at, failed);
        }
    }

    /// What it says of the endpoint that nobody waits for this attempt any more. Asked before it is settled.
    pub(crate) fn left(&self, at: Moment) -> Option<Seen> {
        let silence = self.local.endpoint(self.member).load.silence(at);
        Seen::left_waiting(at.since(self.began), silence)
    }

    /// The client has left before the answer.
    fn abandon(&mut self) {
        let at = self.local.clock.now();
        let seen = self.left(at);
        if seen.is_some() {
            self.local.endpoint(self.member).meters.unanswered(self.core);
        }
        self.settle(Lesson { outcome: Outcome::Abandoned, seen }, at);
    }

    /// For what is known only at the end of the answer.
    pub(crate) fn pupil(&self) -> Pupil {
        Pupil { local: Rc::clone(&self.local), member: self.member, core: self.core }
    }

    /// The endpoint's name in the config.
    pub fn endpoint(&self) -> &str {
        &self.local.endpoint(self.member).label
    }

    /// `Set-Cookie` that leads the client back to this endpoint.
    pub fn cookie(&self, secure: bool) -> Option<String> {
        self.local.service.sticky.as_ref()?.set_cookie(self.member, secure)
    }
}

impl Pupil {
    pub(crate) fn learn(&self, seen: Seen) {
        self.local.learn(self.member, seen, self.core, false, self.local.clock.now());
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            self.abandon();
        }
        let service = &self.local.service;
        self.local.endpoint(self.member).load.end();
        service.meters.ended(self.core);
        let standing = &service.standing;
        if self.trial {
            let now = self.local.clock.now();
            standing.circle.end_trial(&service.members, self.member, None, &service.settings.outliers, now);
        }
        if self.counted
            && let Some(adaptive) = &standing.adaptive
        {
            adaptive.leave();
        }
        if service.bounded {
            standing.queue.wake();
        }
    }
}
