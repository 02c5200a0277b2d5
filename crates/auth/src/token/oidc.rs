//! A login at an OIDC provider: the authorization code flow (OIDC Core section 3.1) with PKCE (RFC 7636, S256),
//! `state`, `nonce` and the check of `iss` (RFC 9207).
//!
//! ```text
//! no session  ->  Login::begin     ->  302 to the provider, a sealed cookie remembers what was begun
//! callback    ->  Login::callback  ->  the question for the token endpoint
//! its answer  ->  Tokens::read     ->  the ID token, which an Issuer verifies
//! verified    ->  Login::finish    ->  a session, sealed into cookies of its own
//! later       ->  Session::open    ->  who is calling
//! ```
//!
//! *Invariant*: nothing is kept on the server, so any node can take any step. What the browser carries is sealed, which the
//! room's other half does behind the trait [`Seal`]; what it sends back unsealed is compared or escaped, never obeyed.
//! *Not here*: sending anything; refresh tokens, which are not kept; session fixation by whoever can set cookies for the
//! host, against which only a cookie's name with `__Host-` helps.

mod cookie;
mod discovery;
mod login;
mod session;
mod tokens;

pub use discovery::Discovery;
pub use login::{BadCallback, Begun, Exchange, Login, Pending, is_navigation};
pub use session::{Opened, Session};
pub use tokens::Tokens;

use super::{ClientAuth, JwtSettings};
use std::time::Duration;

/// Seals what the browser carries, and opens it again: authenticated encryption, bound to a purpose.
pub trait Seal {
    /// A text of cookie characters that only [`Seal::open`] of the same keys understands.
    fn seal(&self, purpose: &str, plain: &[u8]) -> String;
    /// What was sealed for that purpose; `None` where it was not, or was changed since.
    fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>>;
}

/// A login as the config describes it.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// Who the gateway is to the provider.
    pub client: ClientAuth,
    /// What is asked for; `openid` is always among them.
    pub scopes: Vec<Box<str>>,
    /// The name of the session's cookie.
    pub cookie: Box<str>,
    /// How long a session lasts at most.
    pub lifetime: Duration,
    /// How long it lasts without a request.
    pub idle: Duration,
    /// How the caller is read from the ID token. Issuer and audience come from the provider and the client.
    pub rules: JwtSettings,
}

impl OidcSettings {
    /// What an ID token must say (OIDC Core section 3.1.3.7): from this provider, for this client.
    pub fn jwt(&self, issuer: &str) -> JwtSettings {
        JwtSettings {
            issuer: Some(issuer.into()),
            audiences: vec![self.client.id.clone()],
            ..self.rules.clone()
        }
    }
}
