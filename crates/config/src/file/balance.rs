//! How the endpoint of a request is chosen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{CookieName, HeaderName, Period, QueryName, Secret};

/// How the endpoint of a request is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LbPolicy {
    /// Of two random endpoints the one with the lower expected wait.
    #[default]
    P2cEwma,
    /// The one with the fewest requests under way, by weight.
    LeastRequest,
    /// One after the other, by weight.
    RoundRobin,
    /// Any, by weight.
    Random,
    /// The same for the same `hash_on`, by a table: the most even spread.
    Maglev,
    /// The same for the same `hash_on`, by a ring: the fewest moves when endpoints change.
    RingHash,
    /// The first of the list that can be used.
    First,
}

/// What a hash policy chooses by: exactly one of `of`, `header`, `cookie` and `query`. A bare word stands for `of`. A
/// request that lacks the header, cookie or parameter goes to a random endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "TypedHashOn", into = "TypedHashOn")]
pub enum HashOn {
    /// The client's address.
    #[default]
    Ip,
    /// The path, without the query.
    Path,
    /// The value of this header.
    Header(HeaderName),
    /// The value of this cookie.
    Cookie(CookieName),
    /// The value of this query parameter.
    Query(QueryName),
}

impl HashOn {
    /// Whether it says no more than if it were absent, which it must be where no policy hashes.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// [`HashOn`] as it is typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "HashOn", extend("x-shorthand" = "of", "x-one-of" = ["of", "header", "cookie", "query"]))]
struct TypedHashOn {
    /// A part that every request has.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<RequestPart>,
    /// The value of this header.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderName>,
    /// The value of this cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    cookie: Option<CookieName>,
    /// The value of this query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<QueryName>,
}

/// A part that every request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-later" = ["consumer"]))]
enum RequestPart {
    /// The client's address.
    Ip,
    /// The path, without the query.
    Path,
}

impl TryFrom<TypedHashOn> for HashOn {
    type Error = &'static str;

    fn try_from(typed: TypedHashOn) -> Result<Self, Self::Error> {
        match (typed.of, typed.header, typed.cookie, typed.query) {
            (Some(RequestPart::Ip), None, None, None) => Ok(Self::Ip),
            (Some(RequestPart::Path), None, None, None) => Ok(Self::Path),
            (None, Some(name), None, None) => Ok(Self::Header(name)),
            (None, None, Some(name), None) => Ok(Self::Cookie(name)),
            (None, None, None, Some(name)) => Ok(Self::Query(name)),
            _ => Err("exactly one of `of`, `header`, `cookie`, `query`"),
        }
    }
}

impl From<HashOn> for TypedHashOn {
    fn from(on: HashOn) -> Self {
        let none = Self::default();
        match on {
            HashOn::Ip => Self { of: Some(RequestPart::Ip), ..none },
            HashOn::Path => Self { of: Some(RequestPart::Path), ..none },
            HashOn::Header(name) => Self { header: Some(name), ..none },
            HashOn::Cookie(name) => Self { cookie: Some(name), ..none },
            HashOn::Query(name) => Self { query: Some(name), ..none },
        }
    }
}

/// A cookie that names a client's endpoint. A bare name stands for `cookie`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "cookie"))]
pub struct Sticky {
    /// The name of the cookie.
    pub cookie: CookieName,
    /// What the cookie is signed with, so that clients cannot choose their endpoint: `${ENV}` or `file:/path`. Without
    /// it each start makes its own, and clients are spread anew after a restart and by another node.
    pub secret: Option<Secret>,
    /// How long the client keeps the cookie.
    #[schemars(extend("x-default" = "until the browser is closed"))]
    pub max_age: Option<Period>,
}
