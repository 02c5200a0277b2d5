//! An issuer of tokens with keys of its own: whatever header and payload are wanted, signed with a real key.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::sync::LazyLock;

/// When all of it happens: Unix seconds.
pub const NOW: u64 = 1_800_000_000;
/// The secret of [`hmac`].
pub const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A key that signs.
pub enum Signer {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Hmac(Vec<u8>),
}

/// Two RSA keys, made once: making one takes a while.
static RSA: LazyLock<[RsaKeyPair; 2]> = LazyLock::new(|| {
    let make = || RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    [make(), make()]
});

pub fn rsa(which: usize) -> Signer {
    Signer::Rsa(Box::new(RsaKeyPair::from_der(&pkcs1(&RSA[which])).expect("its own key")))
}

fn pkcs1(key: &RsaKeyPair) -> Vec<u8> {
    let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'static> = key.as_der().expect("PKCS#8");
    // The PKCS#1 key is the octet string at the end: version, algorithm and two lengths are 26 bytes.
    pkcs8.as_ref()[26..].to_vec()
}

pub fn p256() -> Signer {
    Signer::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key"))
}

pub fn p384() -> Signer {
    Signer::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a P-384 key"))
}

pub fn ed25519() -> Signer {
    Signer::Ed(Ed25519KeyPair::generate().expect("an Ed25519 key"))
}

pub fn hmac(secret: &[u8]) -> Signer {
    Signer::Hmac(secret.to_vec())
}

impl Signer {
    /// The signature by the algorithm of that name, in bytes.
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &random, message, &mut signature).expect("a signature");
                signature
            }
            Self::P256(key) | Self::P384(key) => {
                key.sign(&random, message).expect("a signature").as_ref().into()
            }
            Self::Ed(key) => key.sign(message).as_ref().into(),
            Self::Hmac(secret) => {
                let hash = match algorithm {
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::sign(&hmac::Key::new(hash, secret), message).as_ref().into()
            }
        }
    }

    /// A token with this header and payload, as they are; the signature is made by the header's `alg`, where it is one.
    pub fn token(&self, header: &str, payload: &str) -> String {
        let value: serde_json::Value = serde_json::from_str(header).unwrap_or_default();
        let signed = format!("{}.{}", encoded(header), encoded(payload));
        let signature = self.sign(value["alg"].as_str().unwrap_or_default(), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The members of its JWK, without braces, and without those that only the issuer knows.
    pub fn jwk(&self) -> String {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(key) => {
                // RSAPublicKey: SEQUENCE { INTEGER with a zero in front, INTEGER 65537 }.
                let der = key.public_key().as_ref();
                format!(r#""kty":"RSA","n":"{}","e":"AQAB""#, text(&der[9..der.len() - 5]))
            }
            Self::P256(key) | Self::P384(key) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                format!(r#""kty":"EC","crv":"{curve}","x":"{}","y":"{}""#, text(x), text(y))
            }
            Self::Ed(key) => {
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{}""#, text(key.public_key().as_ref()))
            }
            Self::Hmac(secret) => format!(r#""kty":"oct","k":"{}""#, text(secret)),
        }
    }

    /// Its public key in PEM.
    pub fn pem(&self) -> String {
        use aws_lc_rs::encoding::PublicKeyX509Der;
        let der = |der: PublicKeyX509Der<'static>| der.as_ref().to_vec();
        let bytes = match self {
            Self::Rsa(key) => der(key.public_key().as_der().expect("DER")),
            Self::P256(key) | Self::P384(key) => der(key.public_key().as_der().expect("DER")),
            Self::Ed(key) => der(key.public_key().as_der().expect("DER")),
            Self::Hmac(_) => Vec::new(),
        };
        pem("PUBLIC KEY", &bytes)
    }
}

/// PEM of some kind (RFC 7468).
pub fn pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

pub fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A JWK set of these members.
pub fn set(members: &[String]) -> String {
    let all: Vec<_> = members.iter().map(|member| format!("{{{member}}}")).collect();
    format!(r#"{{"keys":[{}]}}"#, all.join(","))
}

/// The claims of a token for the shop, in force for a minute, with more behind them.
pub fn claims(more: &str) -> String {
    format!(
        r#"{{"iss":"https://id.test","aud":"shop","sub":"ann","exp":{},"nbf":{},"iat":{}{more}}}"#,
        NOW + 60,
        NOW - 60,
        NOW - 60
    )
}
