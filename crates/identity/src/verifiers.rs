//! Threads on which signatures and passwords are checked, so that no worker waits.
//!
//! Tokens and passwords have threads of their own: a password takes a thousand times as long, and memory.
//!
//! *Promise*: what several ask at once is checked once; whoever finds a full queue hears so at once.
//! *Not here*: tokens that were verified before, which a worker recalls itself (`auth::token::Issuer::recall`).

mod lane;
#[cfg(test)]
mod tests;

pub use lane::{Busy, LaneSettings, LaneTotals};

use auth::token::{Holds, Issuer, Recent, Refused, Verified};
use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use aws_lc_rs::hmac;
use lane::Lane;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a password that was right is remembered. Clients send it with each request.
const REMEMBERED: Duration = Duration::from_secs(300);
/// What that may take up in memory, in bytes: some thousand passwords.
const REMEMBERED_BYTES: usize = 1 << 20;

/// The threads. Dropped, they end with the check that they are at.
pub struct Verifiers {
    tokens: Lane<TokenKey, Result<Arc<Verified>, Refused>>,
    passwords: Lane<Fingerprint, bool>,
    right: Arc<Recent<()>>,
    secret: hmac::Key,
    check: CheckPassword,
}

/// Is it the password of this hash (a PHC string)? `auth::basic::verify`.
pub type CheckPassword = fn(&str, &str) -> bool;

/// Stands for a hash and a password, without telling them: an HMAC under a key that only this process has.
type Fingerprint = [u8; SHA256_OUTPUT_LEN];

/// Why a token was not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It was not taken.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It was not looked at.
    #[error(transparent)]
    Busy(#[from] Busy),
}

/// Which token of which issuer. The issuer is the same only if it is the same object: another may have other rules.
#[derive(Clone)]
struct TokenKey {
    issuer: Arc<Issuer>,
    token: Arc<str>,
}

impl PartialEq for TokenKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.issuer, &other.issuer) && self.token == other.token
    }
}

impl Eq for TokenKey {}

impl Hash for TokenKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.issuer).hash(state);
        self.token.hash(state);
    }
}

impl Verifiers {
    /// Starts the threads. Each check of a password takes 19 MiB with argon2's usual settings, so `passwords.threads` of
    /// them at most are taken at a time.
    pub fn new(tokens: LaneSettings, passwords: LaneSettings, check: CheckPassword) -> io::Result<Self> {
        Ok(Self {
            tokens: Lane::start("tokens", tokens)?,
            passwords: Lane::start("passwords", passwords)?,
            right: Arc::new(Recent::new(REMEMBERED_BYTES)),
            secret: hmac::Key::generate(hmac::HMAC_SHA256, &aws_lc_rs::rand::SystemRandom::new())
                .map_err(|_| io::Error::other("the system has no random numbers"))?,
            check,
        })
    }

    /// Verifies a token.
    pub async fn verify(&self, issuer: &Arc<Issuer>, token: &str) -> Result<Arc<Verified>, Unverified> {
        if token.len() > issuer.settings().max_bytes {
            // Refused for its length alone: it should not wait, nor lie in a queue.
            return Ok(issuer.verify(token, unix())?);
        }
        let key = TokenKey { issuer: Arc::clone(issuer), token: token.into() };
        let asked = key.clone();
        let verified = self.tokens.ask(key, move || {
            let now = unix();
            // Somebody else may have asked just before.
            let known = asked.issuer.recall(&asked.token, now);
            known.map_or_else(|| asked.issuer.verify(&asked.token, now), Ok)
        });
        Ok(verified.await??)
    }

    /// Is it the password of this hash? One that was right a short while ago is recalled, in
    /// about a microsecond.
    pub async fn password(&self, hash: &str, password: &str) -> Result<bool, Busy> {
        let fingerprint = self.fingerprint(hash, password);
        if self.right.recall(&fingerprint, unix(), 0).is_some() {
            return Ok(true);
        }
        let (hash, password, right) = (hash.to_owned(), password.to_owned(), Arc::clone(&self.right));
        let is_password = self.check;
        let check = move || {
            let is_right = is_password(&hash, &password);
            if is_right {
                let now = unix();
                // Also not when the clock steps back by more than that.
                let from = now.saturating_sub(REMEMBERED.as_secs());
                let holds = Holds { from, until: now + REMEMBERED.as_secs(), generation: 0 };
                right.keep(&fingerprint, (), 0, holds, now);
            }
            is_right
        };
        self.passwords.ask(fingerprint, check).await
    }

    fn fingerprint(&self, hash: &str, password: &str) -> Fingerprint {
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(&hash.len().to_le_bytes());
        context.update(hash.as_bytes());
        context.update(password.as_bytes());
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(context.sign().as_ref());
        fingerprint
    }

    /// What became of tokens.
    pub fn tokens(&self) -> LaneTotals {
        self.tokens.totals()
    }

    /// What became of passwords.
    pub fn passwords(&self) -> LaneTotals {
        self.passwords.totals()
    }
}

impl std::fmt::Debug for Verifiers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifiers").finish_non_exhaustive()
    }
}

/// Now, in Unix seconds.
fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
