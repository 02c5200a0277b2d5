//! `routes`: which request goes where.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::{Cors, IpRules, Way};
use super::cached::Cache;
use super::fallback::{Fallback, Mirror, Split};
use super::limit::{Concurrency, RateLimit};
use super::retry::{Hedge, RouteRetry};
use super::static_files::StaticFiles;
use crate::value::{
    ByteSize, Expression, HeaderName, HeaderValue, HostPattern, Method, PathPattern, Period, RedirectStatus,
    RedirectTo, Scope, ServiceName, SizeLimit,
};

/// What a request must be like, and what then happens: exactly one of `service`, `split`, `redirect`, `respond` and
/// `static`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-later" = [
    "fields", "validate", "async", "compose", "compress", "waf", "protect", "edge", "rewrite", "version", "idempotent",
], "x-one-of" = ["service", "split", "redirect", "respond", "static"]))]
pub struct Route {
    /// The name in metrics and logs; it is unique.
    #[serde(default)]
    #[schemars(extend("x-default" = "methods, host and path of the match"))]
    pub name: String,
    /// Which requests this route is for. What is absent matches everything.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// Forward to this service.
    pub service: Option<ServiceName>,
    /// Forward to one of several services, by their shares: `{ shop-v1: 95, shop-v2: 5 }`.
    #[schemars(extend("x-keys" = "name"))]
    pub split: Option<Split>,
    /// Send the client elsewhere. A bare URL stands for `to`.
    pub redirect: Option<Redirect>,
    /// Answer from here.
    pub respond: Option<Respond>,
    /// Serve the files of a folder. A bare path stands for `root`.
    #[serde(rename = "static")]
    pub files: Option<StaticFiles>,
    /// Keep responses of the service, and answer with them. A bare duration stands for `ttl`; `{}` keeps what the service
    /// allows.
    pub cache: Option<Cache>,
    /// Take this off the front of the path before the service sees it.
    pub strip_prefix: Option<PathPattern>,
    /// Timeouts of this route, instead of the service's.
    #[serde(default)]
    pub timeouts: RouteTimeouts,
    /// Bytes of a request body, or `unlimited`, instead of `limits.max_body`.
    pub max_body: Option<SizeLimit>,
    /// Retries of this route, instead of the service's: a key that is absent here has its default.
    #[schemars(extend("x-default" = "the service's"))]
    pub retry: Option<RouteRetry>,
    /// Attempts beside each other, instead of the service's.
    #[schemars(extend("x-default" = "the service's"))]
    pub hedge: Option<Hedge>,
    /// What answers in place of the service, instead of the service's own. A bare name stands for `service`.
    #[schemars(extend("x-default" = "the service's"))]
    pub fallback: Option<Fallback>,
    /// Which requests wait for the others, and are refused first, when there are too many.
    #[serde(default)]
    pub priority: Priority,
    /// Send a copy of requests to another service. A bare name stands for `service`.
    pub mirror: Option<Mirror>,
    /// How callers are identified: by the first of these ways for which they show something. Absent: nobody is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub auth: Vec<Way>,
    /// Who may go on, a CEL expression over `request`, `caller` and `claims`: others get 403.
    pub allow: Option<Expression>,
    /// What a caller must be allowed to do: all of these, or else 403.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub scopes: Vec<Scope>,
    /// Which client addresses it is for; others get 403.
    #[serde(default)]
    pub ip: IpRules,
    /// Which other web sites may use it from browsers. A bare origin will do.
    pub cors: Option<Cors>,
    /// How often requests may come; all entries hold. Bare rates will do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub rate_limit: Vec<RateLimit>,
    /// How many requests at a time. A bare number stands for `limit`.
    pub concurrency: Option<Concurrency>,
    /// Bytes a second that each response gets. Absent: as fast as it goes.
    #[schemars(extend("x-min" = 1_024))]
    pub bandwidth: Option<ByteSize>,
}

/// How much the requests of a route matter when there are too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Refused first.
    Low,
    /// Between the two.
    #[default]
    Normal,
    /// Served first.
    High,
}

/// What a route does with its requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action<'r> {
    /// Forward to a service.
    Service(&'r ServiceName),
    /// Forward to one of several services, by their shares.
    Split(&'r Split),
    /// Send the client elsewhere.
    Redirect(&'r Redirect),
    /// Answer.
    Respond(&'r Respond),
    /// Serve files.
    Static(&'r StaticFiles),
}

impl Route {
    /// The route's one action. `None` cannot be met in a [`crate::File`] that was loaded without errors.
    pub fn action(&self) -> Option<Action<'_>> {
        let service = self.service.as_ref().map(Action::Service);
        service
            .or(self.split.as_ref().map(Action::Split))
            .or(self.redirect.as_ref().map(Action::Redirect))
            .or(self.respond.as_ref().map(Action::Respond))
            .or(self.files.as_ref().map(Action::Static))
    }

    /// The name of a route that was given none: `GET,POST api.example.com/v1/*`.
    pub(crate) fn default_name(&self) -> String {
        let host = self.matches.host.as_ref().map_or("", HostPattern::as_str);
        let path = self.matches.path.as_str();
        let mut name = String::with_capacity(self.matches.methods.len() * 8 + host.len() + path.len());
        for method in &self.matches.methods {
            name += if name.is_empty() { "" } else { "," };
            name += method.as_str();
        }
        name += if name.is_empty() { "" } else { " " };
        name + host + path
    }
}

/// Which requests a route is for. All that is given must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-later" = ["version", "consumer", "grpc"]))]
pub struct Match {
    /// The host, without port: `api.example.com`, or `*.example.com` for every name below it.
    pub host: Option<HostPattern>,
    /// The path: `{name}` is one segment, `/*` at the end is the rest.
    pub path: PathPattern,
    /// The methods; absent means all.
    pub methods: Vec<Method>,
    /// Headers by name: the exact value, or a mapping with one of `exact`, `prefix`, `present`, `absent`.
    #[schemars(extend("x-keys" = "header name"))]
    pub headers: BTreeMap<HeaderName, ValueTest>,
    /// Query parameters by name, tested like headers.
    pub query: BTreeMap<String, ValueTest>,
}

impl Default for Match {
    fn default() -> Self {
        let path = crate::value::any_path();
        Self { host: None, path, methods: Vec::new(), headers: BTreeMap::new(), query: BTreeMap::new() }
    }
}

/// A test of one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "TypedTest", into = "TypedTest")]
pub enum ValueTest {
    /// It is this.
    Exact(String),
    /// It starts with this.
    Prefix(String),
    /// It is there, whatever it is.
    Present,
    /// It is not there.
    Absent,
}

/// A test of one value: exactly one of these keys. A bare value stands for `exact`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ValueTest", extend("x-shorthand" = "exact", "x-one-of" = ["exact", "prefix", "present", "absent"], "x-later" = ["regex"]))]
struct TypedTest {
    /// The value is this.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<HeaderValue>,
    /// The value starts with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<HeaderValue>,
    /// It is there, whatever its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    present: Option<bool>,
    /// It is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<bool>,
}

impl TryFrom<TypedTest> for ValueTest {
    type Error = &'static str;

    fn try_from(typed: TypedTest) -> Result<Self, Self::Error> {
        match (typed.exact, typed.prefix, typed.present, typed.absent) {
            (Some(value), None, None, None) => Ok(Self::Exact(value.as_str().into())),
            (None, Some(value), None, None) => Ok(Self::Prefix(value.as_str().into())),
            (None, None, Some(true), None) | (None, None, None, Some(false)) => Ok(Self::Present),
            (None, None, Some(false), None) | (None, None, None, Some(true)) => Ok(Self::Absent),
            _ => Err("exactly one of `exact`, `prefix`, `present`, `absent`"),
        }
    }
}

impl From<ValueTest> for TypedTest {
    fn from(test: ValueTest) -> Self {
        let value = crate::value::header_value;
        match test {
            ValueTest::Exact(word) => Self { exact: Some(value(&word)), ..Self::default() },
            ValueTest::Prefix(word) => Self { prefix: Some(value(&word)), ..Self::default() },
            ValueTest::Present => Self { present: Some(true), ..Self::default() },
            ValueTest::Absent => Self { absent: Some(true), ..Self::default() },
        }
    }
}

/// Where the client is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "to"))]
pub struct Redirect {
    /// A URL or a path; `{name}` stands for what the path pattern of the match caught, `{path}`, `{query}` (with its
    /// `?`) and `{host}` for those of the request.
    pub to: RedirectTo,
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "permanent")]
    pub status: RedirectStatus,
}

fn permanent() -> RedirectStatus {
    RedirectStatus::PERMANENT
}

/// A fixed answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Respond {
    /// The status code.
    #[schemars(range(min = 200, max = 599))]
    pub status: u16,
    /// The body.
    pub body: String,
    /// Headers of the answer.
    #[schemars(extend("x-keys" = "header name"))]
    pub headers: BTreeMap<HeaderName, HeaderValue>,
}

impl Default for Respond {
    fn default() -> Self {
        Self { status: 200, body: String::new(), headers: BTreeMap::new() }
    }
}

/// Timeouts of one route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteTimeouts {
    /// To the first byte of the response.
    #[schemars(extend("x-default" = "the service's"))]
    pub request: Option<Period>,
    /// The longest silence between two bytes of the response.
    #[schemars(extend("x-default" = "the service's"))]
    pub idle: Option<Period>,
}
