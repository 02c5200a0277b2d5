//! Who calls in `guard`: a thousand consumers, each with an API key and with a JSON Web Token, and what servers need to
//! check them: the keys, and the issuer's public key as a JWK set (RFC 7517) and as PEM.
//!
//! All of it is made anew for each run and opens nothing but the servers of this bench. The tokens are of the commonest
//! kind: RS256 with a key of 2048 bits and half a dozen claims, some 650 bytes. *Not here*: checking anything.

use anyhow::{Context, Result};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many consumers there are.
pub(crate) const CONSUMERS: usize = 1000;

/// What tokens carry in `iss` and in `aud`.
pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "shop";

/// How long tokens hold, in seconds: longer than any run takes.
const LIFETIME: u64 = 86_400;

/// Everything that consumers show, and what it is checked with.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// An API key for each consumer, in their order.
    pub(crate) keys: Vec<String>,
    /// A token for each consumer, in their order.
    pub(crate) tokens: Vec<String>,
    /// The issuer's public key as a JWK set.
    pub(crate) jwks: String,
    /// The issuer's public key as PEM.
    pub(crate) public_key: String,
}

impl Credentials {
    /// Makes them for a number of consumers; a token takes about a millisecond.
    pub(crate) fn make(consumers: usize) -> Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok().context("no RSA key could be made")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        Ok(Self {
            keys: (0..consumers).map(|_| api_key()).collect::<Result<_>>()?,
            tokens: (0..consumers).map(|n| sign(&pair, n, now)).collect::<Result<_>>()?,
            jwks: jwks(&pair)?,
            public_key: public_key(&pair)?,
        })
    }

    /// The name of a consumer; it is the subject of the consumer's token.
    pub(crate) fn consumer(number: usize) -> String {
        format!("app-{number:04}")
    }

    /// Each consumer's API key and name.
    pub(crate) fn named_keys(&self) -> impl Iterator<Item = (&str, String)> {
        self.keys.iter().enumerate().map(|(n, key)| (key.as_str(), Self::consumer(n)))
    }
}

/// 128 random bits in hexadecimal digits.
fn api_key() -> Result<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok().context("no random numbers")?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn sign(pair: &RsaKeyPair, number: usize, now: u64) -> Result<String> {
    let header = json!({ "alg": "RS256", "kid": "bench", "typ": "JWT" });
    let claims = json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": Credentials::consumer(number),
        "jti": api_key()?,
        "scope": "orders:read orders:write",
        "iat": now,
        "exp": now + LIFETIME,
    });
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let text = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let mut signature = vec![0; pair.public_modulus_len()];
    let done = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature);
    done.ok().context("a token could not be signed")?;
    Ok(format!("{text}.{}", encode(&signature)))
}

/// Bytes of a modulus of 2048 bits.
const MODULUS: usize = 256;

fn jwks(pair: &RsaKeyPair) -> Result<String> {
    // An `RSAPublicKey` (RFC 8017, appendix A.1.1): the last numbers in it are modulus and exponent, here 65537, with two
    // bytes of tag and length before the exponent's three.
    let key = pair.public_key().as_ref();
    let modulus = key.strip_suffix(&[2, 3, 1, 0, 1]).and_then(|rest| rest.last_chunk::<MODULUS>());
    let n = URL_SAFE_NO_PAD.encode(modulus.context("the public key is of an unknown kind")?);
    let key = json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "bench", "n": n, "e": "AQAB" });
    Ok(json!({ "keys": [key] }).to_string())
}

/// RFC 7468: base64 in lines of 64 characters.
fn public_key(pair: &RsaKeyPair) -> Result<String> {
    let der = pair.public_key().as_der().ok().context("the public key could not be written")?;
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value;
    use std::collections::HashSet;

    #[test]
    fn every_consumer_has_a_key_and_a_token_of_its_own() {
        let made = Credentials::make(3).unwrap();
        assert_eq!(made.keys.iter().collect::<HashSet<_>>().len(), 3);
        assert!(made.keys.iter().all(|key| key.len() == 32));
        for (n, token) in made.tokens.iter().enumerate() {
            let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
            let claims: Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!(claims["sub"], Credentials::consumer(n));
        }
    }

    #[test]
    fn tokens_are_signed_with_the_published_key() {
        let made = Credentials::make(1).unwrap();
        let body: String = made.public_key.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body).unwrap();
        let (text, signature) = made.tokens[0].rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let check = |text: &str| {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).verify(text.as_bytes(), &signature)
        };
        assert!(check(text).is_ok());
        assert!(check(&format!("{text}x")).is_err());
        let jwks: Value = serde_json::from_str(&made.jwks).unwrap();
        let modulus = URL_SAFE_NO_PAD.decode(jwks["keys"][0]["n"].as_str().unwrap()).unwrap();
        assert!(der.windows(modulus.len()).any(|part| part == modulus), "both say the same key");
    }
}
