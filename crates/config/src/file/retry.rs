//! More than one attempt at a request: one after the other (`retry`), or beside each other (`hedge`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Attempts, ByteSize, HedgeAfter, Percent, Period, RetryOn, StatusRange};

/// Tries a failed request again, at another endpoint where there is one. A bare number stands for `attempts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "attempts"))]
pub struct Retry {
    /// Attempts after the first one, 0 to 5; 0 and `off` try nothing again.
    pub attempts: Attempts,
    /// The failures after which a request is tried again: `connect`, `refused_stream` (HTTP/2 said that nothing was
    /// done), `reset_before_response`, `timeout`, and statuses such as `503` or `5xx`; one or a list.
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub on: Vec<RetryOn>,
    /// The `grpc-status` of answers after which a gRPC call is tried again; one or a list.
    #[schemars(extend("x-one-or-list" = true))]
    pub grpc_on: Vec<GrpcStatus>,
    /// How long each attempt may take to the first byte of its answer. Absent, only `timeouts.request` bounds them all.
    pub per_try_timeout: Option<Period>,
    /// Retries of a service, as a part of its requests. Above it failures go to the client, so that retries cannot
    /// multiply the load of a service that is in trouble.
    pub budget: Percent,
    /// Retries a second that are allowed whatever the budget.
    #[schemars(range(min = 0, max = 100_000))]
    pub min_per_second: u32,
    /// The wait before another attempt.
    pub backoff: Backoff,
    /// Which requests are tried again once something of them was sent.
    pub methods: RetryMethods,
    /// A request with `Idempotency-Key` counts as idempotent.
    pub idempotency_key: bool,
    /// Bytes of a request body that are kept to be sent again. A request with a larger one is not tried again once its
    /// body began to be sent.
    #[schemars(extend("x-min" = 0, "x-max" = 16_777_216))]
    pub body: ByteSize,
}

impl Default for Retry {
    fn default() -> Self {
        let status = |status| RetryOn::Status(StatusRange { first: status, last: status });
        let (connect, refused, reset) =
            (RetryOn::Connect, RetryOn::RefusedStream, RetryOn::ResetBeforeResponse);
        Self {
            attempts: Attempts::ONE,
            on: vec![connect, refused, reset, status(502), status(503), status(504)],
            grpc_on: vec![GrpcStatus::Unavailable],
            per_try_timeout: None,
            budget: Percent::of(20),
            min_per_second: 3,
            backoff: Backoff::default(),
            methods: RetryMethods::default(),
            idempotency_key: false,
            body: ByteSize::bytes(64 << 10),
        }
    }
}

/// Tries a failed request again, at another endpoint where there is one. A bare number stands for `attempts`. The budget is
/// that of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "attempts", "x-elsewhere" = {
    "budget": "all routes to a service share one budget: write it in the service's `retry`",
    "min_per_second": "all routes to a service share one budget: write it in the service's `retry`",
}))]
pub struct RouteRetry {
    /// Attempts after the first one, 0 to 5; 0 and `off` try nothing again.
    pub attempts: Attempts,
    /// The failures after which a request is tried again: `connect`, `refused_stream` (HTTP/2 said that nothing was
    /// done), `reset_before_response`, `timeout`, and statuses such as `503` or `5xx`; one or a list.
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub on: Vec<RetryOn>,
    /// The `grpc-status` of answers after which a gRPC call is tried again; one or a list.
    #[schemars(extend("x-one-or-list" = true))]
    pub grpc_on: Vec<GrpcStatus>,
    /// How long each attempt may take to the first byte of its answer. Absent, only `timeouts.request` bounds them all.
    pub per_try_timeout: Option<Period>,
    /// The wait before another attempt.
    pub backoff: Backoff,
    /// Which requests are tried again once something of them was sent.
    pub methods: RetryMethods,
    /// A request with `Idempotency-Key` counts as idempotent.
    pub idempotency_key: bool,
    /// Bytes of a request body that are kept to be sent again. A request with a larger one is not tried again once its
    /// body began to be sent.
    #[schemars(extend("x-min" = 0, "x-max" = 16_777_216))]
    pub body: ByteSize,
}

impl Default for RouteRetry {
    fn default() -> Self {
        let Retry { attempts, on, grpc_on, per_try_timeout, backoff, methods, idempotency_key, body, .. } =
            Retry::default();
        Self { attempts, on, grpc_on, per_try_timeout, backoff, methods, idempotency_key, body }
    }
}

impl From<RouteRetry> for Retry {
    /// With the default budget, which nobody asks a route for.
    fn from(route: RouteRetry) -> Self {
        let RouteRetry { attempts, on, grpc_on, per_try_timeout, backoff, methods, idempotency_key, body } =
            route;
        Self {
            attempts,
            on,
            grpc_on,
            per_try_timeout,
            backoff,
            methods,
            idempotency_key,
            body,
            ..Self::default()
        }
    }
}

/// The wait before another attempt: random, up to twice as long each time. A `Retry-After` in the answer goes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backoff {
    /// The longest first wait.
    pub base: Period,
    /// The longest wait of all.
    pub max: Period,
}

impl Backoff {
    /// `base`, where the file does not say.
    pub(crate) const BASE: Period = Period::millis(25);
    /// `max`, where the file does not say.
    pub(crate) const MAX: Period = Period::millis(250);
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Self::BASE, max: Self::MAX }
    }
}

/// Which requests are tried again once something of them was sent. What was never sent is tried again whatever it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryMethods {
    /// GET, HEAD, OPTIONS, TRACE, PUT and DELETE (RFC 9110 section 9.2.2).
    #[default]
    Idempotent,
    /// Any: the service must bear to get the same request twice.
    All,
}

/// A `grpc-status` that is not OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the gRPC specification and stand for themselves")]
pub enum GrpcStatus {
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl GrpcStatus {
    /// The number on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Starts a second attempt beside one that takes long, for idempotent requests and within the budget of `retry`; the
/// slower one is cancelled. A bare value stands for `after`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "after"))]
pub struct Hedge {
    /// When the next attempt starts: after a time, or when it took longer than a part of the service's recent answers
    /// did (`p95`: than 95 of 100).
    pub after: HedgeAfter,
}
