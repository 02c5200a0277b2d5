//! Who was found to call: what limits, logs, caches and jobs go by.

use std::sync::Arc;

/// The claims of a token, or what another authority said of the caller: always a JSON object.
pub type Claims = serde_json::Map<String, serde_json::Value>;

/// A caller that the config names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: Arc<str>,
    /// Its plan; empty: none.
    pub plan: Arc<str>,
    /// What it may do, whatever it shows; a credential with scopes of its own has those instead.
    pub scopes: Scopes,
}

/// By which way a caller was identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// Nobody in particular, where that is allowed.
    Anonymous,
    /// An API key.
    ApiKey,
    /// A JSON Web Token (RFC 7519).
    Jwt,
    /// A token that its issuer was asked about (RFC 7662).
    Introspection,
    /// A name and a password (RFC 7617).
    Basic,
    /// A client certificate.
    Mtls,
    /// Another service has said so.
    Forward,
    /// A session that began with a login at an `OpenID` provider.
    Oidc,
}

impl Way {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Anonymous,
        Self::ApiKey,
        Self::Jwt,
        Self::Introspection,
        Self::Basic,
        Self::Mtls,
        Self::Forward,
        Self::Oidc,
    ];

    /// The word for it in the config, in metrics and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::ApiKey => "api_key",
            Self::Jwt => "jwt",
            Self::Introspection => "introspection",
            Self::Basic => "basic",
            Self::Mtls => "mtls",
            Self::Forward => "forward",
            Self::Oidc => "oidc",
        }
    }
}

/// What a caller may do: words without spaces (RFC 6749 section 3.3), sorted, none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Arc<[Box<str>]>);

impl Scopes {
    /// From the words, whatever their order.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut words: Vec<Box<str>> = words.into_iter().filter(|w| !w.is_empty()).map(Into::into).collect();
        words.sort_unstable();
        words.dedup();
        Self(words.into())
    }

    /// Is the word among them?
    pub fn has(&self, word: &str) -> bool {
        self.0.binary_search_by(|w| (**w).cmp(word)).is_ok()
    }

    /// The words.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|w| &**w)
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Which credential it was, where one can be told from others: the id of an API key, the `jti` of a token. Never the
/// credential itself.
pub type Credential = Arc<str>;

/// Who is calling.
#[derive(Clone, Debug)]
pub struct Caller {
    /// How it was found out.
    pub way: Way,
    /// The consumer, where the config names it. A token's subject that no consumer has is none.
    pub consumer: Option<Arc<Consumer>>,
    /// The name that the authority has for the caller: a consumer's name, a token's `sub`, a user. Empty where anonymous.
    pub subject: Arc<str>,
    /// Its plan; empty: none. The credential's, else the consumer's.
    pub plan: Arc<str>,
    /// What it may do.
    pub scopes: Scopes,
    /// What was said of it.
    pub claims: Option<Arc<Claims>>,
    /// Which credential.
    pub credential: Option<Credential>,
}

impl Caller {
    /// A consumer of the config, with what the config says of it.
    pub fn of(way: Way, consumer: &Arc<Consumer>) -> Self {
        Self {
            way,
            subject: Arc::clone(&consumer.name),
            plan: Arc::clone(&consumer.plan),
            scopes: consumer.scopes.clone(),
            consumer: Some(Arc::clone(consumer)),
            claims: None,
            credential: None,
        }
    }

    /// Was it found by a credential that the config itself gives to a consumer? Then its subject is the consumer's name.
    pub fn is_own(&self) -> bool {
        matches!(self.way, Way::ApiKey | Way::Basic | Way::Mtls)
    }

    /// Nobody in particular.
    pub fn nobody() -> Self {
        Self {
            way: Way::Anonymous,
            consumer: None,
            subject: "".into(),
            plan: "".into(),
            scopes: Scopes::default(),
            claims: None,
            credential: None,
        }
    }
}

/// Why a credential was not taken. The texts are for the operator; clients hear 401.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// None was shown: the next way is tried.
    #[error("no credential was shown")]
    Absent,
    /// It is not one that could ever be valid.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// Nobody knows it, or its secret or signature is wrong.
    #[error("not valid: {0}")]
    Invalid(&'static str),
    /// It was valid once.
    #[error("expired")]
    Expired,
    /// It is not valid yet.
    #[error("not valid yet")]
    Early,
    /// It was taken back.
    #[error("revoked")]
    Revoked,
    /// Its consumer, plan or issuer is not in the config.
    #[error("of nobody that the config knows: {0}")]
    Stranger(&'static str),
    /// Whoever would know cannot be asked now. Not the caller's fault: 503.
    #[error("cannot be verified now: {0}")]
    Unverified(&'static str),
}
