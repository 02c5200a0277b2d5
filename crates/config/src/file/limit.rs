//! `rate_limit` and `concurrency`: how often, and how many at a time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Calendar, CostWord, Expression, HeaderName, LimitKey, Period, PolicyName, Rate, own};

/// How often. A rate per hour, day or month without `burst` is a quota of the calendar, in UTC, which a restart does not
/// give back; any other rate is a bucket that fills evenly. A bare rate stands for `rate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "rate"))]
pub struct RateLimit {
    /// The name in `RateLimit`, `RateLimit-Policy` and in metrics.
    #[schemars(extend("x-default" = "made of key and rate"))]
    pub name: Option<PolicyName>,
    /// What is counted by; with a list, by the combination. `consumer` is whoever was identified, and the address of who
    /// was not. Behind a proxy, `ip` needs `trusted_proxies`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 8), extend(
        "x-one-or-list" = true, "x-default" = "`consumer` in plans and on routes with `auth`, else `ip`"
    ))]
    pub key: Vec<LimitKey>,
    /// How often.
    pub rate: Rate,
    /// How much may come at once; what a bucket holds.
    #[schemars(range(min = 1, max = 4_294_967_295_u64), extend("x-default" = "the number of the rate"))]
    pub burst: Option<u32>,
    /// What a request costs: a number, or `response` for what the response says in `X-RateLimit-Cost`, or a mapping with
    /// `header`, which names another header for that.
    #[serde(default)]
    pub cost: Cost,
    /// Which requests it is for, a CEL expression. Absent: all.
    #[serde(rename = "match")]
    pub matches: Option<Expression>,
    /// Count, tell in metrics how many would be refused, and let everybody through.
    #[serde(default)]
    pub shadow: bool,
    /// What becomes of what is too much: `reject` (429), or `{ queue: 2s }`, which lets it wait for its turn so long at
    /// most.
    #[serde(default)]
    pub on_exceed: OnExceed,
    /// With `cluster`: how exactly the nodes count together.
    #[serde(default)]
    pub precision: Precision,
    /// With `cluster`: what happens while the nodes cannot count together.
    #[serde(default)]
    pub on_store_error: OnStoreError,
}

impl RateLimit {
    /// The span of the calendar where this is a quota; none where it is a bucket.
    pub fn quota(&self) -> Option<Calendar> {
        self.rate.calendar().filter(|_| self.burst.is_none())
    }

    /// What the bucket holds.
    pub fn burst(&self) -> u32 {
        self.burst.unwrap_or(u32::try_from(self.rate.count()).unwrap_or(u32::MAX))
    }
}

/// What a request costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "TypedCost", into = "TypedCost")]
pub enum Cost {
    /// So much; never zero.
    Fixed(u32),
    /// What the response says in this header.
    Response(HeaderName),
}

impl Cost {
    /// The header that `response` stands for.
    fn header() -> HeaderName {
        own("x-ratelimit-cost")
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::Fixed(1)
    }
}

/// What a request costs: exactly one of `of` and `header`. A bare number or word stands for `of`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Cost", extend("x-shorthand" = "of", "x-one-of" = ["of", "header"]))]
struct TypedCost {
    /// A number, or `response`: what the response says in `X-RateLimit-Cost`, else 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<CostWord>,
    /// The header in which the response says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderName>,
}

impl TryFrom<TypedCost> for Cost {
    type Error = &'static str;

    fn try_from(typed: TypedCost) -> Result<Self, Self::Error> {
        match (typed.of, typed.header) {
            (Some(CostWord::Fixed(cost)), None) => Ok(Self::Fixed(cost)),
            (Some(CostWord::Response), None) => Ok(Self::Response(Self::header())),
            (None, Some(header)) => Ok(Self::Response(header)),
            _ => Err("exactly one of `of`, `header`"),
        }
    }
}

impl From<Cost> for TypedCost {
    fn from(cost: Cost) -> Self {
        match cost {
            Cost::Fixed(cost) => Self { of: Some(CostWord::Fixed(cost)), header: None },
            Cost::Response(header) => Self { of: None, header: Some(header) },
        }
    }
}

/// What becomes of a request that is too much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "TypedExceed", into = "TypedExceed")]
pub enum OnExceed {
    /// It is answered 429.
    #[default]
    Reject,
    /// It waits for its turn, so long at most; what would have to wait longer is answered 429 at once.
    Queue(Period),
}

/// What becomes of a request that is too much: exactly one of `action` and `queue`. A bare word stands for `action`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "OnExceed", extend("x-shorthand" = "action", "x-one-of" = ["action", "queue"]))]
struct TypedExceed {
    /// What is done at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    /// How long it may wait for its turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-min" = 1, "x-max" = 60_000))]
    queue: Option<Period>,
}

/// What is done at once with a request that is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ExceedAction")]
enum Action {
    /// It is answered 429.
    Reject,
}

impl TryFrom<TypedExceed> for OnExceed {
    type Error = &'static str;

    fn try_from(typed: TypedExceed) -> Result<Self, Self::Error> {
        match (typed.action, typed.queue) {
            (Some(Action::Reject), None) => Ok(Self::Reject),
            (None, Some(patience)) => Ok(Self::Queue(patience)),
            _ => Err("exactly one of `action`, `queue`"),
        }
    }
}

impl From<OnExceed> for TypedExceed {
    fn from(on: OnExceed) -> Self {
        match on {
            OnExceed::Reject => Self { action: Some(Action::Reject), queue: None },
            OnExceed::Queue(patience) => Self { action: None, queue: Some(patience) },
        }
    }
}

/// How exactly several nodes count together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Each node decides at once and settles with the others many times a second: what was admitted too much is made up for.
    #[default]
    Fast,
    /// Each request asks Redis.
    Exact,
}

/// What happens while the nodes cannot count together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStoreError {
    /// Each node admits its part: the limit divided by the nodes that were seen last.
    #[default]
    Local,
    /// Everything is admitted.
    Allow,
    /// Nothing is admitted: 429.
    Deny,
}

/// How many requests at a time. A bare number stands for `limit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "limit"))]
pub struct Concurrency {
    /// What is counted by; with a list, by the combination.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 8), extend(
        "x-one-or-list" = true, "x-default" = "`consumer` in plans and on routes with `auth`, else `ip`"
    ))]
    pub key: Vec<LimitKey>,
    /// Requests under way at a time; what is above is answered 429.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub limit: u32,
}
