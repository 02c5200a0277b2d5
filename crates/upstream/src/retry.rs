//! When is an attempt made again? Settings, and the judgement that follows from them.
//!
//! *Invariant*: what may have been carried out is sent again only where carrying it out twice is harmless: the method is
//! idempotent (RFC 9110 section 9.2.2), the request carries its own identity and the config says that this counts, or
//! nothing of it was sent. Pure: the loop in `forward` does what is said here.

use balance::BudgetSettings;
use message::{Method, Name, RequestHead, StatusCode};
use net::{Cause, Failure, Sent};
use std::time::Duration;

/// How failed attempts are made again.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// How often at most, beyond the first attempt. Endpoints that could not be reached at all do not count: they have
    /// seen nothing of the request.
    pub attempts: u8,
    /// After what.
    pub on: Conditions,
    /// The answer of one attempt is waited for no longer than this.
    pub per_try_timeout: Option<Duration>,
    /// What share of a service's requests may be retries.
    pub budget: BudgetSettings,
    /// The pause before the first retry; it doubles with each, up to `backoff_max`, and is jittered by half.
    pub backoff: Duration,
    /// The longest pause. A `Retry-After` longer than this means that there is no retry.
    pub backoff_max: Duration,
    /// Methods that are not idempotent too.
    pub all_methods: bool,
    /// A request with an `Idempotency-Key` counts as idempotent.
    pub idempotency_key: bool,
    /// Bodies up to this many bytes are kept, to be sent again.
    pub body: usize,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 1,
            on: Conditions::default(),
            per_try_timeout: None,
            budget: BudgetSettings::default(),
            backoff: Duration::from_millis(25),
            backoff_max: Duration::from_millis(250),
            all_methods: false,
            idempotency_key: false,
            body: 64 * 1024,
        }
    }
}

/// After what an attempt is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the words of a list, each there or not")]
pub struct Conditions {
    /// The endpoint could not be reached.
    pub connect: bool,
    /// It said over HTTP/2 that it has not looked at the request.
    pub refused_stream: bool,
    /// It broke the connection, or spoke no HTTP, before it answered.
    pub reset_before_response: bool,
    /// It did not answer in time.
    pub timeout: bool,
    /// It answered with one of these.
    pub statuses: Statuses,
    /// It answered with one of these gRPC statuses, before any message: a bit for each number.
    pub grpc: u32,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            connect: true,
            refused_stream: true,
            reset_before_response: true,
            timeout: false,
            statuses: [502, 503, 504].into_iter().collect(),
            grpc: 1 << 14,
        }
    }
}

/// A set of statuses from 400 to 599.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statuses([u64; 4]);

impl Statuses {
    /// Is it among them?
    pub fn has(self, status: StatusCode) -> bool {
        place(status.as_u16()).is_some_and(|(word, bit)| self.0[word] & bit != 0)
    }
}

impl FromIterator<u16> for Statuses {
    /// Numbers outside 400..=599 are left out: such answers are never failures.
    fn from_iter<I: IntoIterator<Item = u16>>(statuses: I) -> Self {
        let mut set = Self::default();
        for (word, bit) in statuses.into_iter().filter_map(place) {
            set.0[word] |= bit;
        }
        set
    }
}

fn place(status: u16) -> Option<(usize, u64)> {
    let n = status.checked_sub(400).filter(|n| *n < 200)?;
    Some((usize::from(n / 64), 1 << (n % 64)))
}

impl Retry {
    /// May this request be carried out twice?
    pub fn is_repeatable(&self, head: &RequestHead) -> bool {
        is_idempotent(head)
            || (head.upgrade.is_none()
                && (self.all_methods || (self.idempotency_key && head.fields.has(Name::IdempotencyKey))))
    }

    /// Does that failure call for another attempt?
    pub(crate) fn calls_for_another(&self, failure: &Failure, repeatable: bool) -> bool {
        let wanted = match &failure.cause {
            Cause::Connect(_) | Cause::ConnectTimeout => self.on.connect,
            Cause::Http2(_) if failure.sent == Sent::No => self.on.refused_stream,
            Cause::Closed | Cause::Io(_) | Cause::Http2(_) | Cause::Malformed(_) | Cause::Unasked => {
                self.on.reset_before_response
            }
            // A limit for one try has no other use than another try.
            Cause::Timeout => self.on.timeout || self.per_try_timeout.is_some(),
            Cause::Body(_) => false,
        };
        wanted && (repeatable || failure.sent == Sent::No)
    }

    /// Does that answer?
    pub(crate) fn calls_for_another_than(
        &self,
        status: StatusCode,
        grpc: Option<u8>,
        repeatable: bool,
    ) -> bool {
        repeatable
            && (self.on.statuses.has(status) || grpc.is_some_and(|n| n < 32 && self.on.grpc & (1 << n) != 0))
    }

    /// The pause before the retry of that number, from 1; `None` where the endpoint asks for a longer one than is ever
    /// made. `random`: 64 random bits.
    pub(crate) fn pause(&self, retry: u8, asked: Option<Duration>, random: u64) -> Option<Duration> {
        if asked.is_some_and(|asked| asked > self.backoff_max) {
            return None;
        }
        let full = self.backoff.saturating_mul(1 << u32::from(retry.saturating_sub(1)).min(16));
        let full = full.min(self.backoff_max);
        // Between half of it and all of it, so that requests which failed together do not come back together.
        let share = 0.5 + 0.5 * (random >> 11) as f64 / (1_u64 << 53) as f64;
        Some(full.mul_f64(share).max(asked.unwrap_or_default()))
    }
}

/// RFC 9110 section 9.2.2. An upgrade hands over a connection, which is no request to repeat.
pub(crate) fn is_idempotent(head: &RequestHead) -> bool {
    matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
        && head.upgrade.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::{Fields, Target, Version};

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

    fn failure(cause: Cause, sent: Sent) -> Failure {
        Failure { cause, sent, body_whole: true }
    }

    #[test]
    fn only_what_may_run_twice_is_repeatable() {
        let retry = Retry::default();
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE] {
            assert!(retry.is_repeatable(&head(method)));
        }
        for method in [Method::POST, Method::PATCH] {
            assert!(!retry.is_repeatable(&head(method)));
        }
        let opening = RequestHead { upgrade: Some("websocket".into()), ..head(Method::GET) };
        assert!(!retry.is_repeatable(&opening));
        assert!(!Retry { all_methods: true, ..Retry::default() }.is_repeatable(&opening));
    }

    #[test]
    fn an_idempotency_key_counts_only_where_the_config_says_so() {
        let mut post = head(Method::POST);
        post.fields.add(Name::IdempotencyKey, b"4711");
        assert!(!Retry::default().is_repeatable(&post));
        assert!(Retry { idempotency_key: true, ..Retry::default() }.is_repeatable(&post));
        assert!(Retry { all_methods: true, ..Retry::default() }.is_repeatable(&head(Method::POST)));
    }

    #[test]
    fn what_may_have_been_carried_out_is_not_sent_again() {
        let retry = Retry::default();
        assert!(!retry.calls_for_another(&failure(Cause::Closed, Sent::Maybe), false));
        assert!(retry.calls_for_another(&failure(Cause::Closed, Sent::Maybe), true));
        assert!(retry.calls_for_another(&failure(Cause::Connect("refused".into()), Sent::No), false));
        assert!(!retry.calls_for_another_than(StatusCode::SERVICE_UNAVAILABLE, None, false));
    }

    #[test]
    fn a_timeout_is_tried_again_only_where_it_was_one_of_a_try() {
        let late = failure(Cause::Timeout, Sent::Maybe);
        assert!(!Retry::default().calls_for_another(&late, true));
        let per_try_timeout = Some(Duration::from_secs(1));
        assert!(Retry { per_try_timeout, ..Retry::default() }.calls_for_another(&late, true));
    }

    #[test]
    fn statuses_call_for_another_attempt_only_where_they_are_listed() {
        let retry = Retry::default();
        let calls = |status: u16, grpc| {
            retry.calls_for_another_than(StatusCode::from_u16(status).unwrap(), grpc, true)
        };
        assert!(calls(502, None) && calls(503, None) && calls(504, None));
        assert!(!calls(500, None) && !calls(404, None) && !calls(200, None) && !calls(399, None));
        assert!(calls(200, Some(14)) && !calls(200, Some(0)) && !calls(200, Some(200)));
        let edges: Statuses = [399, 400, 599, 600].into_iter().collect();
        assert!(edges.has(StatusCode::BAD_REQUEST) && edges.has(StatusCode::from_u16(599).unwrap()));
        assert!(!edges.has(StatusCode::from_u16(600).unwrap()));
    }

    #[test]
    fn pauses_double_up_to_their_bound_and_keep_a_half_of_chance() {
        let retry = Retry::default();
        let ms = |n, random| retry.pause(n, None, random).unwrap().as_micros();
        assert_eq!(ms(1, 0), 12_500);
        assert!((24_999..=25_000).contains(&ms(1, u64::MAX)));
        assert_eq!(ms(2, 0), 25_000);
        assert_eq!(ms(200, 0), 125_000);
    }

    #[test]
    fn a_retry_after_is_kept_or_there_is_no_retry() {
        let retry = Retry::default();
        let asked = Duration::from_millis(200);
        assert_eq!(retry.pause(1, Some(asked), 0), Some(asked));
        assert_eq!(retry.pause(1, Some(Duration::from_secs(1)), 0), None);
    }
}
