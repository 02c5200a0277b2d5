//! The keys of one issuer: a JWK set (RFC 7517), public keys in PEM, or a secret that both sides know.
//!
//! *Invariant*: at most [`KEYS`] keys from at most [`BYTES`] bytes, each tried out. A secret comes from the config only, so
//! no published key can ever be used as one (RFC 8725 section 2.1).

use super::key::Key;
use super::{Algorithm, jwk, strict};
use rustls_pki_types::pem::{PemObject, SectionKind};
use serde_json::Value;

/// The most keys of a set. Large issuers publish some ten.
const KEYS: usize = 100;
/// The longest set, in bytes.
const BYTES: usize = 1 << 20;
/// How many keys are tried where the token or the keys have no names: bounds what one token may cost.
const TRIES: usize = 16;

/// Keys that may verify tokens.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<Skipped>,
    fixed: bool,
}

/// A member of a set that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which, counted from 0.
    pub at: usize,
    /// Why, in words for the operator.
    pub why: &'static str,
}

/// Why there are no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Longer than 1 MiB.
    #[error("longer than 1 MiB")]
    TooLong,
    /// Not JSON, or JSON of another shape.
    #[error("not a JWK set: {0}")]
    NotASet(&'static str),
    /// Not PEM, or PEM of something else.
    #[error("not a public key in PEM: {0}")]
    NotPem(&'static str),
    /// A secret that is too short.
    #[error("{0}: with HS256 it must have at least 32 (RFC 7518 section 3.2)")]
    Secret(&'static str),
    /// A set in which no key can be used; the reason of the first.
    #[error("no key can be used: {0}")]
    NoKey(&'static str),
}

impl KeySet {
    /// From a JWK set. Keys that cannot be used are skipped, see [`KeySet::skipped`].
    pub fn from_jwks(bytes: &[u8]) -> Result<Self, KeySetError> {
        if bytes.len() > BYTES {
            return Err(KeySetError::TooLong);
        }
        let set = strict::object(bytes).map_err(KeySetError::NotASet)?;
        let Some(Value::Array(members)) = set.get("keys") else {
            return Err(KeySetError::NotASet("it has no list `keys`"));
        };
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (at, member) in members.iter().enumerate() {
            let read = match member {
                _ if keys.len() == KEYS => Err("there are more than 100"),
                Value::Object(jwk) => jwk::read(jwk),
                _ => Err("not a JSON object"),
            };
            match read {
                Ok(key) => keys.push(key),
                Err(why) if skipped.len() < KEYS => skipped.push(Skipped { at, why }),
                Err(_) => break,
            }
        }
        Self::with_keys(keys, skipped, false)
    }

    /// From one or more public keys in PEM (`PUBLIC KEY`, RFC 7468 section 13). They have no names.
    pub fn from_pem(bytes: &[u8]) -> Result<Self, KeySetError> {
        if bytes.len() > BYTES {
            return Err(KeySetError::TooLong);
        }
        let mut keys = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
            let (kind, der) = section.map_err(|_| KeySetError::NotPem("its lines are damaged"))?;
            match kind {
                SectionKind::PublicKey if keys.len() == KEYS => {
                    return Err(KeySetError::NotPem("more than 100 keys"));
                }
                SectionKind::PublicKey => keys.push(Key::spki(&der).map_err(KeySetError::NotPem)?),
                SectionKind::Certificate => {
                    return Err(KeySetError::NotPem("a certificate; its public key is wanted"));
                }
                _ => return Err(KeySetError::NotPem("something else, perhaps the private key")),
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::NotPem("no lines `-----BEGIN PUBLIC KEY-----`"));
        }
        Self::with_keys(keys, Vec::new(), true)
    }

    /// From a secret that the issuer signs with (HS256 from 32 bytes on, HS384 from 48, HS512 from 64).
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeySetError> {
        let key = Key::secret(secret).map_err(KeySetError::Secret)?;
        Self::with_keys(vec![key], Vec::new(), true)
    }

    fn with_keys(keys: Vec<Key>, skipped: Vec<Skipped>, fixed: bool) -> Result<Self, KeySetError> {
        if keys.is_empty() {
            let why = skipped.first().map_or("there is none", |first: &Skipped| first.why);
            return Err(KeySetError::NoKey(why));
        }
        Ok(Self { keys, skipped, fixed })
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a set without keys is an error.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The members that cannot be used, and why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The names of the keys that have one.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.kid.as_deref())
    }

    /// Is it from the config, so that asking the issuer again brings no other keys?
    pub(super) fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// Is every key of this set also in the other one?
    pub(super) fn is_kept_by(&self, other: &Self) -> bool {
        self.keys.iter().all(|key| other.keys.iter().any(|theirs| key.is_kept_by(theirs)))
    }

    /// The keys that may have signed: those of the token's name, else those without one. A token without a name may be of
    /// any key. An empty answer: the key is not known.
    pub(super) fn candidates(&self, algorithm: Algorithm, kid: Option<&str>) -> impl Iterator<Item = &Key> {
        let is_named = kid.is_some() && self.keys.iter().any(|key| key.kid.as_deref() == kid);
        let fits = move |key: &&Key| match kid {
            None => true,
            Some(_) if is_named => key.kid.as_deref() == kid,
            Some(_) => key.kid.is_none(),
        };
        self.keys.iter().filter(fits).filter(move |key| key.is_for(algorithm)).take(TRIES)
    }
}
