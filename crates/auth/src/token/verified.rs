//! What a token says, once it is known to be true.

use crate::{Claims, Scopes};
use std::sync::Arc;

/// A caller as an issuer describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// All claims.
    pub claims: Arc<Claims>,
    /// `sub`; empty where the issuer names nobody.
    pub subject: Arc<str>,
    /// The value of the consumer claim.
    pub consumer_name: Option<Box<str>>,
    /// The plan, where the claim for it is there.
    pub plan: Option<Arc<str>>,
    /// What it may do; empty where the token does not say.
    pub scopes: Scopes,
    /// Until when it holds, without leeway: Unix seconds.
    pub expires: u64,
    /// `iat`, Unix seconds.
    pub issued: Option<u64>,
    /// `jti`, by which one token can be revoked.
    pub jti: Option<Arc<str>>,
}
