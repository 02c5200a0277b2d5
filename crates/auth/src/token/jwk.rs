//! One member of a JWK set (RFC 7517 section 4, RFC 7518 section 6) to a key, or why it is none for us.
//!
//! A set holds keys for other purposes and of kinds that come after us; one that cannot be used never hides the others. A
//! symmetric or private key in a set that is published is known to everybody, so nothing may be verified with it.

use super::Algorithm;
use super::key::Key;
use crate::Claims;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The longest `kid`, as in tokens.
const KID_MAX: usize = 256;

/// The key that a JWK is.
pub(super) fn read(jwk: &Claims) -> Result<Key, &'static str> {
    check_purpose(jwk)?;
    if jwk.contains_key("d") {
        return Err("the private key is published, so anybody can sign with it");
    }
    let kid = match text(jwk, "kid")? {
        Some(kid) if kid.len() > KID_MAX => return Err("`kid` is too long"),
        kid => kid.map(Into::into),
    };
    let only = match text(jwk, "alg")? {
        None => None,
        Some(name) => Some(Algorithm::named(name).ok_or("`alg` is not one that verifies tokens")?),
    };
    let key = match text(jwk, "kty")?.ok_or("`kty` is missing")? {
        "RSA" => Key::rsa(&number(jwk, "n", 1024 + 1)?, &number(jwk, "e", 8)?)?,
        "EC" => ec(jwk)?,
        "OKP" if text(jwk, "crv")? == Some("Ed25519") => Key::ed25519(&number(jwk, "x", 32)?)?,
        "oct" => return Err("a symmetric key in a published set is no secret"),
        _ => return Err("of a kind that is not supported"),
    };
    key.named(kid, only).ok_or("`alg` does not fit `kty`")
}

/// `use` and `key_ops`, where they are there, must say that it verifies signatures.
fn check_purpose(jwk: &Claims) -> Result<(), &'static str> {
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err("not for signatures");
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(all)) if all.iter().any(|one| one == "verify") => Ok(()),
        Some(_) => Err("not for verifying"),
    }
}

fn ec(jwk: &Claims) -> Result<Key, &'static str> {
    let length = match text(jwk, "crv")? {
        Some("P-256") => 32,
        Some("P-384") => 48,
        _ => return Err("of a curve that is not supported"),
    };
    // Coordinates have their full length (RFC 7518 section 6.2.1.2), else one could lend bytes to the other.
    let (x, y) = (number(jwk, "x", length)?, number(jwk, "y", length)?);
    if x.len() != length || y.len() != length {
        return Err("a coordinate does not have the length of its curve");
    }
    Key::ec(&[&[4], &*x, &*y].concat())
}

fn text<'a>(jwk: &'a Claims, name: &str) -> Result<Option<&'a str>, &'static str> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("a member that should be a string is none"),
    }
}

/// Bytes in base64url, at most `most`.
fn number(jwk: &Claims, name: &str, most: usize) -> Result<Vec<u8>, &'static str> {
    let text = text(jwk, name)?.ok_or("a part of the key is missing")?;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "a part of the key is not base64url")?;
    if bytes.len() > most { Err("a part of the key is too long") } else { Ok(bytes) }
}
