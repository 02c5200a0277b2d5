//! One attempt at one endpoint: over a waiting connection or a new one, in the version that the service speaks.

use crate::client::{Client, Local};
use crate::connect::connect;
use crate::endpoint::{Endpoint, Lease};
use crate::retry::is_idempotent;
use crate::service::{HostPolicy, Protocol};
use message::RequestHead;
use net::{Answer, Ask, Body, Cause, Connection, Failure, Interim, Multiplexed, Sent};
use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often workers are asked again for a connection.
const RING: Duration = Duration::from_millis(10);

/// What one attempt sends, and how long it may take.
pub(crate) struct Try<'a> {
    pub(crate) head: &'a RequestHead,
    pub(crate) body: &'a mut Body,
    pub(crate) expects_continue: bool,
    pub(crate) interim: Option<&'a Interim>,
    /// To the head of the answer, from the last progress of the request.
    pub(crate) timeout: Duration,
    /// The longest silence after it.
    pub(crate) idle: Duration,
    pub(crate) began: Instant,
}

impl Client {
    /// Makes it. A waiting connection that turns out to be dead is replaced by a fresh one, once.
    pub(crate) async fn attempt(
        &self,
        local: &Local,
        member: usize,
        mut ask: Try<'_>,
    ) -> Result<Answer, Failure> {
        // A WebSocket needs a connection of its own, whatever else is spoken.
        if local.service.settings.protocol == Protocol::Http2 && ask.head.upgrade.is_none() {
            return Box::pin(self.attempt_multiplexed(local, member, &mut ask)).await;
        }
        let repeatable = is_idempotent(ask.head);
        let waiting = local.pools[member].idle.take().filter(|c| repeatable || c.is_surely_usable());
        if let Some(connection) = waiting {
            local.endpoint(member).meters.reused(self.core);
            match connection.exchange(asked(local, member, &mut ask)).await {
                Err(failure) if is_stale(&failure, repeatable) => {}
                done => return done,
            }
        }
        let connection = self.connection(local, member).await?;
        connection.exchange(asked(local, member, &mut ask)).await
    }

    async fn connection(&self, local: &Local, member: usize) -> Result<Box<Connection>, Failure> {
        let (stream, lease) = self.connected(local, member).await?;
        Ok(Connection::new(stream, Rc::downgrade(&local.pools[member].idle), lease))
    }

    async fn connected(
        &self,
        local: &Local,
        member: usize,
    ) -> Result<(net::Stream, Option<Box<dyn Any>>), Failure> {
        let endpoint = local.endpoint(member);
        let timeout = local.service.settings.timeouts.connect;
        let lease = match local.service.members[member].max_connections {
            None => None,
            Some(most) => {
                local.pools[member].lend(endpoint);
                let lease = Box::pin(leased(endpoint, most, timeout)).await?;
                Some(Box::new(lease) as Box<dyn Any>)
            }
        };
        let connected = Box::pin(connect(endpoint, timeout)).await;
        match &connected {
            Ok(_) => endpoint.meters.connected(self.core),
            Err(_) => endpoint.meters.connect_failed(self.core),
        }
        Ok((connected?, lease))
    }

    async fn attempt_multiplexed(
        &self,
        local: &Local,
        member: usize,
        ask: &mut Try<'_>,
    ) -> Result<Answer, Failure> {
        let pool = &local.pools[member];
        let most = local.service.members[member].max_connections;
        let full = || most.is_some_and(|most| local.endpoint(member).connections.open() >= most);
        if let Some(connection) = pool.multiplexed().or_else(|| full().then(|| pool.busy()).flatten()) {
            local.endpoint(member).meters.reused(self.core);
            match connection.exchange(asked(local, member, ask)).await {
                // It went away between two requests.
                Err(failure) if failure.sent == Sent::No && failure.body_whole => {}
                done => return done,
            }
        }
        let (stream, lease) = self.connected(local, member).await?;
        // A TLS upstream that chose HTTP/1.1 is spoken to in that.
        if !stream.is_plain() && !stream.is_h2() {
            let connection = Connection::new(stream, Rc::downgrade(&pool.idle), lease);
            return connection.exchange(asked(local, member, ask)).await;
        }
        let connection = Multiplexed::handshake(stream, lease).await?;
        pool.share(&connection);
        connection.exchange(asked(local, member, ask)).await
    }
}

/// One of the connections that the endpoint may have. Where all are taken, workers that have some waiting are asked to
/// close one.
async fn leased(endpoint: &Arc<Endpoint>, most: u32, timeout: Duration) -> Result<Lease, Failure> {
    let one = async {
        loop {
            // Listened for before it is looked at, so that nothing is missed in between.
            let closed = endpoint.connections.closed.notified();
            if let Some(lease) = Lease::take(endpoint, most) {
                return lease;
            }
            endpoint.connections.wanted.notify_waiters();
            // Rung again now and then: a connection that was under way may wait by now.
            let _ = tokio::time::timeout(RING, closed).await;
        }
    };
    let lease = tokio::time::timeout(timeout, one).await;
    lease.map_err(|_| Failure::before_sending(Cause::ConnectTimeout))
}

fn asked<'a>(local: &'a Local, member: usize, ask: &'a mut Try<'_>) -> Ask<'a> {
    let own = &local.endpoint(member).authority;
    let host = match &local.service.settings.host {
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
        timeout: ask.timeout,
        idle: ask.idle,
        began: ask.began,
    }
}

/// Did the endpoint close a waiting connection just as it was taken up again? Then the request was not looked at, and
/// sending it again is safe where it can be repeated or where nothing had left.
fn is_stale(failure: &Failure, repeatable: bool) -> bool {
    failure.body_whole
        && matches!(failure.cause, Cause::Closed | Cause::Io(_))
        && (repeatable || failure.sent == Sent::No)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(cause: Cause, sent: Sent, body_whole: bool) -> Failure {
        Failure { cause, sent, body_whole }
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
}
