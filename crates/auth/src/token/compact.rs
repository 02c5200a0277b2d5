//! The compact form of a signed token (RFC 7515 section 7.1): three parts in base64url, and what the header says of the
//! signature.
//!
//! Of the header only `alg`, `kid`, `typ` and what must not be there are read. Base64 has one spelling: no padding, no
//! white space, no bits left over, so a token cannot be written in two ways.

use super::Algorithm;
use super::strict;
use crate::{Claims, Denied};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The longest `kid`. Those of real issuers are hashes and names; it goes into log lines.
const KID_MAX: usize = 256;

/// A token taken apart; nothing of it is verified.
pub(super) struct Compact<'a> {
    /// How the header says that it is signed.
    pub algorithm: Algorithm,
    /// By which key, as the header says.
    pub kid: Option<Box<str>>,
    /// Header and payload as they were signed.
    pub signed: &'a [u8],
    /// The signature in base64url, not empty.
    pub signature: &'a str,
    payload: &'a str,
}

impl<'a> Compact<'a> {
    /// Takes apart a token of at most `most` bytes.
    pub(super) fn of(token: &'a str, most: usize) -> Result<Self, Denied> {
        let [header, payload, signature] = parts(token, most)?;
        let (algorithm, kid) = read_header(&object(header)?)?;
        if signature.is_empty() {
            return Err(Denied::Malformed("the token has no signature"));
        }
        let signed = &token.as_bytes()[..header.len() + 1 + payload.len()];
        Ok(Self { algorithm, kid, signed, signature, payload })
    }

    /// The claims. They mean nothing before the signature was verified.
    pub(super) fn claims(&self) -> Result<Claims, Denied> {
        object(self.payload)
    }
}

/// The claims of a token that nobody has verified.
pub(super) fn unverified_claims(token: &str, most: usize) -> Option<Claims> {
    let [_, payload, _] = parts(token, most).ok()?;
    object(payload).ok()
}

fn parts(token: &str, most: usize) -> Result<[&str; 3], Denied> {
    if token.len() > most {
        return Err(Denied::Malformed("the token is too long"));
    }
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None) => Ok([header, payload, signature]),
        (.., Some(_)) => Err(Denied::Malformed("the token has more than three parts")),
        _ => Err(Denied::Malformed("the token does not have three parts")),
    }
}

fn object(part: &str) -> Result<Claims, Denied> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Denied::Malformed("a part is not base64url"))?;
    strict::object(&bytes).map_err(Denied::Malformed)
}

fn read_header(header: &Claims) -> Result<(Algorithm, Option<Box<str>>), Denied> {
    // `crit` lists what a reader must understand, which here is nothing (RFC 7515 section 4.1.11). `b64` without it would
    // be ignored by the RFC, but whoever made such a token signed other bytes than those that are read (RFC 7797).
    if ["crit", "b64", "enc", "zip"].iter().any(|name| header.contains_key(*name)) {
        return Err(Denied::Malformed("the header asks for what is not understood"));
    }
    // A token within a token (RFC 7519 section 5.2).
    if header.contains_key("cty") {
        return Err(Denied::Malformed("the token holds another one"));
    }
    read_type(header.get("typ"))?;
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if kid.len() <= KID_MAX => Some(kid.as_str().into()),
        Some(_) => return Err(Denied::Malformed("`kid` is no string, or too long")),
    };
    let Some(Value::String(name)) = header.get("alg") else {
        return Err(Denied::Malformed("`alg` is missing or no string"));
    };
    if name.eq_ignore_ascii_case("none") {
        return Err(Denied::Invalid("the token is not signed"));
    }
    let algorithm = Algorithm::named(name).ok_or(Denied::Invalid("`alg` is not known"))?;
    Ok((algorithm, kid))
}

/// An access or identity token (RFC 9068 section 2.1). Others that the same issuer signs, to log out or to prove possession,
/// are not to be taken for one (RFC 8725 section 3.11).
fn read_type(kind: Option<&Value>) -> Result<(), Denied> {
    let kind = match kind {
        None => return Ok(()),
        Some(Value::String(kind)) => kind.to_ascii_lowercase(),
        Some(_) => return Err(Denied::Malformed("`typ` is no string")),
    };
    match kind.strip_prefix("application/").unwrap_or(&kind) {
        "jwt" | "at+jwt" => Ok(()),
        _ => Err(Denied::Invalid("a token of another type")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<(Algorithm, Option<Box<str>>), Denied> {
        read_header(&strict::object(header.as_bytes()).map_err(Denied::Malformed)?)
    }

    #[test]
    fn a_header_says_how_and_by_which_key() {
        let header = r#"{"typ":"at+JWT","alg":"ES256","kid":"a","jku":"https://evil.test","jwk":{}}"#;
        assert_eq!(read(header), Ok((Algorithm::Es256, Some("a".into()))));
        assert_eq!(read(r#"{"alg":"EdDSA"}"#), Ok((Algorithm::EdDsa, None)));
    }

    #[test]
    fn a_header_that_asks_for_more_or_for_less_is_refused() {
        let long = format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(257));
        for header in [
            "{}",
            r#"{"alg":null}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"alg":"none"}"#,
            r#"{"alg":"nOnE"}"#,
            r#"{"alg":"HS256","alg":"RS256"}"#,
            r#"{"alg":"RS256","crit":["exp"],"exp":1}"#,
            r#"{"alg":"RS256","crit":[]}"#,
            r#"{"alg":"RS256","b64":false}"#,
            r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#,
            r#"{"alg":"RS256","cty":"JWT"}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","kid":{"a":1}}"#,
            r#"{"alg":"RS256","typ":"logout+jwt"}"#,
            r#"{"alg":"RS256","typ":"dpop+jwt"}"#,
            r#"{"alg":"RS256","typ":1}"#,
            &long,
        ] {
            assert!(read(header).is_err(), "{header}");
        }
    }

    #[test]
    fn a_token_has_three_parts_in_base64url_of_one_spelling() {
        // {"alg":"HS256"} and {}
        let good = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln";
        assert!(Compact::of(good, 100).is_ok());
        for token in [
            "",
            ".",
            "..",
            "eyJhbGciOiJIUzI1NiJ9.e30",
            "eyJhbGciOiJIUzI1NiJ9.e30.",
            "eyJhbGciOiJIUzI1NiJ9.e30.c2ln.x",
            "eyJhbGciOiJIUzI1NiJ9.e30.c2ln..",
            "eyJhbGciOiJIUzI1NiJ9=.e30.c2ln",
            " eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
            "eyJhbGciOiJIUzI1NiJ8.e30.c2ln",
        ] {
            assert!(Compact::of(token, 100).is_err(), "{token}");
        }
        assert!(Compact::of(good, good.len() - 1).is_err());
        // Bits left over behind the payload's last byte.
        assert!(Compact::of("eyJhbGciOiJIUzI1NiJ9.e31.c2ln", 100).unwrap().claims().is_err());
    }
}
