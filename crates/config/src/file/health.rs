//! Which endpoints are well: by asking them, and by what requests met.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Factor, GrpcService, Percent, Period, ProbeHost, ProbePath, StatusRange, Yes};

/// Asks each endpoint now and then whether it is well, in one of three ways: `path`, `tcp` or `grpc`. A bare path stands
/// for `path`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "TypedHealthCheck", into = "TypedHealthCheck")]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// The time between two probes of an endpoint.
    pub interval: Period,
    /// How long a probe may take.
    pub timeout: Period,
    /// Failures in a row after which an endpoint is down.
    pub fall: u8,
    /// Successes in a row after which an endpoint is up again.
    pub rise: u8,
    /// The port that is asked, instead of the endpoint's own.
    pub port: Option<u16>,
}

/// What a health check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// `GET` this path.
    Http {
        /// Path and query.
        path: ProbePath,
        /// The `Host` to send, instead of the endpoint's own.
        host: Option<ProbeHost>,
        /// The statuses of an endpoint that is well; never empty.
        expect: Vec<StatusRange>,
    },
    /// The gRPC Health Checking Protocol, `grpc.health.v1.Health/Check`.
    Grpc {
        /// The service to ask about; empty for the whole server.
        service: GrpcService,
        /// The `:authority` to send, instead of the endpoint's own.
        host: Option<ProbeHost>,
    },
    /// Whether a connection can be made.
    Tcp,
}

/// [`HealthCheck`] as it is typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "HealthCheck", extend("x-shorthand" = "path", "x-one-of" = ["path", "tcp", "grpc"]))]
struct TypedHealthCheck {
    /// `GET` this path, which may have a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<ProbePath>,
    /// `true`: a connection that can be made will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<Yes>,
    /// Ask by the gRPC Health Checking Protocol about this service; `""` is the whole server.
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc: Option<GrpcService>,
    /// The time between two probes of an endpoint, give or take a tenth.
    #[schemars(extend("x-min" = 10))]
    interval: Period,
    /// How long a probe may take.
    timeout: Period,
    /// Failures in a row after which an endpoint is down.
    #[schemars(range(min = 1, max = 100))]
    fall: u8,
    /// Successes in a row after which an endpoint is up again.
    #[schemars(range(min = 1, max = 100))]
    rise: u8,
    /// With `path`: the statuses of an endpoint that is well, `200-399`, `204`, `2xx`, or a list of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true, "x-default" = "`200-399`"))]
    expect: Option<Vec<StatusRange>>,
    /// With `path` and `grpc`: the host to ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-default" = "the endpoint's own"))]
    host: Option<ProbeHost>,
    /// The port that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535), extend("x-default" = "the endpoint's own"))]
    port: Option<u16>,
}

impl HealthCheck {
    /// The statuses of an endpoint that is well, where the file does not say.
    const WELL: StatusRange = StatusRange { first: 200, last: 399 };
    /// `interval`, where the file does not say.
    pub(crate) const INTERVAL: Period = Period::seconds(2);
    /// `timeout`, where the file does not say.
    pub(crate) const TIMEOUT: Period = Period::seconds(1);
}

impl Default for TypedHealthCheck {
    fn default() -> Self {
        Self {
            path: None,
            tcp: None,
            grpc: None,
            interval: HealthCheck::INTERVAL,
            timeout: HealthCheck::TIMEOUT,
            fall: 3,
            rise: 2,
            expect: None,
            host: None,
            port: None,
        }
    }
}

impl TryFrom<TypedHealthCheck> for HealthCheck {
    type Error = &'static str;

    fn try_from(typed: TypedHealthCheck) -> Result<Self, Self::Error> {
        let host = typed.host;
        let probe = match (typed.path, typed.grpc, typed.tcp) {
            (Some(path), None, None) => {
                let expect = typed.expect.unwrap_or_else(|| vec![Self::WELL]);
                Probe::Http { path, host, expect }
            }
            (None, Some(service), None) => Probe::Grpc { service, host },
            (None, None, Some(Yes)) => Probe::Tcp,
            _ => return Err("exactly one of `path`, `tcp`, `grpc`"),
        };
        let TypedHealthCheck { interval, timeout, fall, rise, port, .. } = typed;
        Ok(Self { probe, interval, timeout, fall, rise, port })
    }
}

impl From<HealthCheck> for TypedHealthCheck {
    fn from(check: HealthCheck) -> Self {
        let HealthCheck { probe, interval, timeout, fall, rise, port } = check;
        let plain = Self { interval, timeout, fall, rise, port, ..Self::default() };
        match probe {
            Probe::Http { path, host, expect } => {
                Self { path: Some(path), host, expect: Some(expect), ..plain }
            }
            Probe::Grpc { service, host } => Self { grpc: Some(service), host, ..plain },
            Probe::Tcp => Self { tcp: Some(Yes), ..plain },
        }
    }
}

/// Takes an endpoint out when its answers are failures, at first for `base_ejection_time`, then longer each time. One
/// request tries whether it is well again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "enabled"))]
pub struct OutlierDetection {
    /// `off` takes no endpoint out.
    pub enabled: bool,
    /// Failures in a row of any kind: 500 to 599, no answer in time, a broken connection.
    #[schemars(range(min = 1, max = 10_000))]
    pub consecutive_5xx: u32,
    /// Failures in a row of these kinds: 502, 503, 504, no connection, no answer in time, a broken connection.
    #[schemars(range(min = 1, max = 10_000))]
    pub consecutive_gateway_errors: u32,
    /// How often success rates are compared, and endpoints that were out long enough come back.
    #[schemars(extend("x-min" = 10))]
    pub interval: Period,
    /// How long an endpoint is out; times the number of times that it was.
    pub base_ejection_time: Period,
    /// The longest time that an endpoint is out.
    pub max_ejection_time: Period,
    /// The part of the endpoints that may be out at a time. The last one never is.
    pub max_ejection: Percent,
    /// Take out endpoints whose success rate is far below that of the others. `off` turns it off.
    pub success_rate: SuccessRate,
}

impl OutlierDetection {
    /// `base_ejection_time`, where the file does not say.
    pub(crate) const BASE: Period = Period::seconds(30);
    /// `max_ejection_time`, where the file does not say.
    pub(crate) const MAX: Period = Period::seconds(300);
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self {
            enabled: true,
            consecutive_5xx: 5,
            consecutive_gateway_errors: 5,
            interval: Period::seconds(10),
            base_ejection_time: Self::BASE,
            max_ejection_time: Self::MAX,
            max_ejection: Percent::of(50),
            success_rate: SuccessRate::default(),
        }
    }
}

/// Takes out endpoints whose success rate is below the average by more than `stdev_factor` standard deviations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "enabled"))]
pub struct SuccessRate {
    /// `off` compares no success rates.
    pub enabled: bool,
    /// Endpoints with enough requests that there must be for a comparison.
    #[schemars(range(min = 2, max = 10_000))]
    pub min_hosts: u32,
    /// Requests within an `interval` that an endpoint must have to be compared.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub min_requests: u32,
    /// Standard deviations below the average.
    #[schemars(extend("x-min" = 100, "x-max" = 100_000))]
    pub stdev_factor: Factor,
}

impl Default for SuccessRate {
    fn default() -> Self {
        Self { enabled: true, min_hosts: 5, min_requests: 100, stdev_factor: Factor::thousandths(1_900) }
    }
}
