//! What is known of an API key, and how two nodes that know different things come to agree.
//!
//! Two records of one key merge to the same whatever the order in which nodes hear of them: the later change wins, and
//! beside that a revocation always stays. So no node that was away can bring a revoked key back.

use crate::{Denied, Scopes};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An API key, without the key. Times are seconds since 1970 where nothing else is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// What the key is called by; never changes.
    pub id: Box<str>,
    /// The name of the consumer it belongs to.
    pub consumer: Box<str>,
    /// What its owner calls it; may be empty.
    #[serde(default)]
    pub label: Box<str>,
    /// SHA-256 of the key, 64 hex digits in JSON.
    #[serde(with = "hex")]
    pub hash: [u8; 32],
    /// What it may do, where that is something else than what its consumer may.
    #[serde(default, with = "words", skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// Its plan, where that is another than its consumer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<str>>,
    /// When it was made.
    pub created: u64,
    /// From when on it is not taken any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<u64>,
    /// The id of the key that takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<Box<str>>,
    /// When this record last changed, in milliseconds since 1970.
    pub changed: u64,
}

impl KeyRecord {
    /// May the key be taken now?
    pub fn usable(&self, unix: u64) -> Result<(), Denied> {
        if self.revoked.is_some() {
            return Err(Denied::Revoked);
        }
        if self.expires.is_some_and(|at| at <= unix) { Err(Denied::Expired) } else { Ok(()) }
    }

    /// Takes in what another node knows of the same key; `true` where that was news. A record of another key is none.
    pub fn merge(&mut self, other: Self) -> bool {
        if other.id != self.id {
            return false;
        }
        let revoked = self.revoked.into_iter().chain(other.revoked).min();
        let mut news = revoked != self.revoked;
        if other.rank() > self.rank() {
            *self = other;
            news = true;
        }
        self.revoked = revoked;
        news
    }

    /// Takes the key back, from now on and for good.
    pub fn revoke(&mut self, unix_ms: u64) {
        self.revoked = self.revoked.or(Some(unix_ms / 1000));
        self.touch(unix_ms);
    }

    /// Another key takes this one's place: this one is good for `overlap` yet, and never for longer than it was.
    pub fn retire(&mut self, by: &str, overlap: Duration, unix_ms: u64) {
        let end = (unix_ms / 1000).saturating_add(overlap.as_secs());
        self.expires = Some(self.expires.map_or(end, |at| at.min(end)));
        self.replaced_by = Some(by.into());
        self.touch(unix_ms);
    }

    /// Marks a change. A clock that stepped back, or that lies behind another node's, does not hide it.
    pub fn touch(&mut self, unix_ms: u64) {
        self.changed = unix_ms.max(self.changed.saturating_add(1));
    }

    /// What decides between two records, but for the revocation: the time of the change, and where two nodes changed one
    /// key in the same millisecond anything that all nodes see alike.
    fn rank(&self) -> impl Ord + '_ {
        (
            self.changed,
            (self.expires, self.created, self.hash),
            (&self.consumer, &self.label, &self.plan, &self.replaced_by),
            self.scopes.as_ref().map(|scopes| scopes.iter().collect::<Vec<_>>()),
        )
    }
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::fmt::Write;

    pub(super) fn serialize<S: Serializer>(hash: &[u8; 32], out: S) -> Result<S::Ok, S::Error> {
        let text = hash.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        out.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(from)?;
        let digits = text.as_bytes().as_chunks::<2>().0;
        let mut hash = [0; 32];
        let is_hash = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        for (byte, pair) in hash.iter_mut().zip(digits).filter(|_| is_hash) {
            let pair = std::str::from_utf8(pair).map_err(D::Error::custom)?;
            *byte = u8::from_str_radix(pair, 16).map_err(D::Error::custom)?;
        }
        if is_hash { Ok(hash) } else { Err(D::Error::custom("not a SHA-256 in 64 hex digits")) }
    }
}

mod words {
    use crate::Scopes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(scopes: &Option<Scopes>, out: S) -> Result<S::Ok, S::Error> {
        scopes.as_ref().map(|scopes| scopes.iter().collect::<Vec<_>>()).serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Scopes>, D::Error> {
        let words = Option::<Vec<String>>::deserialize(from)?;
        Ok(words.map(|words| Scopes::of(words.iter().map(String::as_str))))
    }
}

#[cfg(test)]
mod tests;
