//! A second attempt beside one that takes long: whichever answers first is taken, the other one is given up.
//!
//! Only for requests that may run twice and have no body. A hedge is paid for from the service's retry budget, so it
//! cannot double the load of a service that is slow for everybody (Dean and Barroso, "The Tail at Scale", 2013).

use crate::attempt::Try;
use crate::client::{Client, Local};
use crate::forward::{Ended, Forward};
use crate::judge::{self, Lesson};
use crate::permit::Permit;
use crate::run::Run;
use crate::standing::Standing;
use balance::Outcome;
use futures_util::future::{Either, select};
use net::{Answer, Body, Failure};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// When the second attempt begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hedge {
    /// After the time in which so many of 100 attempts are answered, from 50 to 99; never while that is not known.
    Percentile(u8),
    /// After this.
    After(Duration),
}

impl std::fmt::Display for Hedge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Percentile(percent) => write!(f, "after p{percent}"),
            Self::After(wait) => write!(f, "after {}", base::units::show_duration(*wait)),
        }
    }
}

/// Timers are no finer than this.
const LEAST: Duration = Duration::from_millis(1);

impl Hedge {
    /// How long the first attempt is alone.
    pub(crate) fn wait(self, standing: &Standing) -> Option<Duration> {
        match self {
            Self::Percentile(percent) => standing.percentile(percent).map(|took| took.max(LEAST)),
            Self::After(wait) => Some(wait),
        }
    }
}

type Racing<'a> = Pin<&'a mut dyn Future<Output = Result<Answer, Failure>>>;

/// One attempt of two.
struct Racer<'a> {
    permit: Permit,
    began: Instant,
    attempt: Racing<'a>,
}

impl Client {
    /// Makes an attempt, and another one beside it where that is slow. The failure of one is the end only where the
    /// other one has failed too.
    pub(crate) async fn raced(
        &self,
        local: &Rc<Local>,
        permit: Permit,
        ask: &Forward<'_>,
        run: &mut Run<'_>,
        wait: Duration,
    ) -> Ended {
        let (timeout, idle) = run.limits();
        let mut bodies = (Body::empty(), Body::empty());
        let attempt = |body, began, interim| Try {
            head: ask.head,
            body,
            expects_continue: false,
            interim,
            timeout,
            idle,
            began,
        };
        let began = run.began;
        let mut first =
            pin!(self.attempt(local, permit.member(), attempt(&mut bodies.0, began, ask.interim)));
        if let Either::Left((outcome, _)) = select(first.as_mut(), pin!(tokio::time::sleep(wait))).await {
            return Ended { permit, outcome };
        }
        let now = Instant::now();
        run.tried.insert(permit.member());
        // Paid for only where there is somebody else to ask.
        let second = self.seat(local, ask, run, false).ok().filter(|two| two.member() != permit.member());
        let Some(beside) = second.filter(|_| Run::pay(local, self, now)) else {
            return Ended { permit, outcome: first.await };
        };
        run.attempts += 1;
        local.service.meters.hedged(self.core);
        let mut second = pin!(self.attempt(local, beside.member(), attempt(&mut bodies.1, now, None)));
        let one = Racer { permit, began, attempt: first.as_mut() };
        let two = Racer { permit: beside, began: now, attempt: second.as_mut() };
        self.race(local, run, one, two).await
    }

    async fn race<'r>(
        &self,
        local: &Local,
        run: &mut Run<'_>,
        mut one: Racer<'r>,
        mut two: Racer<'r>,
    ) -> Ended {
        let (outcome, winner, mut loser) = match select(one.attempt.as_mut(), two.attempt.as_mut()).await {
            Either::Left((outcome, _)) => (outcome, one, two),
            Either::Right((outcome, _)) => (outcome, two, one),
        };
        let now = Instant::now();
        if !has_failed(&outcome) {
            let took = now.saturating_duration_since(loser.began);
            let seen = loser.permit.left(self.clock.at(now));
            loser.permit.settle(Lesson { outcome: Outcome::Overtaken(took), seen }, self.clock.at(now));
            run.began = winner.began;
            return Ended { permit: winner.permit, outcome };
        }
        let Racer { mut permit, began, .. } = winner;
        let took = now.saturating_duration_since(began);
        let lesson = outcome.as_ref().map_or_else(judge::failed, |answer| judge::answered(answer, took));
        self.settle(&mut permit, lesson, now, took, judge::wants_room(&outcome));
        let meters = &local.endpoint(permit.member()).meters;
        match &outcome {
            Ok(_) => meters.answered(self.core, took),
            Err(_) => meters.unanswered(self.core),
        }
        run.was_answered();
        run.began = loser.began;
        let outcome = loser.attempt.as_mut().await;
        Ended { permit: loser.permit, outcome }
    }
}

fn has_failed(outcome: &Result<Answer, Failure>) -> bool {
    outcome.as_ref().map_or(true, |answer| answer.head.status.is_server_error())
}
