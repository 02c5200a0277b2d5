//! Texts that a browser keeps for us and can neither read nor change: cookies of sessions and of logins under way.
//!
//! AES-256-GCM (NIST SP 800-38D) with the purpose as associated data, so that a text made for one thing is worth nothing for
//! another. The first key seals, all open: a new key goes in front, the old one behind it until what it sealed has
//! expired. Text: base64url of a byte for the version, the nonce (96 bits), what was sealed, and the tag (128 bits).
//!
//! *Not here*: randomness (the nonce is a parameter), cookies, when a session ends: that stands in what is sealed.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const VERSION: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;
/// No longer text is opened; cookies hold 4 KiB each.
const MOST_TEXT: usize = 64 * 1024;

/// Seals and opens.
pub struct Sealer {
    /// Never empty.
    keys: Vec<LessSafeKey>,
}

/// A sealer needs a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key to seal with")]
pub struct NoKey;

impl Sealer {
    /// A sealer that seals with the first key and opens with each.
    pub fn new(keys: &[[u8; 32]]) -> Result<Self, NoKey> {
        let keys = keys.iter().map(|key| UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new));
        let keys: Vec<_> = keys.collect::<Result<_, _>>().map_err(|_| NoKey)?;
        if keys.is_empty() { Err(NoKey) } else { Ok(Self { keys }) }
    }

    /// Seals. The nonce must never come twice under one key: random ones are good for 2^32 texts.
    pub fn seal(&self, purpose: &str, plain: &[u8], nonce: [u8; NONCE]) -> String {
        let mut sealed = Vec::with_capacity(1 + NONCE + plain.len() + TAG);
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (_, body) = sealed.split_at_mut(1 + NONCE);
        let tag = self.keys[0]
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), body)
            .expect("a cookie is shorter than the 64 GiB that GCM seals");
        sealed.extend_from_slice(tag.as_ref());
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// Opens what one of the keys sealed for the same purpose; `None` for anything else.
    pub fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        let sealed = Some(text).filter(|text| text.len() <= MOST_TEXT)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (&version, rest) = sealed.split_first()?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>()?;
        if version != VERSION {
            return None;
        }
        self.keys.iter().find_map(|key| {
            // A key that does not fit spoils what it tried to open.
            let mut body = body.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let plain = key.open_in_place(nonce, Aad::from(purpose), &mut body).ok()?.len();
            body.truncate(plain);
            Some(body)
        })
    }
}

/// A key from a secret that somebody typed (HKDF-SHA-256, RFC 5869). Other uses of the same secret get other keys.
pub fn derive_key(secret: &[u8], purpose: &str) -> [u8; 32] {
    let mut key = [0; 32];
    let (salt, purpose) = (Salt::new(HKDF_SHA256, b"tidegate"), [purpose.as_bytes()]);
    salt.extract(secret)
        .expand(&purpose, HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .expect("one block is what HKDF always gives");
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealer(keys: &[u8]) -> Sealer {
        Sealer::new(&keys.iter().map(|&byte| [byte; 32]).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_new_key_in_front_still_opens_what_the_old_one_sealed() {
        let text = sealer(&[1]).seal("session", b"alice", [7; 12]);
        assert_eq!(sealer(&[2, 1]).open("session", &text).as_deref(), Some(&b"alice"[..]));
        assert_eq!(sealer(&[2]).open("session", &text), None);
        let newer = sealer(&[2, 1]).seal("session", b"alice", [7; 12]);
        assert_eq!(sealer(&[1]).open("session", &newer), None, "the first key seals");
    }

    #[test]
    fn what_was_sealed_for_one_purpose_opens_for_no_other() {
        let text = sealer(&[1]).seal("login", b"state", [7; 12]);
        assert_eq!(sealer(&[1]).open("session", &text), None);
        assert_eq!(sealer(&[1]).open("login", &text).as_deref(), Some(&b"state"[..]));
    }

    #[test]
    fn the_text_fits_a_cookie_and_shows_nothing() {
        let text = sealer(&[1]).seal("session", b"alice alice alice", [7; 12]);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
        assert_eq!(text.len(), (1 + 12 + 17 + 16_usize).div_ceil(3) * 4 - 2);
        assert!(Sealer::new(&[]).is_err());
    }

    #[test]
    fn a_typed_secret_gives_another_key_for_each_purpose() {
        let key = derive_key(b"a secret that somebody typed", "session");
        assert_eq!(key, derive_key(b"a secret that somebody typed", "session"));
        assert_ne!(key, derive_key(b"a secret that somebody typed", "login"));
        assert_ne!(key, derive_key(b"another secret", "session"));
    }

    proptest! {
        #[test]
        fn what_was_changed_does_not_open(plain: Vec<u8>, at: prop::sample::Index, to in "[A-Za-z0-9_-]") {
            let sealed = sealer(&[1]).seal("session", &plain, [9; 12]);
            prop_assert_eq!(sealer(&[1]).open("session", &sealed), Some(plain));
            let at = at.index(sealed.len());
            prop_assume!(sealed[at..=at] != to);
            let mut changed = sealed;
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(sealer(&[1]).open("session", &changed), None);
        }

        #[test]
        fn any_text_is_opened_or_refused(text: String) {
            prop_assert_eq!(sealer(&[1]).open("session", &text), None);
        }
    }
}
