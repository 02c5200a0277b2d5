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
    trial: bool,
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
        if local.endpoint(member).load.start(began) >= local.most(member) {
            local.endpoint(member).load.answer(began, Outcome::Abandoned);
            release(local, member, trial, counted);
            return None;
        }
        local.service.meters.began(core);
        Some(Self { local: Rc::clone(local), member, began, settled: false, core, trial, counted })
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
    pub(crate) fn pupil(&mut self) -> Pupil {
        let trial = std::mem::take(&mut self.trial);
        Pupil { local: Rc::clone(&self.local), member: self.member, core: self.core, trial }
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
    pub(crate) fn learn(mut self, seen: Seen) {
        let trial = std::mem::take(&mut self.trial);
        self.local.learn(self.member, seen, self.core, trial, self.local.clock.now());
    }
}

impl Drop for Pupil {
    fn drop(&mut self) {
        if self.trial {
            end_trial(&self.local, self.member);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            self.abandon();
        }
        self.local.service.meters.ended(self.core);
        release(&self.local, self.member, self.trial, self.counted);
    }
}

/// Gives back what an attempt holds, and calls whoever waits for it.
fn release(local: &Local, member: usize, trial: bool, counted: bool) {
    let standing = &local.service.standing;
    local.endpoint(member).load.end();
    if trial {
        end_trial(local, member);
    }
    if counted && let Some(adaptive) = &standing.adaptive {
        adaptive.leave();
    }
    // Where nothing is bounded there may still be some that wait from before a reload.
    if local.service.bounded || standing.waiting() > 0 {
        standing.queue.wake();
    }
}

/// A trial that says nothing.
fn end_trial(local: &Local, member: usize) {
    let (service, now) = (&local.service, local.clock.now());
    service.standing.circle.end_trial(&service.members, member, None, &service.settings.outliers, now);
}
