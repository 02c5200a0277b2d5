//! API keys of consumers and revocations of tokens, as an operator sees and changes them: `/api/keys`, `/api/revocations`.
//!
//! Plain data that the node fills in. Field names are the names in the JSON: part of the interface. What is answered
//! over HTTP stands in `answers.rs`.
//!
//! *Promise*: the text of a key is in one answer, the one to whoever had it made, and in nothing that is listed, logged
//! or shown. *Not here*: where keys are kept. *Cost*: none on the hot path.

mod answers;

pub(crate) use answers::{create, list, revocations, revoke, revoke_tokens, rotate};

use serde::{Deserialize, Serialize};
use std::fmt;

/// A key as it is shown: all but its text. Times are seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// What it is called by; stands in its text too and is no secret.
    pub id: String,
    /// The consumer it belongs to.
    pub consumer: String,
    /// What its owner calls it; may be empty.
    pub label: String,
    /// `active`, `retiring` (another one takes its place, and it is good for a while yet), `expired` or `revoked`.
    pub state: &'static str,
    /// What it may do, where that is something else than what its consumer may.
    pub scopes: Option<Vec<String>>,
    /// Its plan, where that is another than its consumer's.
    pub plan: Option<String>,
    /// When it was made.
    pub created: u64,
    /// From when on it is not taken any more.
    pub expires: Option<u64>,
    /// When it was taken back.
    pub revoked: Option<u64>,
    /// The id of the key that takes its place.
    pub replaced_by: Option<String>,
    /// When it was last taken by this node, to a minute; none: never since the node was started.
    pub last_used: Option<u64>,
}

impl KeyView {
    /// Is it taken?
    pub fn is_usable(&self) -> bool {
        matches!(self.state, "active" | "retiring")
    }
}

/// What somebody asks for who wants a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Whose it is to be: the name of a consumer in the config.
    pub consumer: String,
    /// What its owner calls it.
    #[serde(default)]
    pub label: String,
    /// What it may do; absent: what its consumer may.
    pub scopes: Option<Vec<String>>,
    /// Its plan; absent: its consumer's.
    pub plan: Option<String>,
    /// After what time it expires, such as `30d`; absent: never.
    pub expires_in: Option<String>,
}

/// How a key is to be replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// How long the old key is good for yet, such as `24h`; absent: a day. `0` ends it at once.
    pub overlap: Option<String>,
}

/// A key that was just made.
#[derive(Clone, PartialEq, Eq)]
pub struct MintedKey {
    /// The key itself.
    pub text: String,
    /// What is known of it from now on.
    pub view: KeyView,
    /// The key whose place it takes.
    pub replaces: Option<KeyView>,
}

impl fmt::Debug for MintedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintedKey").field("view", &self.view).finish_non_exhaustive()
    }
}

/// Tokens that are to hold no longer: one by its `jti`, or those of a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRevocation {
    /// The `jti` of the token.
    pub jti: Option<String>,
    /// The `sub` of the tokens: all that were issued up to now.
    pub subject: Option<String>,
    /// When the last of them expires, in seconds since 1970, so that the revocation can be forgotten then.
    pub until: Option<u64>,
}

/// A revocation as it is shown. Times are seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RevocationView {
    /// The `jti` of the token that it is of.
    pub jti: Option<String>,
    /// Else the `sub` of the tokens.
    pub subject: Option<String>,
    /// Of a subject: tokens that were issued before.
    pub issued_before: Option<u64>,
    /// When it is forgotten; none: never.
    pub until: Option<u64>,
    /// When it was made, or last changed.
    pub changed: u64,
}

/// Why a key was not made, replaced or revoked, or a token not revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// There is no such key.
    NoKey,
    /// What was asked for makes no sense: in a sentence what to change.
    Bad(String),
    /// It cannot be done as things stand: why, and what to do.
    NotNow(String),
    /// It could not be made to last, for example because the disk is full. Nothing was changed.
    Failed(String),
}
