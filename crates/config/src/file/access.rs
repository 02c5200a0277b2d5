//! Who may use a route: the ways to be identified, address rules, and other web sites (CORS).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Cidr, HeaderName, Method, Origin, Period};

/// A way to be identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// An API key.
    ApiKey,
    /// A JSON Web Token of one of the issuers in `auth.jwt`.
    Jwt,
    /// A token that `auth.introspection` is asked about.
    Introspection,
    /// A name and a password.
    Basic,
    /// A client certificate.
    Mtls,
    /// What `auth.forward` says.
    Forward,
    /// A session that began with a login at `auth.oidc`.
    Oidc,
    /// Nobody in particular: it lets on whoever shows no credential. It stands last.
    Anonymous,
}

/// Which client addresses a route is for. With both lists, `deny` goes first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IpRules {
    /// Only these. Absent: all.
    #[schemars(extend("x-one-or-list" = true))]
    pub allow: Vec<Cidr>,
    /// Not these.
    #[schemars(extend("x-one-or-list" = true))]
    pub deny: Vec<Cidr>,
}

/// Which other web sites may use a route from browsers (CORS). Preflights are answered here and reach no service. A bare
/// origin stands for `origins`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "origins"))]
pub struct Cors {
    /// Origins: `https://app.example.com`, `https://*.example.com` for all names below, `*` for any; one or a list.
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub origins: Vec<Origin>,
    /// The methods that may be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend(
        "x-one-or-list" = true,
        "x-default" = "those of `match`, else `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`"
    ))]
    pub methods: Vec<Method>,
    /// The headers that may be sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true, "x-default" = "those that the browser asks for"))]
    pub headers: Vec<HeaderName>,
    /// The headers of the response that scripts may read, beside those that they always may.
    #[serde(default)]
    #[schemars(extend("x-one-or-list" = true))]
    pub expose: Vec<HeaderName>,
    /// Whether cookies and other credentials come along.
    #[serde(default)]
    pub credentials: bool,
    /// How long browsers keep the answer to a preflight.
    #[serde(default = "ten_minutes")]
    #[schemars(extend("x-min" = 1_000, "x-max" = 86_400_000))]
    pub max_age: Period,
}

fn ten_minutes() -> Period {
    Period::seconds(600)
}
