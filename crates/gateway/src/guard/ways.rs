//! The ways to be identified, each with what it needs.

use auth::token::{Issuer, Revocations};
use auth::{Consumer, KeyBook};
use identity::Verifiers;
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
    /// Client certificates, by what they say.
    Mtls(Arc<HashMap<Box<str>, Arc<Consumer>>>),
    /// Another service is asked about each request.
    Forward(Arc<ForwardAuth>),
    /// Sessions of browsers.
    Oidc(Arc<Login>),
}
