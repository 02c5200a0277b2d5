//! What a token says, once it is known to be true.

use crate::{Claims, Remembered, Scopes};
use serde_json::Value;
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
    /// Who that is, as the config has it.
    pub caller: Remembered,
}

/// A member of an object beside its value: its hash, its name's `String`, its place in the index.
const MEMBER: usize = 56;

impl Verified {
    /// About how much memory it takes up, in bytes, so that memories of many can be bounded.
    pub(super) fn weight(&self) -> usize {
        let texts = self.subject.len() + self.scopes.iter().map(|word| word.len() + 16).sum::<usize>();
        size_of::<Self>() + 128 + texts + object(&self.claims)
    }
}

fn object(members: &Claims) -> usize {
    members.iter().map(|(name, value)| MEMBER + name.len() + weight(value)).sum()
}

/// The depth is that of a parsed token, which is bounded.
fn weight(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(weight).sum(),
            Value::Object(members) => object(members),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}
