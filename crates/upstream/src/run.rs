//! One request's way through its attempts: what was tried, what may still be, what is kept.

use crate::attempt::Try;
use crate::client::{Client, Local};
use crate::forward::{Answered, Failed, Forward, NoSeat, Why};
use crate::grpc;
use crate::judge;
use crate::permit::Permit;
use crate::replay::Replay;
use crate::service::Protocol;
use crate::{Hedge, Retry};
use balance::Tried;
use base::IdSource;
use net::{Answer, Cause, Failure, Sent};
use std::time::{Duration, Instant};

/// Endpoints that one request may fail to reach, the first included: enough to pass by those that are down, few enough
/// not to multiply load.
const REACHED_MOST: u8 = 3;
/// How long a request that reached nobody waits for the endpoints that are to come.
const HELD_PAUSE: Duration = Duration::from_millis(50);
/// Of requests that may not run twice, one in so many may try an endpoint whose ejection is over.
const TRIAL_SHARE: usize = 16;

/// A request's way.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the request or its body")]
pub(crate) struct Run<'a> {
    retry: &'a Retry,
    hedge: Option<Hedge>,
    pub(crate) tried: Tried,
    pub(crate) attempts: u8,
    /// Attempts beyond the first that an endpoint may have seen.
    retries: u8,
    repeatable: bool,
    replay: Option<Replay>,
    /// There is no body. Asked at the beginning, since one that was sent is empty too.
    bodiless: bool,
    /// Where no copy is kept: the body is still as the client sent it.
    intact: bool,
    /// Some endpoint may have seen the request.
    seen: bool,
    /// The endpoint that the client's cookie leads to.
    pub(crate) home: Option<usize>,
    /// When the last attempt began, or ended. The clock is read once an attempt.
    pub(crate) began: Instant,
    /// How long the last attempt took.
    pub(crate) took: Duration,
    /// When the request's time began.
    arrived: Instant,
    /// For the head of the answer, over all attempts.
    timeout: Duration,
    /// What the client itself gives.
    client_timeout: Duration,
    idle: Duration,
}

/// Does an attempt's end call for another attempt?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    No,
    /// The endpoint has seen nothing of the request.
    Elsewhere,
    /// It was a trial, and the request shall not suffer for it.
    Trial,
    /// It is a retry, not before that time.
    Retry(Option<Duration>),
}

impl<'a> Run<'a> {
    pub(crate) fn begin(local: &'a Local, ask: &mut Forward<'a>) -> Self {
        let settings = &local.service.settings;
        let retry = ask.manner.retry.as_ref().unwrap_or(&settings.retry);
        let repeatable = retry.is_repeatable(ask.head);
        let timeout = ask.manner.request_timeout.unwrap_or(settings.timeouts.request);
        let mut run = Self {
            retry,
            hedge: ask.manner.hedge.or(settings.hedge),
            tried: Tried::none(),
            attempts: 0,
            retries: 0,
            repeatable,
            replay: None,
            bodiless: ask.body.is_empty(),
            intact: true,
            seen: false,
            home: local.service.sticky.as_ref().and_then(|sticky| sticky.find(&ask.head.fields)),
            began: ask.arrived,
            took: Duration::ZERO,
            arrived: ask.arrived,
            timeout: ask.client_timeout.map_or(timeout, |client| client.min(timeout)),
            client_timeout: ask.client_timeout.unwrap_or(Duration::MAX),
            idle: ask.manner.idle_timeout.unwrap_or(settings.timeouts.idle),
        };
        if !run.bodiless {
            run.keep_body(ask, settings.protocol);
        }
        run
    }

    /// Wraps the body where it may have to be sent twice. A connection of HTTP/1 keeps enough of it to send again what
    /// nobody has seen; one of HTTP/2 does not.
    fn keep_body(&mut self, ask: &mut Forward<'_>, protocol: Protocol) {
        let repeats = self.repeatable || protocol == Protocol::Http2;
        let most = ask.manner.keep.max(if repeats && self.retry.attempts > 0 { self.retry.body } else { 0 });
        let fits = ask.body.length().is_none_or(|length| length <= most as u64);
        if most > 0 && fits {
            self.replay = Some(Replay::over(std::mem::take(ask.body), most));
        }
    }

    /// The next attempt.
    pub(crate) fn next_try<'t>(&self, ask: &'t mut Forward<'_>) -> Try<'t> {
        if let Some(replay) = &self.replay {
            *ask.body = replay.reader();
        }
        let (timeout, idle) = self.limits();
        let Forward { head, body, expects_continue, interim, .. } = ask;
        Try {
            head,
            body,
            expects_continue: *expects_continue,
            interim: *interim,
            timeout,
            idle,
            began: self.began,
        }
    }

    /// How long this attempt may take to answer, and be silent after.
    pub(crate) fn limits(&self) -> (Duration, Duration) {
        let left = self.left(self.began);
        (self.retry.per_try_timeout.map_or(left, |one| one.min(left)), self.idle)
    }

    /// What is left of the request's time then.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.timeout.saturating_sub(now.saturating_duration_since(self.arrived))
    }

    /// How long it may wait for a place. While endpoints are still to come, the service's own time has not begun.
    pub(crate) fn may_wait(&self, most: Duration, held: bool) -> Duration {
        let gone = Instant::now().saturating_duration_since(self.arrived);
        most.min(if held { self.client_timeout } else { self.timeout }.saturating_sub(gone))
    }

    /// It has waited for endpoints to come: the service's time begins now, the client's has gone on.
    pub(crate) fn was_held(&mut self) {
        self.client_timeout =
            self.client_timeout.saturating_sub(self.began.saturating_duration_since(self.arrived));
        self.timeout = self.timeout.min(self.client_timeout);
        self.arrived = self.began;
    }

    /// How long to wait for this attempt before another is made beside it, if any is.
    pub(crate) fn hedge_after(&self, local: &Local) -> Option<Duration> {
        let hedge = self.hedge?;
        let fit = self.repeatable && self.bodiless && self.attempts == 1 && local.service.members.len() > 1;
        if fit { hedge.wait(&local.service.standing) } else { None }
    }

    /// May this request try an endpoint whose ejection is over? Preferably one that can go elsewhere if that fails.
    pub(crate) fn may_try(&self, random: &mut IdSource) -> bool {
        let safe = self.repeatable && self.replay.as_ref().is_none_or(Replay::is_whole);
        self.attempts == 0 && (safe || random.below(TRIAL_SHARE) == 0)
    }

    /// Can the whole request be sent again?
    fn is_whole(&self) -> bool {
        self.replay.as_ref().map_or(self.intact, Replay::is_whole)
    }

    /// May all of it be sent again, as far as is known?
    fn is_sendable(&self) -> bool {
        self.is_whole() && (self.repeatable || !self.seen)
    }

    /// Has no endpoint seen anything of it, and is all of it still here?
    pub(crate) fn is_unseen(&self) -> bool {
        !self.seen && self.is_whole()
    }

    /// An attempt was answered.
    pub(crate) fn was_answered(&mut self) {
        (self.intact, self.seen) = (self.bodiless, true);
    }

    /// An attempt got no answer.
    pub(crate) fn has_failed(&mut self, failure: &Failure) {
        self.intact = failure.body_whole;
        self.seen |= failure.sent != Sent::No;
    }

    pub(crate) fn wants_another_than(&self, answer: &Answer, trial: bool) -> Wanted {
        let status = answer.head.status;
        let grpc =
            if status.is_success() { judge::grpc_status(&answer.head).filter(|n| *n != 0) } else { None };
        if !(self.repeatable && (grpc.is_some() || status.is_server_error() || status.is_client_error())) {
            return Wanted::No;
        }
        if !self.is_whole() {
            Wanted::No
        } else if trial && status.is_server_error() {
            Wanted::Trial
        } else if self.retry.calls_for_another_than(status, grpc, true) {
            Wanted::Retry(judge::retry_after(&answer.head))
        } else {
            Wanted::No
        }
    }

    pub(crate) fn wants_another_after(&self, failure: &Failure, trial: bool) -> Wanted {
        if !self.is_whole() || matches!(failure.cause, Cause::Body(_)) {
            return Wanted::No;
        }
        let unseen = matches!(failure.cause, Cause::Connect(_) | Cause::ConnectTimeout);
        if trial && (self.repeatable || failure.sent == Sent::No) {
            Wanted::Trial
        } else if !self.retry.calls_for_another(failure, self.repeatable) {
            Wanted::No
        } else if unseen {
            Wanted::Elsewhere
        } else {
            Wanted::Retry(None)
        }
    }

    /// Is there another attempt, and after which pause?
    pub(crate) fn again(
        &mut self,
        local: &Local,
        wanted: Wanted,
        client: &Client,
        now: Instant,
    ) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(self.arrived);
        if elapsed >= self.timeout {
            return None;
        }
        let others = local.service.members.len() > usize::from(self.attempts);
        let asked = match wanted {
            Wanted::No => return None,
            Wanted::Trial => return Some(Duration::ZERO),
            Wanted::Elsewhere if others && self.attempts < REACHED_MOST => return Some(Duration::ZERO),
            // The one that does not answer may have ended, and another one be on its way.
            Wanted::Elsewhere
                if self.attempts < REACHED_MOST && local.service.holds(NoSeat::Nobody).is_some() =>
            {
                return Some(HELD_PAUSE);
            }
            Wanted::Elsewhere => None,
            // `Retry-After` speaks for the endpoint that sent it: another one is not asked to wait.
            Wanted::Retry(_) if others => None,
            Wanted::Retry(asked) => asked,
        };
        if self.retries >= self.retry.attempts {
            return None;
        }
        let pause = self.retry.pause(self.retries + 1, asked, client.random.borrow_mut().next_u64())?;
        if elapsed + pause >= self.timeout || !Self::pay(local, client, now) {
            return None;
        }
        self.retries += 1;
        Some(pause)
    }

    /// Takes the price of one more attempt from the service's budget.
    pub(crate) fn pay(local: &Local, client: &Client, now: Instant) -> bool {
        let service = &local.service;
        let paid = service.standing.budget.try_spend(client.clock.at(now), service.meters.requests());
        if !paid {
            service.meters.retry_refused(client.core);
        }
        paid
    }

    pub(crate) fn answered(self, local: &Local, answer: Answer, mut permit: Permit) -> Answered {
        let wants_cookie = local.service.sticky.is_some() && self.home != Some(permit.member());
        Answered {
            answer: grpc::watched(answer, &mut permit),
            permit,
            attempts: self.attempts,
            took: self.took,
            replay: self.replay,
            wants_cookie,
        }
    }

    /// The last attempt failed, and there is no other.
    pub(crate) fn failed(self, failure: Failure, permit: &Permit, ask: &mut Forward<'_>) -> Failed {
        let endpoint = Some(permit.endpoint().into());
        Failed { endpoint, ..self.stopped(Why::Failure(failure), ask) }
    }

    pub(crate) fn nobody(&self, local: &Local, ask: &mut Forward<'_>) -> Failed {
        self.stopped(Self::why_nobody(local), ask)
    }

    pub(crate) fn why_nobody(local: &Local) -> Why {
        Why::Nobody { retry_after: local.service.retry_after() }
    }

    /// It ends here, with the body given back.
    pub(crate) fn stopped(&self, why: Why, ask: &mut Forward<'_>) -> Failed {
        let sendable = self.is_sendable();
        if let Some(replay) = &self.replay {
            *ask.body = replay.reader();
        }
        Failed { why, endpoint: None, attempts: self.attempts, sendable }
    }
}
