//! The loop of attempts: pick, connect, send, and again elsewhere where that is safe.

use crate::client::{Client, Local};
use crate::connect::connect;
use crate::permit::Permit;
use crate::service::{HostPolicy, Protocol};
use balance::{Outcome, Tried};
use message::{Method, Name, RequestHead, StatusCode};
use net::{Answer, Ask, Body, Cause, Connection, Failure, Interim, Multiplexed, Sent};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Attempts that one request may make: enough to pass by endpoints that refuse connections, few enough not to
/// multiply load.
const ATTEMPTS_MOST: u8 = 3;

/// What to forward.
#[derive(Debug)]
pub struct Forward<'a> {
    /// The request's head, as it goes to the upstream.
    pub head: &'a RequestHead,
    /// Its body.
    pub body: &'a mut Body,
    /// The client waits for `100 Continue`.
    pub expects_continue: bool,
    /// Where interim answers go.
    pub interim: Option<&'a Interim>,
    /// Longest wait for the head of the answer; the service's own where the route has none.
    pub request_timeout: Option<Duration>,
    /// Longest silence in the answer's body.
    pub idle_timeout: Option<Duration>,
    /// When the request arrived.
    pub arrived: Instant,
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
}

/// No endpoint answered.
#[derive(Debug)]
pub struct Failed {
    /// Why the last attempt failed; `None`: the service has no endpoint.
    pub failure: Option<Failure>,
    /// The endpoint of the last attempt.
    pub endpoint: Option<Box<str>>,
    /// How many attempts were made.
    pub attempts: u8,
}

impl Client {
    /// Forwards a request to some endpoint of a service.
    pub async fn forward(&self, local: &Rc<Local>, mut ask: Forward<'_>) -> Result<Answered, Failed> {
        let mut tried = Tried::none();
        let mut attempts = 0;
        // The clock is read once an attempt, at its end, which is the beginning of the next.
        let mut began = ask.arrived;
        loop {
            let Some(member) = local.pick(self, &tried) else {
                return Err(Failed { failure: None, endpoint: None, attempts });
            };
            attempts += 1;
            let mut permit = Permit::start(local, member, self.core);
            let outcome = self.attempt(local, member, &mut ask, began).await;
            let ended = Instant::now();
            let took = ended.saturating_duration_since(began);
            began = ended;
            let endpoint = local.endpoint(member);
            match outcome {
                Ok(answer) => {
                    endpoint.meters.answered(self.core, took);
                    permit.settle(judged(&answer, took), self.clock.at(ended));
                    return Ok(Answered { answer, permit, attempts, took });
                }
                Err(failure) => {
                    if !matches!(failure.cause, Cause::Body(_)) {
                        permit.settle(Outcome::Failed(None), self.clock.at(ended));
                    }
                    tried.insert(member);
                    let elsewhere = local.service.members.len() > usize::from(attempts);
                    if failure.sent != Sent::No
                        || !failure.body_whole
                        || attempts >= ATTEMPTS_MOST
                        || !elsewhere
                    {
                        let endpoint = Some(endpoint.label.clone());
                        return Err(Failed { failure: Some(failure), endpoint, attempts });
                    }
                    local.service.meters.retried(self.core);
                }
            }
        }
    }

    /// One attempt at one endpoint. A waiting connection that turns out to be dead is replaced by a fresh one, once.
    async fn attempt(
        &self,
        local: &Local,
        member: usize,
        ask: &mut Forward<'_>,
        began: Instant,
    ) -> Result<Answer, Failure> {
        // A WebSocket needs a connection of its own, whatever else is spoken.
        if local.service.settings.protocol == Protocol::Http2 && ask.head.upgrade.is_none() {
            return Box::pin(self.attempt_multiplexed(local, member, ask, began)).await;
        }
        let repeatable = is_idempotent(ask.head);
        let waiting = local.pools[member].idle.take().filter(|c| repeatable || c.is_surely_usable());
        if let Some(connection) = waiting {
            local.endpoint(member).meters.reused(self.core);
            match exchange(connection, local, member, ask, began).await {
                Err(failure) if is_stale(&failure, repeatable) => {}
                done => return done,
            }
        }
        let connection = self.connection(local, member).await?;
        exchange(connection, local, member, ask, began).await
    }

    async fn connection(&self, local: &Local, member: usize) -> Result<Box<Connection>, Failure> {
        let stream = self.connected(local, member).await?;
        Ok(Connection::new(stream, Rc::downgrade(&local.pools[member].idle)))
    }

    async fn connected(&self, local: &Local, member: usize) -> Result<net::Stream, Failure> {
        let endpoint = local.endpoint(member);
        let connected = Box::pin(connect(endpoint, local.service.settings.timeouts.connect)).await;
        match &connected {
            Ok(_) => endpoint.meters.connected(self.core),
            Err(_) => endpoint.meters.connect_failed(self.core),
        }
        connected
    }

    async fn attempt_multiplexed(
        &self,
        local: &Local,
        member: usize,
        ask: &mut Forward<'_>,
        began: Instant,
    ) -> Result<Answer, Failure> {
        let pool = &local.pools[member];
        if let Some(connection) = pool.multiplexed() {
            local.endpoint(member).meters.reused(self.core);
            match connection.exchange(asked(local, member, ask, began)).await {
                // It went away between two requests.
                Err(failure) if failure.sent == Sent::No && failure.body_whole => {}
                done => return done,
            }
        }
        let stream = self.connected(local, member).await?;
        // A TLS upstream that chose HTTP/1.1 is spoken to in that.
        if !stream.is_plain() && !stream.is_h2() {
            let connection = Connection::new(stream, Rc::downgrade(&pool.idle));
            return exchange(connection, local, member, ask, began).await;
        }
        let connection = Multiplexed::handshake(stream).await?;
        pool.share(&connection);
        connection.exchange(asked(local, member, ask, began)).await
    }
}

async fn exchange(
    connection: Box<Connection>,
    local: &Local,
    member: usize,
    ask: &mut Forward<'_>,
    began: Instant,
) -> Result<Answer, Failure> {
    connection.exchange(asked(local, member, ask, began)).await
}

fn asked<'a>(local: &'a Local, member: usize, ask: &'a mut Forward<'_>, began: Instant) -> Ask<'a> {
    let settings = &local.service.settings;
    let own = &local.endpoint(member).authority;
    let host = match &settings.host {
        HostPolicy::Preserve => ask.head.authority.as_ref().map_or(&**own, |a| a.as_str()),
        HostPolicy::Endpoint => own,
        HostPolicy::Fixed(host) => host,
    };
    Ask {
        head: ask.head,
        host,
        body: ask.body,
        expects_continue: ask.expects_continue,
        interim: ask.interim,
        timeout: ask.request_timeout.unwrap_or(settings.timeouts.request),
        idle: ask.idle_timeout.unwrap_or(settings.timeouts.idle),
        began,
    }
}

/// RFC 9110 section 9.2.2, and requests that carry their own identity.
fn is_idempotent(head: &RequestHead) -> bool {
    matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
        && head.upgrade.is_none()
}

/// Did the endpoint close a waiting connection just as it was taken up again? Then the request was not looked at, and
/// sending it again is safe where it can be repeated or where nothing had left.
fn is_stale(failure: &Failure, repeatable: bool) -> bool {
    failure.body_whole
        && matches!(failure.cause, Cause::Closed | Cause::Io(_))
        && (repeatable || failure.sent == Sent::No)
}

/// What an answer says of its endpoint's health.
fn judged(answer: &Answer, took: Duration) -> Outcome {
    let status = answer.head.status;
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        let seconds = answer.head.fields.get_str(Name::RetryAfter).and_then(|v| v.trim().parse().ok());
        return Outcome::Failed(seconds.map(Duration::from_secs));
    }
    Outcome::Answered(took)
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::{Fields, ResponseHead, Target, Version};

    fn head(method: Method) -> RequestHead {
        RequestHead {
            method,
            target: Target::parse(b"/", true).unwrap(),
            authority: None,
            version: Version::HTTP_11,
            fields: Fields::new(),
            upgrade: None,
        }
    }

    fn failure(cause: Cause, sent: Sent, body_whole: bool) -> Failure {
        Failure { cause, sent, body_whole }
    }

    fn answer(status: u16, retry_after: Option<&str>) -> Answer {
        let mut head = ResponseHead::new(StatusCode::from_u16(status).unwrap());
        if let Some(after) = retry_after {
            head.fields.add(Name::RetryAfter, after.as_bytes());
        }
        Answer { head, body: Body::empty(), tunnel: None }
    }

    #[test]
    fn only_what_may_run_twice_counts_as_idempotent() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE] {
            assert!(is_idempotent(&head(method)));
        }
        for method in [Method::POST, Method::PATCH] {
            assert!(!is_idempotent(&head(method)));
        }
        let opening = RequestHead { upgrade: Some("websocket".into()), ..head(Method::GET) };
        assert!(!is_idempotent(&opening));
    }

    #[test]
    fn a_post_that_may_have_arrived_is_never_sent_again() {
        assert!(!is_stale(&failure(Cause::Closed, Sent::Maybe, true), false));
        assert!(is_stale(&failure(Cause::Closed, Sent::No, true), false));
        assert!(is_stale(&failure(Cause::Closed, Sent::Maybe, true), true));
    }

    #[test]
    fn what_cannot_be_sent_whole_is_not_sent_again() {
        assert!(!is_stale(&failure(Cause::Closed, Sent::No, false), true));
    }

    #[test]
    fn an_endpoint_that_was_silent_or_spoke_nonsense_was_no_stale_connection() {
        assert!(!is_stale(&failure(Cause::Timeout, Sent::Maybe, true), true));
        assert!(!is_stale(&failure(Cause::Malformed(net::Reject::StatusLine), Sent::Yes, true), true));
    }

    #[test]
    fn an_endpoint_that_fails_is_judged_as_slow_as_it_asks_to_be_left_alone() {
        let took = Duration::from_millis(1);
        assert_eq!(judged(&answer(200, None), took), Outcome::Answered(took));
        assert_eq!(judged(&answer(404, None), took), Outcome::Answered(took));
        assert_eq!(judged(&answer(500, None), took), Outcome::Failed(None));
        assert_eq!(judged(&answer(503, Some(" 7")), took), Outcome::Failed(Some(Duration::from_secs(7))));
        assert_eq!(judged(&answer(429, Some("soon")), took), Outcome::Failed(None));
    }
}
