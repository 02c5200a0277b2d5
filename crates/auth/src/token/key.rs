//! One key that may verify tokens. What it is for is fixed when it is made: an RSA key never verifies an HMAC, a key of one
//! curve nothing of another, whatever a token says of itself (RFC 8725 section 3.1).
//!
//! Keys are tried out when they are read, so a key that the cryptography would refuse is told to the operator once and not
//! to every caller. A check of a signature costs some 30 microseconds and is not for a worker's thread.

use super::Algorithm;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use jsonwebtoken::DecodingKey;
use std::fmt;

/// The bits of an RSA modulus: below is forgeable (RFC 7518 section 3.3), above costs more than it gives.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What a signature is checked with.
#[derive(Clone)]
pub(super) struct Key {
    /// Its name, where it has one.
    pub kid: Option<Box<str>>,
    algorithms: Vec<Algorithm>,
    verifying: DecodingKey,
    /// A hash of the key and of what it is for, by which a key is known again.
    mark: [u8; 32],
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// An RSA key from its modulus and exponent, big-endian.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, &'static str> {
        // Some issuers write a sign byte in front (against RFC 7518 section 6.3.1.1); the number is the same.
        let (n, e) = (stripped(n), stripped(e));
        let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            return Err("an RSA key of fewer than 2048 or more than 8192 bits");
        }
        // With an exponent of 1 the signature is the message; an even number makes no RSA key; a huge exponent makes a
        // verification slow. The library checks none of it where a key comes in parts.
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if e == [1] || e.len() > 4 || !is_odd(e) || !is_odd(n) {
            return Err("not a valid RSA key");
        }
        RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| "not a valid RSA key")?;
        Ok(Self::of(&Algorithm::RSA, &[n, e], DecodingKey::from_rsa_raw_components(n, e)))
    }

    /// A point on P-256 or P-384, uncompressed: 4, x, y (SEC 1 section 2.3.3).
    pub(super) fn ec(point: &[u8]) -> Result<Self, &'static str> {
        let algorithm = match point.len() {
            65 => Algorithm::Es256,
            97 => Algorithm::Es384,
            _ => return Err("not a point of P-256 or P-384"),
        };
        tried(ec_check(algorithm), point).map_err(|()| "not a point of its curve")?;
        Ok(Self::of(&[algorithm], &[point], DecodingKey::from_ec_der(point)))
    }

    /// An Ed25519 key (RFC 8032 section 5.1.5).
    pub(super) fn ed25519(key: &[u8]) -> Result<Self, &'static str> {
        if key.len() != 32 {
            return Err("not an Ed25519 key");
        }
        tried(&ED25519, key).map_err(|()| "not an Ed25519 key")?;
        Ok(Self::of(&[Algorithm::EdDsa], &[key], DecodingKey::from_ed_der(key)))
    }

    /// A key as certificates hold it: `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1.2.7).
    pub(super) fn spki(der: &[u8]) -> Result<Self, &'static str> {
        // Each parser takes the keys of its own kind only.
        if let Ok(key) = PublicEncryptingKey::from_der(der) {
            if !RSA_BITS.contains(&key.key_size_bits()) {
                return Err("an RSA key of fewer than 2048 or more than 8192 bits");
            }
            return Ok(Self::of(&Algorithm::RSA, &[der], DecodingKey::from_rsa_der(der)));
        }
        for algorithm in [Algorithm::Es256, Algorithm::Es384] {
            if tried(ec_check(algorithm), der).is_ok() {
                return Ok(Self::of(&[algorithm], &[der], DecodingKey::from_ec_der(der)));
            }
        }
        if tried(&ED25519, der).is_ok() {
            return Ok(Self::of(&[Algorithm::EdDsa], &[der], DecodingKey::from_ed_der(der)));
        }
        Err("not a public key of RSA, P-256, P-384 or Ed25519")
    }

    /// A shared secret. It has to be as long as the hash that it is used with (RFC 7518 section 3.2), so a short one is for
    /// fewer algorithms.
    pub(super) fn secret(secret: &[u8]) -> Result<Self, &'static str> {
        let long_enough = |(_, least): &(Algorithm, usize)| secret.len() >= *least;
        let with_least = Algorithm::HMAC.into_iter().zip([32, 48, 64]);
        let algorithms: Vec<_> = with_least.filter(long_enough).map(|(algorithm, _)| algorithm).collect();
        if algorithms.is_empty() {
            return Err("a secret of fewer than 32 bytes");
        }
        Ok(Self::of(&algorithms, &[secret], DecodingKey::from_secret(secret)))
    }

    fn of(algorithms: &[Algorithm], parts: &[&[u8]], verifying: DecodingKey) -> Self {
        let mut whole = Vec::new();
        for part in parts {
            whole.extend_from_slice(&(part.len() as u64).to_le_bytes());
            whole.extend_from_slice(part);
        }
        let mut mark = [0; 32];
        mark.copy_from_slice(digest(&SHA256, &whole).as_ref());
        Self { kid: None, algorithms: algorithms.to_vec(), verifying, mark }
    }

    /// Under a name, and for one algorithm only where one is given. `None`: the key cannot be used with that.
    pub(super) fn named(mut self, kid: Option<Box<str>>, only: Option<Algorithm>) -> Option<Self> {
        self.kid = kid;
        self.algorithms.retain(|algorithm| only.is_none_or(|only| only == *algorithm));
        (!self.algorithms.is_empty()).then_some(self)
    }

    /// Is it for this algorithm?
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Is the other the same key, under the same name, for no less?
    pub(super) fn is_kept_by(&self, other: &Self) -> bool {
        self.mark == other.mark
            && self.kid == other.kid
            && self.algorithms.iter().all(|algorithm| other.is_for(*algorithm))
    }

    /// Has this key signed the message? `Err`: the signature is not base64url.
    pub(super) fn verifies(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &str,
    ) -> Result<bool, &'static str> {
        if !self.is_for(algorithm) {
            return Ok(false);
        }
        jsonwebtoken::crypto::verify(signature, message, &self.verifying, algorithm.of_library())
            .map_err(|_| "the signature is not base64url")
    }
}

fn ec_check(algorithm: Algorithm) -> &'static dyn VerificationAlgorithm {
    if algorithm == Algorithm::Es384 { &ECDSA_P384_SHA384_FIXED } else { &ECDSA_P256_SHA256_FIXED }
}

fn tried(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Result<(), ()> {
    ParsedPublicKey::new(algorithm, key).map(drop).map_err(drop)
}

fn stripped(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
