//! What the operator says of one issuer of JSON Web Tokens.

use super::Algorithm;
use std::time::Duration;

/// One issuer, and what its tokens must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSettings {
    /// What `iss` must be, to the letter. `None`: it is not looked at; then the keys alone say who has signed.
    pub issuer: Option<Box<str>>,
    /// `aud` must name one of these. Empty: it is not looked at.
    pub audiences: Vec<Box<str>>,
    /// The algorithms that are taken. Empty: those that the keys are for, which are HMAC only where the config holds a
    /// secret.
    pub algorithms: Vec<Algorithm>,
    /// How far the issuer's clock may differ from ours.
    pub leeway: Duration,
    /// The claim with the consumer's name. Claims within others are reached with dots: `realm.tenant`.
    pub consumer_claim: Box<str>,
    /// The claim with the plan.
    pub plan_claim: Option<Box<str>>,
    /// The claims with scopes, as one string or as a list; those of all are taken together.
    pub scope_claims: Vec<Box<str>>,
    /// Claims that must be there, besides `exp`, which always must.
    pub required: Vec<Box<str>>,
    /// The longest token, in bytes.
    pub max_bytes: usize,
    /// What verified tokens may take up in memory, in bytes.
    pub cache_bytes: usize,
}

impl Default for JwtSettings {
    fn default() -> Self {
        Self {
            issuer: None,
            audiences: Vec::new(),
            algorithms: Vec::new(),
            leeway: Duration::from_secs(30),
            consumer_claim: "sub".into(),
            plan_claim: None,
            scope_claims: ["scope", "scp", "permissions"].map(Into::into).to_vec(),
            required: Vec::new(),
            max_bytes: 16 << 10,
            cache_bytes: 32 << 20,
        }
    }
}
