//! What ends a request before an endpoint's answer does.

use message::StatusCode;
use net::{BodyError, Cause, Failure, Reject};
use std::time::Duration;
use upstream::{Shed, Why};

/// When there may be room again: the least that `Retry-After` can say.
const SOON: Duration = Duration::from_secs(1);

/// Why a request was ended by the gateway. The order is that of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table below says it")]
#[repr(usize)]
pub enum Reason {
    Malformed,
    HeadTimeout,
    RouteNotFound,
    MethodNotAllowed,
    BodyTooLarge,
    BodyMalformed,
    ClientSlow,
    ClientGone,
    Unauthenticated,
    Forbidden,
    IdentityUnavailable,
    RateLimited,
    QuotaExceeded,
    ConcurrencyLimited,
    LimitsUnavailable,
    OnlyIfCached,
    FilesFailed,
    NoEndpoint,
    QueueFull,
    QueueTimeout,
    Overloaded,
    ConnectFailed,
    ConnectTimeout,
    UpstreamClosed,
    UpstreamMalformed,
    UpstreamTimeout,
    Panic,
    Shutdown,
}

/// Whose fault is it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Client,
    Upstream,
    Us,
}

impl Reason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 28] = [
        Self::Malformed,
        Self::HeadTimeout,
        Self::RouteNotFound,
        Self::MethodNotAllowed,
        Self::BodyTooLarge,
        Self::BodyMalformed,
        Self::ClientSlow,
        Self::ClientGone,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::IdentityUnavailable,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::ConcurrencyLimited,
        Self::LimitsUnavailable,
        Self::OnlyIfCached,
        Self::FilesFailed,
        Self::NoEndpoint,
        Self::QueueFull,
        Self::QueueTimeout,
        Self::Overloaded,
        Self::ConnectFailed,
        Self::ConnectTimeout,
        Self::UpstreamClosed,
        Self::UpstreamMalformed,
        Self::UpstreamTimeout,
        Self::Panic,
        Self::Shutdown,
    ];

    /// The one table: label in metrics and logs, status, title, whose fault.
    const fn row(self) -> (&'static str, u16, &'static str, Fault) {
        use Fault::{Client, Upstream, Us};
        match self {
            Self::Malformed => ("malformed", 400, "The request is malformed", Client),
            Self::HeadTimeout => ("head_timeout", 408, "The request did not arrive in time", Client),
            Self::RouteNotFound => ("route_not_found", 404, "No route takes this request", Client),
            Self::MethodNotAllowed => ("method_not_allowed", 405, "The method is not allowed here", Client),
            Self::BodyTooLarge => ("body_too_large", 413, "The body is too large", Client),
            Self::BodyMalformed => ("body_malformed", 400, "The body of the request is malformed", Client),
            Self::ClientSlow => ("client_slow", 408, "The body of the request arrived too slowly", Client),
            // Never sent: a number for logs, as nginx uses it.
            Self::ClientGone => ("client_gone", 499, "The client went away", Client),
            Self::Unauthenticated => ("unauthenticated", 401, "Credentials are needed", Client),
            Self::Forbidden => ("forbidden", 403, "This caller may not do this", Client),
            Self::IdentityUnavailable => {
                ("identity_unavailable", 503, "Credentials cannot be verified now", Upstream)
            }
            Self::RateLimited => ("rate_limited", 429, "Too many requests", Client),
            Self::QuotaExceeded => ("quota_exceeded", 429, "The quota is used up", Client),
            Self::ConcurrencyLimited => ("concurrency_limited", 429, "Too many requests at a time", Client),
            Self::LimitsUnavailable => ("limits_unavailable", 429, "Limits cannot be checked now", Upstream),
            // RFC 9111 section 5.2.1.7.
            Self::OnlyIfCached => ("only_if_cached", 504, "It is not in the cache", Client),
            Self::FilesFailed => ("files_failed", 500, "The file cannot be read", Us),
            Self::NoEndpoint => ("no_endpoint", 503, "The service is not available", Upstream),
            Self::QueueFull => ("queue_full", 503, "The service is full", Upstream),
            Self::QueueTimeout => ("queue_timeout", 503, "The service is full", Upstream),
            Self::Overloaded => ("overloaded", 503, "The gateway is overloaded", Us),
            Self::ConnectFailed => ("connect_failed", 503, "The service cannot be reached", Upstream),
            Self::ConnectTimeout => {
                ("connect_timeout", 504, "The service cannot be reached in time", Upstream)
            }
            Self::UpstreamClosed => ("upstream_closed", 502, "The service broke the connection", Upstream),
            Self::UpstreamMalformed => {
                ("upstream_malformed", 502, "The service gave a malformed answer", Upstream)
            }
            Self::UpstreamTimeout => {
                ("upstream_timeout", 504, "The service gave no answer in time", Upstream)
            }
            Self::Panic => ("panic", 500, "Tidegate failed on this request", Us),
            // Never sent: the connection is cut.
            Self::Shutdown => ("shutdown", 503, "Tidegate has ended before the answer did", Us),
        }
    }

    /// The label in metrics and logs.
    pub const fn label(self) -> &'static str {
        self.row().0
    }

    /// The usual status.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().1).expect("the table holds valid numbers")
    }

    /// What it is called in the answer.
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    pub(crate) const fn fault(self) -> Fault {
        self.row().3
    }
}

/// A request that ends here.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) reason: Reason,
    /// Where it is not the reason's usual one.
    pub(crate) status: Option<StatusCode>,
    /// For the client. Says what to change, and nothing of what lies behind the gateway.
    pub(crate) public: String,
    /// For the operator.
    pub(crate) detail: Option<String>,
    /// When trying again makes sense.
    pub(crate) retry_after: Option<Duration>,
    /// The methods that are allowed, behind a 405.
    pub(crate) allow: Option<String>,
    /// The policy that was violated, behind a 429.
    pub(crate) violated: Option<Box<str>>,
}

impl Stop {
    pub(crate) fn new(reason: Reason, public: impl Into<String>) -> Self {
        Self {
            reason,
            status: None,
            public: public.into(),
            detail: None,
            retry_after: None,
            allow: None,
            violated: None,
        }
    }

    /// The wire refused what a client sent.
    pub(crate) fn refused(reject: Reject) -> Self {
        let reason = if reject == Reject::HeadTimeout { Reason::HeadTimeout } else { Reason::Malformed };
        let allow =
            (reject == Reject::Method).then(|| "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned());
        Self { status: Some(reject.status()), allow, ..Self::new(reason, reject.to_string()) }
    }

    /// No endpoint answered.
    pub(crate) fn failed(failed: &upstream::Failed) -> Self {
        let cause = match &failed.why {
            Why::Failure(Failure { cause, .. }) => cause,
            Why::Nobody { retry_after } => {
                let stop = Self::new(Reason::NoEndpoint, "No instance of the service is available.");
                return stop.retry_after(*retry_after);
            }
            // Where it was replaced by nothing.
            Why::Replaced => return Self::new(Reason::NoEndpoint, "The service is served no more."),
            Why::Shed(shed) => return Self::shed(*shed),
        };
        if let Cause::Body(e) = cause {
            return Self::body(e);
        }
        let (reason, public) = match cause {
            Cause::Connect(_) => (Reason::ConnectFailed, "No instance of the service accepted a connection."),
            Cause::ConnectTimeout => {
                (Reason::ConnectTimeout, "No instance of the service accepted a connection in time.")
            }
            Cause::Timeout => {
                (Reason::UpstreamTimeout, "The service took longer than the time that is allowed.")
            }
            Cause::Malformed(_) | Cause::Unasked => {
                (Reason::UpstreamMalformed, "The answer of the service is not valid HTTP.")
            }
            Cause::Closed | Cause::Io(_) | Cause::Http2(_) | Cause::Body(_) => {
                (Reason::UpstreamClosed, "The service closed the connection before it answered.")
            }
        };
        let endpoint = failed.endpoint.as_deref().unwrap_or_default();
        let detail = Some(format!("{endpoint} {cause} (attempts: {})", failed.attempts));
        let stop = Self { detail, ..Self::new(reason, public) };
        // Nothing was carried out, so coming again does no harm.
        if reason == Reason::ConnectFailed { stop.retry_after(SOON) } else { stop }
    }

    /// There was no room, and none in time.
    fn shed(shed: Shed) -> Self {
        let (reason, public) = match shed {
            Shed::QueueFull => {
                (Reason::QueueFull, "As many requests as may wait for the service are waiting.")
            }
            Shed::QueueTimeout => {
                (Reason::QueueTimeout, "The service had no room in the time that a request may wait.")
            }
        };
        Self::new(reason, public).retry_after(SOON)
    }

    /// Tidegate itself has more to do than it can.
    pub(crate) fn overloaded() -> Self {
        Self::new(Reason::Overloaded, "The gateway serves more important requests first.").retry_after(SOON)
    }

    pub(crate) fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// The body of the request failed.
    pub(crate) fn body(error: &BodyError) -> Self {
        match error {
            BodyError::TooLarge(limit) => Self::too_large(*limit),
            BodyError::ClientSlow => {
                Self::new(Reason::ClientSlow, "Send the body faster, or in smaller parts.")
            }
            BodyError::Malformed(reject) => {
                Self { status: Some(reject.status()), ..Self::new(Reason::BodyMalformed, reject.to_string()) }
            }
            BodyError::ClientGone => Self::new(Reason::ClientGone, "The client went away."),
            BodyError::UpstreamCut(_) | BodyError::UpstreamSilent | BodyError::Made(_) => Self {
                detail: Some(error.to_string()),
                ..Self::new(Reason::Panic, "The body could not be read.")
            },
        }
    }

    pub(crate) fn too_large(limit: u64) -> Self {
        Self::new(Reason::BodyTooLarge, format!("This route takes bodies of up to {limit} bytes."))
    }

    /// Is it what an upstream does or leaves undone that ends the request?
    pub(crate) fn is_upstreams(&self) -> bool {
        self.reason.fault() == Fault::Upstream
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status.unwrap_or_else(|| self.reason.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_at_its_number_and_has_a_label_of_its_own() {
        let labels: std::collections::HashSet<_> = Reason::ALL.iter().map(|r| r.label()).collect();
        assert_eq!(labels.len(), Reason::ALL.len());
        for (i, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, i);
            assert!(reason.status().as_u16() >= 400);
        }
    }
}
