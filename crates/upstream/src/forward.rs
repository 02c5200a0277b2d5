//! The loop of attempts: pick, send, learn, and again where that is safe, useful and paid for.
//!
//! *Invariant*: an attempt is repeated only where nothing was sent, or where sending it twice is harmless and the whole
//! request can be sent again; never beyond the request's own time; and, once an endpoint has seen it, only within the
//! service's budget. Every attempt is counted once, and counted down once.
//! Hot path: a request that is answered at the first attempt allocates nothing here.

#[cfg(test)]
mod tests;

use crate::client::{Client, Local};
use crate::judge::{self, Lesson};
use crate::permit::Permit;
use crate::queue::{Class, Place, Shed};
use crate::replay::Replay;
use crate::run::{Run, Wanted};
use crate::{Hedge, Retry};
use balance::Pick;
use base::turn;
use message::RequestHead;
use net::{Answer, Body, Cause, Failure, Interim};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often a request looks again where another worker took the place that it had found.
const LOST_MOST: usize = 8;

/// How a route's requests are forwarded, where that differs from what the service says.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// Longest wait for the head of the answer.
    pub request_timeout: Option<Duration>,
    /// Longest silence in the answer's body.
    pub idle_timeout: Option<Duration>,
    /// How failed attempts are made again.
    pub retry: Option<Retry>,
    /// A second attempt beside one that takes long.
    pub hedge: Option<Hedge>,
    /// Who waits first where endpoints are full.
    pub class: Class,
    /// Bodies up to this many bytes are kept for somebody else, who gets them with the answer.
    pub keep: usize,
}

/// What to forward.
#[derive(Debug)]
pub struct Forward<'a> {
    /// The request's head, as it goes to the upstream.
    pub head: &'a RequestHead,
    /// Its body. Behind a failure it is the whole body again where [`Failed::sendable`] says so.
    pub body: &'a mut Body,
    /// The client waits for `100 Continue`.
    pub expects_continue: bool,
    /// Where interim answers go.
    pub interim: Option<&'a Interim>,
    /// How the route wants it.
    pub manner: &'a Manner,
    /// The client's own limit for the whole request, where it has told one.
    pub client_timeout: Option<Duration>,
    /// What hash policies pick by.
    pub hash: Option<u64>,
    /// When the request arrived.
    pub arrived: Instant,
}

impl<'a> Forward<'a> {
    /// A request of Tidegate's own, which arrives now and for which nobody else waits.
    pub fn own(head: &'a RequestHead, body: &'a mut Body, manner: &'a Manner) -> Self {
        Self {
            head,
            body,
            expects_continue: false,
            interim: None,
            manner,
            client_timeout: None,
            hash: None,
            arrived: Instant::now(),
        }
    }
}

/// An endpoint's answer.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The attempt that gave it: to be held until the last byte.
    pub permit: Permit,
    /// How many attempts were made.
    pub attempts: u8,
    /// How long the last one took up to the head of the answer.
    pub took: Duration,
    /// The request's body, where it was kept.
    pub replay: Option<Replay>,
    /// The client has no cookie yet that leads to this endpoint, and should have one.
    pub wants_cookie: bool,
}

/// No endpoint answered.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub why: Why,
    /// The endpoint of the last attempt.
    pub endpoint: Option<Box<str>>,
    /// How many attempts were made.
    pub attempts: u8,
    /// The request can be sent elsewhere, and may be.
    pub sendable: bool,
}

/// Why no endpoint answered.
#[derive(Debug)]
pub enum Why {
    /// There is none that may be asked.
    Nobody {
        /// When it makes sense to come again.
        retry_after: Duration,
    },
    /// All are full, and there was no place to wait or no end of it.
    Shed(Shed),
    /// The last attempt failed.
    Failure(Failure),
    /// No endpoint has seen the request yet, and another version of the service is in force: ask that one.
    Replaced,
}

/// An attempt that has ended.
pub(crate) struct Ended {
    pub(crate) permit: Permit,
    pub(crate) outcome: Result<Answer, Failure>,
}

/// There is no endpoint for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSeat {
    Full,
    Nobody,
}

impl Client {
    /// Forwards a request to some endpoint of a service.
    pub async fn forward(&self, local: &Rc<Local>, mut ask: Forward<'_>) -> Result<Answered, Failed> {
        let mut run = Run::begin(local, &mut ask);
        loop {
            let permit = match self.seat(local, &ask, &run, false) {
                Ok(permit) => permit,
                Err(NoSeat::Nobody) if local.service.holds(NoSeat::Nobody).is_none() => {
                    return Err(run.nobody(local, &mut ask));
                }
                Err(none) => Box::pin(self.queued(local, &mut ask, &mut run, none)).await?,
            };
            run.attempts += 1;
            let mut ended = match run.hedge_after(local) {
                None => {
                    let outcome = self.attempt(local, permit.member(), run.next_try(&mut ask)).await;
                    Ended { permit, outcome }
                }
                Some(wait) => Box::pin(self.raced(local, permit, &ask, &mut run, wait)).await,
            };
            let again = self.learn(local, &mut ended, &mut run);
            let Ended { permit, outcome } = ended;
            match (again, outcome) {
                (None, Ok(answer)) => return Ok(run.answered(local, answer, permit)),
                (None, Err(failure)) => return Err(run.failed(failure, &permit, &mut ask)),
                (Some(pause), _) => {
                    run.tried.insert(permit.member());
                    drop(permit);
                    local.service.meters.retried(self.core);
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                        run.began = Instant::now();
                    }
                    if run.is_unseen() && local.service.is_replaced() {
                        return Err(run.stopped(Why::Replaced, &mut ask));
                    }
                }
            }
        }
    }

    /// An endpoint for the next attempt. `called`: from the queue, so nobody is passed by.
    pub(crate) fn seat(
        &self,
        local: &Rc<Local>,
        ask: &Forward<'_>,
        run: &Run<'_>,
        called: bool,
    ) -> Result<Permit, NoSeat> {
        let standing = &local.service.standing;
        if local.service.bounded && !called && standing.waiting() > 0 {
            return Err(NoSeat::Full);
        }
        // Behind the queue the request's own reading of the clock is from before it waited.
        let began = if called { self.clock.now() } else { self.clock.at(run.began) };
        for _ in 0..LOST_MOST {
            let counted = match &standing.adaptive {
                Some(adaptive) if !adaptive.enter() => return Err(NoSeat::Full),
                adaptive => adaptive.is_some(),
            };
            let picked = match self.choose(local, ask, run) {
                Ok((member, trial)) => Permit::start(local, member, self, trial, counted, began),
                Err(none) => {
                    if let Some(adaptive) = &standing.adaptive {
                        adaptive.leave();
                    }
                    return Err(none);
                }
            };
            // Without a permit another worker took the endpoint's last place just before; a third may have room.
            if let Some(permit) = picked {
                return Ok(permit);
            }
        }
        Err(NoSeat::Full)
    }

    /// Which endpoint, and whether the attempt decides about its return.
    fn choose(&self, local: &Local, ask: &Forward<'_>, run: &Run<'_>) -> Result<(usize, bool), NoSeat> {
        // A client that has a home stays there, whoever else wants to be tried.
        if let Some(home) = run.home.filter(|home| run.attempts == 0 && local.takes(*home)) {
            return Ok((home, false));
        }
        if local.service.standing.circle.has_trials()
            && run.may_try(&mut self.random.borrow_mut())
            && let Some(member) = local.trial(self.clock.now())
        {
            return Ok((member, true));
        }
        match local.pick(self, &run.tried, ask.hash) {
            Pick::Endpoint(member) => Ok((member, false)),
            Pick::Full => Err(NoSeat::Full),
            Pick::Nobody => Err(NoSeat::Nobody),
        }
    }

    /// Waits for an endpoint that has room, or for one that is still to come.
    async fn queued(
        &self,
        local: &Rc<Local>,
        ask: &mut Forward<'_>,
        run: &mut Run<'_>,
        none: NoSeat,
    ) -> Result<Permit, Failed> {
        let service = &local.service;
        let held = service.holds(none);
        let limits = held.unwrap_or(service.settings.queue);
        let waited = match service.standing.queue.enter(ask.manner.class, limits.size) {
            Err(shed) => Err(Why::Shed(shed)),
            Ok(place) => {
                if matches!(none, NoSeat::Nobody) {
                    service.standing.wanted.notify_one();
                }
                let most = run.may_wait(limits.timeout, held.is_some());
                let seat = tokio::time::timeout(most, self.seat_in_turn(local, ask, run, &place)).await;
                let seat = seat.unwrap_or_else(|_| match none {
                    NoSeat::Nobody => Err(Run::why_nobody(local)),
                    NoSeat::Full => Err(Why::Shed(Shed::QueueTimeout)),
                });
                if seat.is_ok() {
                    place.served(local.has_room());
                }
                seat
            }
        };
        let entered = std::mem::replace(&mut run.began, Instant::now());
        if held.is_some() {
            run.was_held();
        }
        if let (Some(meters), NoSeat::Nobody) = (&service.instances, none) {
            meters.held(self.core, run.began.saturating_duration_since(entered));
        }
        waited.map_err(|why| run.stopped(why, ask))
    }

    /// A seat as soon as it is this request's turn and there is one. Bounded by whoever waits.
    async fn seat_in_turn(
        &self,
        local: &Rc<Local>,
        ask: &Forward<'_>,
        run: &Run<'_>,
        place: &Place<'_>,
    ) -> Result<Permit, Why> {
        loop {
            place.again();
            // Endpoints that have come belong to the other version.
            if run.is_unseen() && local.service.is_replaced() {
                return Err(Why::Replaced);
            }
            if place.may_look() {
                match self.seat(local, ask, run, true) {
                    Ok(permit) => return Ok(permit),
                    Err(NoSeat::Nobody) if local.service.holds(NoSeat::Nobody).is_none() => {
                        return Err(Run::why_nobody(local));
                    }
                    Err(NoSeat::Full | NoSeat::Nobody) => {}
                }
            }
            place.called().await.map_err(Why::Shed)?;
        }
    }

    /// Draws what an attempt has taught, and says whether there is another one, and after which pause.
    fn learn(&self, local: &Local, ended: &mut Ended, run: &mut Run<'_>) -> Option<Duration> {
        let now = turn::now();
        let took = now.saturating_duration_since(run.began);
        (run.began, run.took) = (now, took);
        let Ended { permit, outcome } = ended;
        let meters = &local.endpoint(permit.member()).meters;
        let trial = permit.is_trial();
        let (lesson, wanted) = match outcome {
            Ok(answer) => {
                meters.answered(self.core, took);
                run.was_answered();
                (judge::answered(answer, took), run.wants_another_than(answer, trial))
            }
            Err(failure) => {
                meters.unanswered(self.core);
                run.has_failed(failure);
                (judge::failed(failure), run.wants_another_after(failure, trial))
            }
        };
        self.settle(permit, lesson, now, took, judge::wants_room(outcome));
        match wanted {
            Wanted::No => None,
            wanted => run.again(local, wanted, self, now),
        }
    }

    /// Tells the endpoint's load and health, and the service's limit, how an attempt went.
    pub(crate) fn settle(
        &self,
        permit: &mut Permit,
        lesson: Lesson,
        now: Instant,
        took: Duration,
        late: bool,
    ) {
        let at = self.clock.at(now);
        permit.settle(lesson, at);
        permit.sample(took, late, at);
    }
}

impl Forward<'_> {
    /// The same, from then on.
    pub fn again(&mut self, arrived: Instant) -> Forward<'_> {
        Forward {
            head: self.head,
            body: self.body,
            expects_continue: self.expects_continue,
            interim: self.interim,
            manner: self.manner,
            client_timeout: self.client_timeout,
            hash: self.hash,
            arrived,
        }
    }
}

impl Failed {
    /// Is another version of the service to be asked?
    pub fn is_replaced(&self) -> bool {
        matches!(self.why, Why::Replaced)
    }

    /// Did the client itself break the request off?
    pub fn is_clients(&self) -> bool {
        matches!(&self.why, Why::Failure(Failure { cause: Cause::Body(_), .. }))
    }
}
