//! `auth.jwt`: issuers of tokens, and where their keys come from.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{
    Audience, ClaimName, CookieName, HeaderName, HttpUrl, IssuerName, KeySecret, Period, PeriodOrOff, own,
};

/// One issuer of JSON Web Tokens. Its keys come from `jwks_url`, `jwks_file`, `public_key` or `secret`; where none of them
/// is typed, from the issuer's discovery document. A bare issuer stands for `issuer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "issuer"))]
pub struct Jwt {
    /// What tokens carry in `iss`, to the letter.
    #[schemars(extend("x-default" = "any, where the keys are given"))]
    pub issuer: Option<IssuerName>,
    /// What tokens carry in `aud`: one of these. Absent: tokens for other services of the issuer are taken too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub audience: Vec<Audience>,
    /// Where the issuer publishes its keys (RFC 7517).
    pub jwks_url: Option<HttpUrl>,
    /// A file with its keys (RFC 7517). It is watched.
    pub jwks_file: Option<PathBuf>,
    /// A PEM file with its public key.
    pub public_key: Option<PathBuf>,
    /// What it shares with this API, for the algorithms `HS*`; at least 32 characters. A secret: `${ENV}` or `file:/path`.
    pub secret: Option<KeySecret>,
    /// The algorithms that signatures may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend(
        "x-one-or-list" = true, "x-default" = "all but `HS*`, each with keys of its kind; with `secret` all `HS*`"
    ))]
    pub algorithms: Vec<Algorithm>,
    /// How far the clocks of issuer and Tidegate may be apart.
    #[serde(default = "leeway")]
    #[schemars(extend("x-max" = 600_000))]
    pub leeway: PeriodOrOff,
    /// How often keys are fetched. An unknown key is looked for at once.
    #[serde(default = "ten_minutes")]
    #[schemars(extend("x-min" = 10_000))]
    pub refresh: Period,
    /// The claim that names the consumer.
    #[serde(default = "subject")]
    pub consumer_claim: ClaimName,
    /// The claim that names the plan.
    #[schemars(extend("x-default" = "the consumer's plan"))]
    pub plan_claim: Option<ClaimName>,
    /// The claim with the scopes: words in a text, or a list.
    #[schemars(extend("x-default" = "`scope`, `scp` and `permissions`, all that are there"))]
    pub scope_claim: Option<ClaimName>,
    /// Claims that must be there, whatever they say.
    #[serde(default)]
    #[schemars(extend("x-one-or-list" = true))]
    pub required_claims: Vec<ClaimName>,
    /// The header with the token, behind `Bearer`, or bare where it is not `Authorization`.
    #[serde(default = "authorization")]
    pub header: HeaderName,
    /// A cookie with the token, where the header is absent.
    pub cookie: Option<CookieName>,
    /// A PEM file of the only authorities to trust when keys are fetched.
    #[schemars(extend("x-default" = "the system's"))]
    pub ca: Option<PathBuf>,
    /// Fetch keys over `http://` from other machines: whoever is in between can then make tokens.
    #[serde(default)]
    pub allow_http: bool,
}

/// Where the keys of an issuer come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeySource<'j> {
    /// A URL.
    Jwks(&'j HttpUrl),
    /// A file of the same form.
    JwksFile(&'j PathBuf),
    /// A PEM file.
    PublicKey(&'j PathBuf),
    /// A shared secret.
    Secret(&'j KeySecret),
    /// The discovery document of this issuer, which is a URL.
    Discovery(&'j IssuerName),
}

impl Jwt {
    /// Where the keys come from. `None` cannot be met in a [`crate::File`] that was loaded without errors.
    pub fn keys(&self) -> Option<KeySource<'_>> {
        let url = self.jwks_url.as_ref().map(KeySource::Jwks);
        let file = self.jwks_file.as_ref().map(KeySource::JwksFile);
        let pem = self.public_key.as_ref().map(KeySource::PublicKey);
        let secret = self.secret.as_ref().map(KeySource::Secret);
        url.or(file).or(pem).or(secret).or(self.issuer.as_ref().map(KeySource::Discovery))
    }
}

/// An algorithm of signatures (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the words are the registered names")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    #[serde(rename = "EdDSA")]
    EdDsa,
    HS256,
    HS384,
    HS512,
}

impl Algorithm {
    /// Whether the key that verifies also signs.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

fn leeway() -> PeriodOrOff {
    PeriodOrOff::For(Period::seconds(30))
}

fn ten_minutes() -> Period {
    Period::seconds(600)
}

pub(super) fn subject() -> ClaimName {
    own("sub")
}

fn authorization() -> HeaderName {
    own("authorization")
}
