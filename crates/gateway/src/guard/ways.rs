//! The ways to be identified, each with what it needs.

use auth::token::forward::Forward;
use auth::token::introspection::Introspection;
use auth::token::oidc::{self, Discovery, OidcSettings, Seal};
use auth::token::{Issuer, Revocations};
use auth::{Consumer, KeyBook, Way};
use identity::{Keeper, Verifiers};
use net::tls::{ClientSettings, San};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// One way.
#[derive(Debug)]
pub enum WayIn {
    /// Nobody in particular, where no credential was shown.
    Anonymous,
    /// API keys.
    ApiKey(Arc<ApiKeys>),
    /// Tokens that are verified here.
    Jwt(Arc<Tokens>),
    /// Tokens that their issuer is asked about.
    Introspection(Arc<Elsewhere>),
    /// Names and passwords.
    Basic(Arc<Passwords>),
    /// Client certificates.
    Mtls(Arc<Certificates>),
    /// Another service is asked about each request.
    Forward(Arc<ForwardAuth>),
    /// Sessions of browsers.
    Oidc(Arc<Login>),
}

impl WayIn {
    pub(crate) fn way(&self) -> Way {
        match self {
            Self::Anonymous => Way::Anonymous,
            Self::ApiKey(_) => Way::ApiKey,
            Self::Jwt(_) => Way::Jwt,
            Self::Introspection(_) => Way::Introspection,
            Self::Basic(_) => Way::Basic,
            Self::Mtls(_) => Way::Mtls,
            Self::Forward(_) => Way::Forward,
            Self::Oidc(_) => Way::Oidc,
        }
    }

    /// Where a browser logs in.
    pub(crate) fn login(&self) -> Option<&Arc<Login>> {
        if let Self::Oidc(login) = self { Some(login) } else { None }
    }

    /// What is to be shown, in words.
    pub(crate) fn wanted(&self) -> Option<String> {
        Some(match self {
            Self::Anonymous | Self::Forward(_) => return None,
            Self::ApiKey(keys) => format!("an API key in `{}`", keys.header),
            Self::Jwt(_) | Self::Introspection(_) => "a token in `Authorization: Bearer`".to_owned(),
            Self::Basic(_) => "a name and a password".to_owned(),
            Self::Mtls(_) => "a client certificate".to_owned(),
            Self::Oidc(_) => "a login in a browser".to_owned(),
        })
    }
}

/// API keys.
#[derive(Debug)]
pub struct ApiKeys {
    /// Those that are known.
    pub book: Arc<KeyBook>,
    /// The field that holds one.
    pub header: Box<str>,
    /// A parameter of the query that does as well.
    pub query: Option<Box<str>>,
    /// A cookie that does as well.
    pub cookie: Option<Box<str>>,
}

/// Tokens that are verified here.
#[derive(Debug)]
pub struct Tokens {
    /// Whose, and where they stand.
    pub sources: Vec<TokenSource>,
    /// Who verifies them.
    pub verifiers: Arc<Verifiers>,
    /// Who knows the issuers' keys.
    pub keeper: Arc<Keeper>,
}

/// One issuer, and where its tokens stand.
#[derive(Debug)]
pub struct TokenSource {
    /// The issuer.
    pub issuer: Arc<Issuer>,
    /// The field: in `Authorization` behind `Bearer`, in others bare as well.
    pub header: Box<str>,
    /// A cookie, where the field shows none.
    pub cookie: Option<Box<str>>,
}

/// Tokens that their issuer is asked about.
#[derive(Debug)]
pub struct Elsewhere {
    /// What is asked, and what is believed.
    pub introspection: Introspection,
    /// Whom: the place of a service in the site.
    pub service: usize,
    /// Path and query of the question.
    pub target: Box<str>,
    /// How long an answer may take.
    pub patience: Duration,
}

/// Names and passwords.
pub struct Passwords {
    /// What browsers show when they ask.
    pub realm: Box<str>,
    /// The hash of each name's password, and whose it is.
    pub users: HashMap<Box<str>, (Box<str>, Arc<Consumer>)>,
    /// What passwords of unknown names are checked against.
    pub stand_in: Box<str>,
    /// Who checks them.
    pub verifiers: Arc<Verifiers>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").field("realm", &self.realm).finish_non_exhaustive()
    }
}

/// Client certificates, by what they say.
#[derive(Debug, Default)]
pub struct Certificates {
    /// By the certificate itself.
    pub fingerprints: HashMap<[u8; 32], Arc<Consumer>>,
    /// By one of its alternative names.
    pub sans: HashMap<San, Arc<Consumer>>,
    /// By its subject, as RFC 4514 writes it.
    pub subjects: HashMap<Box<str>, Arc<Consumer>>,
}

/// Another service that says who is calling.
#[derive(Debug)]
pub struct ForwardAuth {
    /// What it is shown, and what of its answer counts.
    pub forward: Forward,
    /// Its place in the site.
    pub service: usize,
    /// Path and query of the question.
    pub target: Box<str>,
    /// How long an answer may take.
    pub patience: Duration,
}

/// Where browsers log in.
pub struct Login {
    /// What the config says.
    pub settings: OidcSettings,
    /// What cookies are sealed with.
    pub seal: Box<dyn Seal + Send + Sync>,
    /// The provider, as an issuer of tokens.
    pub issuer: Arc<Issuer>,
    /// Who knows its keys and endpoints.
    pub keeper: Arc<Keeper>,
    /// How it is asked.
    pub tls: ClientSettings,
    /// Who verifies its tokens.
    pub verifiers: Arc<Verifiers>,
    /// Sessions that were ended.
    pub revocations: Arc<Revocations>,
    /// Fills with bytes that nobody can guess.
    pub random: fn(&mut [u8]),
    /// Where the provider sends browsers back to.
    pub callback: Box<str>,
    /// Where a session ends.
    pub logout: Box<str>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Login {
    pub(crate) fn owns(&self, path: &str) -> bool {
        path == &*self.callback || path == &*self.logout
    }

    pub(crate) fn flow<'a>(&'a self, found: &'a Discovery) -> oidc::Login<'a> {
        oidc::Login { settings: &self.settings, found }
    }
}
