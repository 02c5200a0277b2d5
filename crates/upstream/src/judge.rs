//! What an attempt's end says: of the endpoint's speed (`Outcome`), and of its health (`Seen`).

use crate::grpc;
use balance::{Outcome, Seen};
use message::{Name, ResponseHead, StatusCode};
use net::{Answer, Cause, Failure};
use std::time::Duration;

/// What one attempt has taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lesson {
    pub(crate) outcome: Outcome,
    /// `None`: nothing about its health.
    pub(crate) seen: Option<Seen>,
}

/// gRPC statuses (`doc/statuscodes.md` of the gRPC project) that speak of the server and not of the call.
mod code {
    pub(super) const UNKNOWN: u8 = 2;
    pub(super) const RESOURCE_EXHAUSTED: u8 = 8;
    pub(super) const INTERNAL: u8 = 13;
    pub(super) const UNAVAILABLE: u8 = 14;
    pub(super) const DATA_LOSS: u8 = 15;
}

/// Of an answer that began `took` after its attempt.
pub(crate) fn answered(answer: &Answer, took: Duration) -> Lesson {
    let status = answer.head.status;
    if status.is_success() && grpc::is_open_call(answer) {
        return Lesson { outcome: Outcome::Answered(took), seen: None };
    }
    if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS {
        return grpc_status(&answer.head)
            .map_or(Lesson { outcome: Outcome::Answered(took), seen: Some(Seen::Good) }, |s| {
                by_grpc(s, took)
            });
    }
    let seen = match status.as_u16() {
        502..=504 => Seen::GatewayError,
        // It is alive and says that it has enough: no reason to take it out.
        429 => Seen::Good,
        _ => Seen::ServerError,
    };
    Lesson { outcome: Outcome::Failed(retry_after(&answer.head)), seen: Some(seen) }
}

/// The status of a call that ended before any message ("trailers only").
pub(crate) fn grpc_status(head: &ResponseHead) -> Option<u8> {
    head.fields.get_str(Name::GrpcStatus)?.trim().parse().ok()
}

pub(crate) fn by_grpc(status: u8, took: Duration) -> Lesson {
    let failed = |seen| Lesson { outcome: Outcome::Failed(None), seen: Some(seen) };
    match status {
        code::UNAVAILABLE => failed(Seen::GatewayError),
        code::UNKNOWN | code::INTERNAL | code::DATA_LOSS => failed(Seen::ServerError),
        code::RESOURCE_EXHAUSTED => failed(Seen::Good),
        _ => Lesson { outcome: Outcome::Answered(took), seen: Some(Seen::Good) },
    }
}

/// Of an attempt without an answer.
pub(crate) fn failed(failure: &Failure) -> Lesson {
    let seen = match failure.cause {
        // The client's fault, or its absence.
        Cause::Body(_) => return Lesson { outcome: Outcome::Abandoned, seen: None },
        Cause::Connect(_) | Cause::ConnectTimeout => Seen::ConnectFailed,
        Cause::Closed
        | Cause::Io(_)
        | Cause::Timeout
        | Cause::Malformed(_)
        | Cause::Unasked
        | Cause::Http2(_) => Seen::GatewayError,
    };
    Lesson { outcome: Outcome::Failed(None), seen: Some(seen) }
}

/// Did it fail for want of time or room? Then the service had more than it can do.
pub(crate) fn wants_room(outcome: &Result<Answer, Failure>) -> bool {
    match outcome {
        Ok(answer) => matches!(answer.head.status.as_u16(), 429 | 503 | 504),
        Err(failure) => !matches!(failure.cause, Cause::Body(_)),
    }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3). As a date it is rare, and would need the wall clock: not read.
pub(crate) fn retry_after(head: &ResponseHead) -> Option<Duration> {
    let seconds = head.fields.get_str(Name::RetryAfter)?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::{Body, Reject, Sent};

    const TOOK: Duration = Duration::from_millis(1);

    fn lesson(status: u16, fields: &[(Name, &str)]) -> Lesson {
        let mut head = ResponseHead::new(StatusCode::from_u16(status).unwrap());
        for (name, value) in fields {
            head.fields.add(*name, value.as_bytes());
        }
        answered(&Answer { head, body: Body::empty(), tunnel: None }, TOOK)
    }

    #[test]
    fn an_endpoint_that_fails_is_judged_as_slow_as_it_asks_to_be_left_alone() {
        let after = |status, after| lesson(status, &[(Name::RetryAfter, after)]).outcome;
        assert_eq!(lesson(200, &[]).outcome, Outcome::Answered(TOOK));
        assert_eq!(lesson(404, &[]).outcome, Outcome::Answered(TOOK));
        assert_eq!(lesson(500, &[]).outcome, Outcome::Failed(None));
        assert_eq!(after(503, " 7"), Outcome::Failed(Some(Duration::from_secs(7))));
        assert_eq!(after(429, "soon"), Outcome::Failed(None));
    }

    #[test]
    fn only_faults_of_the_server_speak_against_its_health() {
        let seen = |status| lesson(status, &[]).seen.unwrap();
        assert_eq!([seen(200), seen(404), seen(429)], [Seen::Good; 3]);
        assert_eq!([seen(500), seen(501), seen(599)], [Seen::ServerError; 3]);
        assert_eq!([seen(502), seen(503), seen(504)], [Seen::GatewayError; 3]);
    }

    #[test]
    fn a_grpc_status_counts_like_the_http_status_that_it_stands_for() {
        let seen = |status| lesson(200, &[(Name::GrpcStatus, status)]);
        assert_eq!(seen("14").seen, Some(Seen::GatewayError));
        assert_eq!(seen("13").seen, Some(Seen::ServerError));
        assert_eq!(seen("8"), Lesson { outcome: Outcome::Failed(None), seen: Some(Seen::Good) });
        for fine in ["0", "5", "16", "junk"] {
            assert_eq!(seen(fine), Lesson { outcome: Outcome::Answered(TOOK), seen: Some(Seen::Good) });
        }
    }

    #[test]
    fn what_the_client_broke_says_nothing_of_the_endpoint() {
        let of = |cause| failed(&Failure { cause, sent: Sent::Maybe, body_whole: false });
        assert_eq!(of(Cause::Body(net::BodyError::ClientGone)).seen, None);
        assert_eq!(of(Cause::Connect("refused".into())).seen, Some(Seen::ConnectFailed));
        assert_eq!(of(Cause::Timeout).seen, Some(Seen::GatewayError));
        assert_eq!(of(Cause::Malformed(Reject::StatusLine)).seen, Some(Seen::GatewayError));
    }
}
