//! One issuer: its keys, its rules, and the tokens of it that were verified.
//!
//! `recall` is for a worker: some 200 ns, no cryptography, no lock. `verify` costs tens of microseconds and belongs on a thread
//! that may wait. Both say no for a token that has expired, was revoked, or was signed by a key that the issuer has
//! withdrawn.
//!
//! *Not here*: fetching keys, and how often an unknown one may be asked for (the room `identity`).

use super::compact::{Compact, unverified_claims};
use super::recent::{Holds, Recent};
use super::{JwtSettings, KeySet, Revocations, Verified, claims};
use crate::Denied;
use arc_swap::ArcSwapOption;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Somebody who signs tokens.
pub struct Issuer {
    name: Box<str>,
    settings: JwtSettings,
    keys: ArcSwapOption<Keys>,
    /// That of `keys`, so that a recall need not look into them. It grows when a key is withdrawn.
    generation: AtomicU64,
    changing: Mutex<()>,
    recent: Recent<Arc<Verified>>,
    revocations: Arc<Revocations>,
}

struct Keys {
    set: KeySet,
    generation: u64,
}

/// Why a token was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It will not be, whatever the issuer says.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No key of the set may have signed it; the issuer may have a new one. `kid` is what the token says, at most 256 bytes.
    #[error("signed with a key that is not known: {kid:?}")]
    UnknownKey {
        /// The key's name, where the token says one.
        kid: Option<Box<str>>,
    },
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Issuer {
    /// An issuer by the name that the config has for it. Without keys every token is [`Denied::Unverified`].
    pub fn new(name: &str, settings: JwtSettings, keys: Option<KeySet>) -> Self {
        let issuer = Self {
            name: name.into(),
            recent: Recent::new(settings.cache_bytes),
            settings,
            keys: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            changing: Mutex::new(()),
            revocations: Arc::default(),
        };
        if let Some(keys) = keys {
            issuer.set_keys(keys);
        }
        issuer
    }

    /// Goes by these revocations, which other issuers may share.
    #[must_use]
    pub fn with_revocations(mut self, revocations: Arc<Revocations>) -> Self {
        self.revocations = revocations;
        self
    }

    /// Its name in the config.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the config says of it.
    pub fn settings(&self) -> &JwtSettings {
        &self.settings
    }

    /// Puts other keys in force. Where one of the old ones is gone, no token verified before is recalled.
    pub fn set_keys(&self, set: KeySet) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.keys.load();
        let is_kept = old.as_ref().is_none_or(|old| old.set.is_kept_by(&set));
        let generation = self.generation.load(Relaxed) + u64::from(!is_kept);
        self.keys.store(Some(Arc::new(Keys { set, generation })));
        self.generation.store(generation, Relaxed);
    }

    /// Are there keys?
    pub fn keys_known(&self) -> bool {
        self.keys.load().is_some()
    }

    /// The claims of a token that was verified before and still holds.
    pub fn recall(&self, token: &str, unix: u64) -> Option<Arc<Verified>> {
        let verified = self.recent.recall(token.as_bytes(), unix, self.generation.load(Relaxed))?;
        (!self.revocations.is_revoked(&verified)).then_some(verified)
    }

    /// Verifies a token at a time, in Unix seconds, and remembers it.
    pub fn verify(&self, token: &str, unix: u64) -> Result<Arc<Verified>, Refused> {
        let compact = Compact::of(token, self.settings.max_bytes)?;
        let allowed = &self.settings.algorithms;
        if !allowed.is_empty() && !allowed.contains(&compact.algorithm) {
            return Err(Denied::Invalid("signed with an algorithm that is not allowed").into());
        }
        let keys = self.keys.load();
        let keys = keys.as_ref().ok_or(Denied::Unverified("the issuer's keys are not known yet"))?;
        check_signature(&compact, &keys.set)?;
        let verified = Arc::new(claims::judge(compact.claims()?, &self.settings, unix, None)?);
        if self.revocations.is_revoked(&verified) {
            return Err(Denied::Revoked.into());
        }
        self.remember(token, &verified, unix, keys.generation);
        Ok(verified)
    }

    fn remember(&self, token: &str, verified: &Arc<Verified>, unix: u64, generation: u64) {
        let leeway = self.settings.leeway.as_secs();
        let from = claims::date(&verified.claims, "nbf").ok().flatten().max(verified.issued);
        let holds = Holds {
            from: from.unwrap_or_default().saturating_sub(leeway),
            until: verified.expires.saturating_add(leeway),
            generation,
        };
        self.recent.keep(token.as_bytes(), verified.clone(), verified.weight(), holds, unix);
    }
}

/// Has one of the keys signed it?
fn check_signature(token: &Compact<'_>, keys: &KeySet) -> Result<(), Refused> {
    let kid = token.kid.as_deref();
    for key in keys.candidates(token.algorithm, kid) {
        if key.verifies(token.algorithm, token.signed, token.signature).map_err(Denied::Malformed)? {
            return Ok(());
        }
    }
    // A key that is there under the token's name is the one. Else it may be one that the issuer has made since.
    if keys.is_fixed() || kid.is_some_and(|kid| keys.kids().any(|known| known == kid)) {
        return Err(Denied::Invalid("the signature is wrong").into());
    }
    Err(Refused::UnknownKey { kid: token.kid.clone() })
}

/// Who is said to have issued a token that nobody has verified: to choose among issuers, and for nothing else.
pub fn peek_issuer(token: &str) -> Option<Box<str>> {
    match unverified_claims(token, JwtSettings::default().max_bytes)?.remove("iss")? {
        Value::String(issuer) => Some(issuer.into()),
        _ => None,
    }
}
