//! `auth.oidc`: login at an OIDC provider, and the session that follows.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::jwt::subject;
use crate::value::{
    ClaimName, ClientId, CookieName, IssuerName, KeySecret, OwnPath, Period, Scope, Secret, own,
};

/// Login at an OIDC provider (authorization code with PKCE). Browsers that are not logged in are sent there; who comes
/// back has a session in an encrypted cookie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// The provider, a URL: its endpoints and keys are looked up there.
    pub issuer: IssuerName,
    /// What this API is called there.
    pub client_id: ClientId,
    /// The secret that goes with `client_id`: `${ENV}` or `file:/path`. Absent: a public client.
    pub client_secret: Option<Secret>,
    /// What the provider is asked for.
    #[serde(default = "scopes")]
    #[schemars(length(min = 1))]
    pub scopes: Vec<Scope>,
    /// Where the provider sends browsers back to, on the host that they came from. The provider must know that URL.
    #[serde(default = "callback")]
    pub callback: OwnPath,
    /// Where a session ends.
    #[serde(default = "logout")]
    pub logout: OwnPath,
    /// The session.
    #[serde(default)]
    pub session: Session,
    /// The claim that names the consumer.
    #[serde(default = "subject")]
    pub consumer_claim: ClaimName,
    /// The claim that names the plan.
    #[schemars(extend("x-default" = "the consumer's plan"))]
    pub plan_claim: Option<ClaimName>,
    /// The claim with the scopes: words in a text, or a list.
    #[schemars(extend("x-default" = "`scope`, `scp` and `permissions`, all that are there"))]
    pub scope_claim: Option<ClaimName>,
    /// A PEM file of the only authorities to trust when the provider is asked.
    #[schemars(extend("x-default" = "the system's"))]
    pub ca: Option<PathBuf>,
    /// Ask a provider on another machine over `http://`: whoever is in between can then log in as anybody.
    #[serde(default)]
    pub allow_http: bool,
}

/// The session of a browser that has logged in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Session {
    /// What the cookie is encrypted with, at least 32 characters: `${ENV}` or `file:/path`. With a list the first encrypts
    /// and all decrypt, so that it can be changed. Absent: each start makes its own, so that sessions end with a restart,
    /// and other nodes do not know them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub secret: Vec<KeySecret>,
    /// The longest that a session lasts.
    pub lifetime: Period,
    /// The longest that nothing may be asked for in a session.
    pub idle: Period,
    /// The name of the cookie.
    pub cookie: CookieName,
}

impl Session {
    /// `lifetime`, where the file does not say.
    pub(crate) const LIFETIME: Period = Period::seconds(12 * 3_600);
    /// `idle`, where the file does not say.
    pub(crate) const IDLE: Period = Period::seconds(3_600);
}

impl Default for Session {
    fn default() -> Self {
        Self {
            secret: Vec::new(),
            lifetime: Self::LIFETIME,
            idle: Self::IDLE,
            cookie: own("tidegate_session"),
        }
    }
}

fn scopes() -> Vec<Scope> {
    vec![own("openid"), own("profile"), own("email")]
}

fn callback() -> OwnPath {
    own("/oauth2/callback")
}

fn logout() -> OwnPath {
    own("/oauth2/logout")
}
