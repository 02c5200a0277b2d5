//! `consumers` and `plans`: callers that the config knows by name, and what they may do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limit::{Concurrency, RateLimit};
use crate::value::{
    ApiKey, CertificateText, ConsumerName, Fingerprint, PasswordHash, PlanName, Scope, Username,
};

/// A caller that the config knows by name: an app, a partner, a team. A bare name stands for `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "name"))]
pub struct Consumer {
    /// The name; it is unique. A token whose `consumer_claim` is this name is this consumer's.
    pub name: ConsumerName,
    /// The plan, one of `plans`.
    pub plan: Option<PlanName>,
    /// What it may do, unless its credential says so itself.
    #[serde(default)]
    #[schemars(extend("x-one-or-list" = true))]
    pub scopes: Vec<Scope>,
    /// Keys that are made elsewhere; those of `tidegate keys create` need not stand here. Secrets: `${ENV}` or
    /// `file:/path`.
    #[serde(default)]
    #[schemars(extend("x-one-or-list" = true))]
    pub api_keys: Vec<ApiKey>,
    /// Its name and password.
    pub basic: Option<Login>,
    /// What its client certificate is known by; one or a list.
    #[serde(default)]
    #[schemars(extend("x-one-or-list" = true))]
    pub certificate: Vec<ClientCertificate>,
}

/// A name and the hash of a password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The name to log in with.
    #[schemars(extend("x-default" = "the consumer's `name`"))]
    pub username: Option<Username>,
    /// What `tidegate hash-password` makes of the password: `$argon2id$...`. It may stand in a file: `file:/path`.
    pub password_hash: PasswordHash,
}

impl Consumer {
    /// The name that it logs in with, where it has a password.
    pub fn username(&self) -> Option<&str> {
        let login = self.basic.as_ref()?;
        Some(login.username.as_ref().map_or(self.name.as_str(), Username::as_str))
    }
}

/// What a client certificate is known by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "TypedCertificate", into = "TypedCertificate")]
pub enum ClientCertificate {
    /// One of its subject alternative names.
    San(CertificateText),
    /// The certificate itself.
    Fingerprint(Fingerprint),
    /// Its whole subject.
    Subject(CertificateText),
}

/// What a client certificate is known by: exactly one of these keys. A bare text stands for `san`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ClientCertificate", extend("x-shorthand" = "san", "x-one-of" = ["san", "fingerprint", "subject"]))]
struct TypedCertificate {
    /// One of its subject alternative names: a DNS name, an address, an email address or a URI, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    san: Option<CertificateText>,
    /// The SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint>,
    /// Its whole subject as RFC 4514 writes it: `CN=billing,O=Example`.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<CertificateText>,
}

impl TryFrom<TypedCertificate> for ClientCertificate {
    type Error = &'static str;

    fn try_from(typed: TypedCertificate) -> Result<Self, Self::Error> {
        match (typed.san, typed.fingerprint, typed.subject) {
            (Some(san), None, None) => Ok(Self::San(san)),
            (None, Some(print), None) => Ok(Self::Fingerprint(print)),
            (None, None, Some(subject)) => Ok(Self::Subject(subject)),
            _ => Err("exactly one of `san`, `fingerprint`, `subject`"),
        }
    }
}

impl From<ClientCertificate> for TypedCertificate {
    fn from(certificate: ClientCertificate) -> Self {
        match certificate {
            ClientCertificate::San(san) => Self { san: Some(san), ..Self::default() },
            ClientCertificate::Fingerprint(print) => Self { fingerprint: Some(print), ..Self::default() },
            ClientCertificate::Subject(subject) => Self { subject: Some(subject), ..Self::default() },
        }
    }
}

/// What the consumers of a plan may do, each of them for itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// How often; all entries hold. Their `key` is the consumer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true))]
    pub rate_limit: Vec<RateLimit>,
    /// How many requests at a time. A bare number stands for `limit`.
    pub concurrency: Option<Concurrency>,
}
