//! A token: taken only where its claims have one reading and hold now, and then recalled as it was verified.
//!
//! A fuzzer finds no signature. So the input is also signed: its first line as the header, the rest as the payload.

use auth::token::oidc::{Discovery, Tokens};
use auth::token::{Issuer, JwtSettings, KeySet, peek_issuer};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::LazyLock;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// When it is: the seeds expire half a minute later.
const NOW: u64 = 1_800_000_000;
const LEEWAY: u64 = 30;

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let keys = KeySet::from_secret(SECRET).expect("a secret of 32 bytes");
    let settings = JwtSettings { audiences: vec!["shop".into()], ..JwtSettings::default() };
    Issuer::new("fuzz", settings, Some(keys))
});

/// Reads `data` as a token, as the two parts of one that is then signed, and as what providers answer.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    check_token(text);
    let (header, payload) = text.split_once('\n').unwrap_or((r#"{"alg":"HS256"}"#, text));
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    if check_token(&token) {
        check_claims(&token, payload);
    }
    // Both are bounded and never panic; what they say is examined by the tests of the room.
    let _ = Discovery::read(data, "https://id.test");
    let _ = Tokens::read(200, data);
}

/// Is it taken?
fn check_token(token: &str) -> bool {
    let verified = ISSUER.verify(token, NOW);
    assert_eq!(verified, ISSUER.verify(token, NOW), "the same token twice");
    assert_eq!(ISSUER.recall(token, NOW).as_ref(), verified.as_ref().ok(), "what is recalled was verified");
    let Ok(verified) = verified else { return false };
    assert!(verified.expires + LEEWAY > NOW, "expired");
    assert!(verified.issued.is_none_or(|issued| issued <= NOW + LEEWAY), "issued later");
    assert!(ISSUER.recall(token, verified.expires + LEEWAY).is_none(), "recalled when it had expired");
    // Another signature is none, however it is spelt.
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    for other in [format!("{signed}.{signature}="), format!("{signed}.{signature}A"), format!("{signed}.")] {
        assert!(ISSUER.verify(&other, NOW).is_err(), "{other}");
    }
    true
}

/// What was taken is what another reader takes, who lets the last of repeated names win.
fn check_claims(token: &str, payload: &str) {
    let claims: serde_json::Value = serde_json::from_str(payload).expect("JSON, as it was taken");
    let verified = ISSUER.recall(token, NOW).expect("it was verified");
    assert_eq!(Some(&*verified.claims), claims.as_object());
    let audience = &claims["aud"];
    let names = |value: &serde_json::Value| value == "shop";
    assert!(names(audience) || audience.as_array().is_some_and(|all| all.iter().any(names)), "{audience}");
    let issuer = claims["iss"].as_str().map(Into::into);
    assert_eq!(peek_issuer(token), issuer);
}
