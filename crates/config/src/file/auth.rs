//! `auth`: how callers are identified. Which of these ways a route takes stands in its own `auth`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::jwt::{Jwt, subject};
use super::oidc::Oidc;
use crate::value::{
    Audience, ClaimName, ClientId, CookieName, HeaderName, HttpUrl, Period, PeriodOrOff, QueryName, Realm,
    Secret, own,
};

/// How callers are identified. A route names the ways that it takes in its own `auth`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// What `WWW-Authenticate` calls this API with a 401.
    pub realm: Realm,
    /// Where API keys are looked for.
    pub api_key: ApiKeys,
    /// Whose JSON Web Tokens are taken (RFC 7519): one issuer or a list. A bare issuer will do: its keys are found through
    /// its discovery document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub jwt: Vec<Jwt>,
    /// Who is asked about tokens that say nothing themselves (RFC 7662).
    pub introspection: Option<Introspection>,
    /// Names and passwords of consumers (RFC 7617).
    pub basic: Basic,
    /// Client certificates, on listeners whose `tls` has a `client_ca`. There is nothing to set: consumers name their
    /// `certificate`.
    pub mtls: Mtls,
    /// Another service that says who is calling. A bare URL stands for `url`.
    pub forward: Option<ForwardAuth>,
    /// Login at an OIDC provider, for browsers.
    pub oidc: Option<Oidc>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            realm: own("tidegate"),
            api_key: ApiKeys::default(),
            jwt: Vec::new(),
            introspection: None,
            basic: Basic::default(),
            mtls: Mtls::default(),
            forward: None,
            oidc: None,
        }
    }
}

/// Where API keys are looked for. A key that Tidegate made (`tg_...`) is always taken from `Authorization: Bearer` too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApiKeys {
    /// This header.
    pub header: HeaderName,
    /// This query parameter as well. It stands in logs and in browsers' histories, so mind who reads them.
    pub query: Option<QueryName>,
    /// This cookie as well.
    pub cookie: Option<CookieName>,
}

impl Default for ApiKeys {
    fn default() -> Self {
        Self { header: own("x-api-key"), query: None, cookie: None }
    }
}

/// Who is asked about tokens (RFC 7662).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-pair" = ["client_id", "client_secret"]))]
pub struct Introspection {
    /// The endpoint that is asked.
    pub url: HttpUrl,
    /// What this API is called there.
    pub client_id: Option<ClientId>,
    /// The secret that goes with `client_id`: `${ENV}` or `file:/path`.
    pub client_secret: Option<Secret>,
    /// How long an answer holds, at most until the token ends. `off` asks each time.
    #[serde(default = "half_minute")]
    #[schemars(extend("x-max" = 86_400_000))]
    pub cache: PeriodOrOff,
    /// How long an answer may take; then callers get 503.
    #[serde(default = "five_seconds")]
    #[schemars(extend("x-min" = 1, "x-max" = 60_000))]
    pub timeout: Period,
    /// What answers carry in `aud`: one of these. Absent: tokens for other services are taken too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub audience: Vec<Audience>,
    /// The member of the answer that names the consumer.
    #[serde(default = "subject")]
    pub consumer_claim: ClaimName,
    /// A PEM file of the only authorities to trust.
    #[schemars(extend("x-default" = "the system's"))]
    pub ca: Option<PathBuf>,
    /// Ask over `http://` on other machines: whoever is in between reads the tokens.
    #[serde(default)]
    pub allow_http: bool,
}

/// Names and passwords.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Basic {
    /// What browsers show when they ask for a password.
    #[schemars(extend("x-default" = "`auth.realm`"))]
    pub realm: Option<Realm>,
}

/// Client certificates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mtls {}

/// A service that says who is calling: an answer of 2xx lets the request on, any other goes back to the client. It is
/// asked with `GET`; `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri` tell it about the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "url"))]
pub struct ForwardAuth {
    /// What is asked.
    pub url: HttpUrl,
    /// Headers of the request that it sees.
    #[serde(default = "credentials")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub send: Vec<HeaderName>,
    /// Headers of its answer that the service sees, instead of those that the client may have sent.
    #[serde(default)]
    #[schemars(extend("x-one-or-list" = true))]
    pub keep: Vec<HeaderName>,
    /// The header of its answer that names the caller.
    #[serde(default = "x_user")]
    pub subject: HeaderName,
    /// The header of its answer that names the plan.
    #[schemars(extend("x-default" = "the consumer's plan"))]
    pub plan: Option<HeaderName>,
    /// The header of its answer with the scopes, between spaces.
    #[schemars(extend("x-default" = "the consumer's scopes"))]
    pub scopes: Option<HeaderName>,
    /// How long a yes holds for requests with the same method, host, path and `send`. `off` asks each time.
    #[serde(default = "off")]
    #[schemars(extend("x-max" = 86_400_000))]
    pub cache: PeriodOrOff,
    /// How long an answer may take; then callers get 503.
    #[serde(default = "five_seconds")]
    #[schemars(extend("x-min" = 1, "x-max" = 60_000))]
    pub timeout: Period,
    /// A PEM file of the only authorities to trust.
    #[schemars(extend("x-default" = "the system's"))]
    pub ca: Option<PathBuf>,
}

fn half_minute() -> PeriodOrOff {
    PeriodOrOff::For(Period::seconds(30))
}

fn off() -> PeriodOrOff {
    PeriodOrOff::Off
}

fn five_seconds() -> Period {
    Period::seconds(5)
}

fn credentials() -> Vec<HeaderName> {
    vec![own("authorization"), own("cookie")]
}

fn x_user() -> HeaderName {
    own("x-user")
}
