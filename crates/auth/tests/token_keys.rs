//! The keys of an issuer: which are taken, and what becomes of tokens when they change.
#![allow(unreachable_pub, reason = "the maker is shared with the bench and other tests")]

#[allow(dead_code, reason = "each test uses its part of the maker")]
mod maker;

use auth::Denied;
use auth::token::{Issuer, JwtSettings, KeySet, KeySetError, Refused, Revocation, Revocations, Revoked};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maker::{NOW, SECRET, Signer, claims, set};
use std::sync::Arc;

fn named(kid: &str, signer: &Signer) -> String {
    format!(r#""kid":"{kid}",{}"#, signer.jwk())
}

fn keys(members: &[String]) -> KeySet {
    KeySet::from_jwks(set(members).as_bytes()).expect("a key that can be used")
}

fn token(kid: &str, signer: &Signer, more: &str) -> String {
    signer.token(&format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#), &claims(more))
}

#[test]
fn a_set_takes_what_it_can_use_and_says_why_it_leaves_the_rest() {
    let good = maker::p256();
    let members = [
        named("good", &good),
        r#""kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0""#.to_owned(),
        format!(r#""use":"enc",{}"#, maker::ed25519().jwk()),
        format!(r#""d":"AA",{}"#, maker::ed25519().jwk()),
        format!(r#""alg":"RS256",{}"#, maker::ed25519().jwk()),
        format!(r#""alg":"none",{}"#, maker::ed25519().jwk()),
        format!(r#""key_ops":["encrypt"],{}"#, maker::ed25519().jwk()),
        format!(r#""kid":7,{}"#, maker::ed25519().jwk()),
        r#""kty":"EC","crv":"secp256k1","x":"AA","y":"AA""#.to_owned(),
        r#""kty":"OKP","crv":"Ed448","x":"AA""#.to_owned(),
        r#""kty":"AKP","alg":"ML-DSA-44","pub":"AA""#.to_owned(),
        r#""kty":"RSA","n":"AQAB","e":"AQAB""#.to_owned(),
        String::new(),
    ];
    let set = keys(&members);
    assert_eq!(set.len(), 1);
    assert_eq!(set.kids().collect::<Vec<_>>(), ["good"]);
    assert_eq!(
        set.skipped().iter().map(|one| one.at).collect::<Vec<_>>(),
        (1..members.len()).collect::<Vec<_>>()
    );
    assert!(set.skipped().iter().all(|one| !one.why.is_empty()));
}

#[test]
fn a_key_that_could_be_forged_against_is_none() {
    let n = |bits: usize| {
        URL_SAFE_NO_PAD.encode([&[0xc0 >> (7 - (bits - 1) % 8)][..], &vec![0xab; (bits - 1) / 8]].concat())
    };
    let big = n(2048);
    let Signer::P256(pair) = maker::p256() else { unreachable!() };
    let point = pair.public_key().as_ref().to_vec();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut off_curve = point.clone();
    off_curve[64] ^= 1;
    for jwk in [
        format!(r#""kty":"RSA","n":"{}","e":"AQAB""#, n(1024)),
        format!(r#""kty":"RSA","n":"{}","e":"AQAB""#, n(2047)),
        format!(r#""kty":"RSA","n":"{}","e":"AQAB""#, n(16384)),
        format!(r#""kty":"RSA","n":"{big}","e":"AQ""#),
        format!(r#""kty":"RSA","n":"{big}","e":"AA""#),
        format!(r#""kty":"RSA","n":"{big}","e":"Ag""#),
        format!(r#""kty":"RSA","n":"{big}","e":"{big}""#),
        format!(r#""kty":"RSA","n":"{big}","e":"__________8""#),
        format!(r#""kty":"RSA","n":"{}","e":"AQAB""#, text(&[0x80; 256])),
        format!(r#""kty":"RSA","n":"{big}""#),
        format!(r#""kty":"RSA","n":"{big}=","e":"AQAB""#),
        format!(
            r#""kty":"EC","crv":"P-256","x":"{}","y":"{}""#,
            text(&off_curve[1..33]),
            text(&off_curve[33..])
        ),
        // One coordinate lends a byte to the other.
        format!(r#""kty":"EC","crv":"P-256","x":"{}","y":"{}""#, text(&point[1..32]), text(&point[32..])),
        format!(r#""kty":"EC","crv":"P-384","x":"{}","y":"{}""#, text(&point[1..33]), text(&point[33..])),
        format!(r#""kty":"EC","crv":"P-256","x":"{}","y":"{}""#, text(&[0; 32]), text(&[0; 32])),
        r#""kty":"OKP","crv":"Ed25519","x":"AAAA""#.to_owned(),
    ] {
        let read = KeySet::from_jwks(set(std::slice::from_ref(&jwk)).as_bytes());
        assert!(matches!(read, Err(KeySetError::NoKey(_))), "{jwk}: {read:?}");
    }
}

#[test]
fn what_is_no_set_is_an_error_and_never_an_empty_set() {
    let too_long = vec![b' '; (1 << 20) + 1];
    let deep = "[".repeat(100_000);
    for text in [
        b"".as_slice(),
        b"null",
        b"[]",
        b"{}",
        b"<html>504</html>",
        br#"{"keys":{}}"#,
        br#"{"keys":[]}"#,
        br#"{"keys":[1,null,"x",[]]}"#,
        br#"{"keys":[],"keys":[]}"#,
        b"\xff\xfe",
        deep.as_bytes(),
        &too_long,
    ] {
        assert!(KeySet::from_jwks(text).is_err(), "{:.40}", String::from_utf8_lossy(text));
    }
}

#[test]
fn a_set_holds_a_hundred_keys_at_most() {
    let jwk = maker::ed25519().jwk();
    let many: Vec<_> = (0..1000).map(|n| format!(r#""kid":"{n}",{jwk}"#)).collect();
    let set = keys(&many);
    assert_eq!(set.len(), 100);
    assert!((1..=100).contains(&set.skipped().len()));
}

#[test]
fn public_keys_of_every_kind_are_taken_from_pem_and_nothing_else_is() {
    for (algorithm, signer) in [
        ("PS384", maker::rsa(0)),
        ("ES256", maker::p256()),
        ("ES384", maker::p384()),
        ("EdDSA", maker::ed25519()),
    ] {
        let issuer = Issuer::new(
            "id",
            JwtSettings::default(),
            Some(KeySet::from_pem(signer.pem().as_bytes()).unwrap()),
        );
        for kid in ["", r#","kid":"any""#] {
            let token = signer.token(&format!(r#"{{"alg":"{algorithm}"{kid}}}"#), &claims(""));
            assert!(issuer.verify(&token, NOW).is_ok(), "{algorithm}");
        }
    }
    let two = maker::p256().pem() + "between\n" + &maker::ed25519().pem();
    assert_eq!(KeySet::from_pem(two.as_bytes()).unwrap().len(), 2);
    let private = |text: &str| text.replace("PUBLIC", "PRIVATE");
    // An RSA key whose exponent is 65538.
    let Signer::Rsa(pair) = maker::rsa(0) else { unreachable!() };
    let der: PublicKeyX509Der<'static> = pair.public_key().as_der().unwrap();
    let mut even = der.as_ref().to_vec();
    *even.last_mut().unwrap() = 2;
    for text in [
        String::new(),
        "hello".to_owned(),
        private(&maker::p256().pem()),
        maker::pem("CERTIFICATE", b"x"),
        maker::pem("PUBLIC KEY", b""),
        maker::pem("PUBLIC KEY", &[0x30; 4096]),
        maker::pem("PUBLIC KEY", &even),
        maker::pem("PUBLIC KEY", &[0x30, 0x80].repeat(300_000)),
        maker::p256().pem().replace("-----END", "----END"),
    ] {
        assert!(matches!(KeySet::from_pem(text.as_bytes()), Err(KeySetError::NotPem(_))), "{text:.60}");
    }
}

#[test]
fn a_secret_is_as_long_as_the_hash_that_it_is_used_with() {
    assert!(matches!(KeySet::from_secret(&SECRET[..31]), Err(KeySetError::Secret(_))));
    let issuer = |length| {
        Issuer::new("id", JwtSettings::default(), Some(KeySet::from_secret(&SECRET[..length]).unwrap()))
    };
    for (length, algorithm, is_taken) in [
        (32, "HS256", true),
        (32, "HS384", false),
        (48, "HS384", true),
        (48, "HS512", false),
        (64, "HS512", true),
    ] {
        let token = maker::hmac(&SECRET[..length]).token(&format!(r#"{{"alg":"{algorithm}"}}"#), &claims(""));
        assert_eq!(issuer(length).verify(&token, NOW).is_ok(), is_taken, "{algorithm} with {length}");
    }
}

#[test]
fn a_new_key_keeps_what_was_verified_and_a_withdrawn_one_takes_it_back() {
    let (old, new) = (maker::ed25519(), maker::ed25519());
    let issuer = Issuer::new("id", JwtSettings::default(), None);
    let (by_old, by_new) = (token("old", &old, ""), token("new", &new, ""));
    assert!(!issuer.keys_known());
    assert!(matches!(issuer.verify(&by_old, NOW), Err(Refused::Denied(Denied::Unverified(_)))));
    assert!(
        matches!(issuer.verify("x", NOW), Err(Refused::Denied(Denied::Malformed(_)))),
        "whatever the keys are"
    );

    issuer.set_keys(keys(&[named("old", &old)]));
    assert!(issuer.keys_known() && issuer.verify(&by_old, NOW).is_ok());
    assert_eq!(issuer.verify(&by_new, NOW), Err(Refused::UnknownKey { kid: Some("new".into()) }));

    issuer.set_keys(keys(&[named("new", &new), named("old", &old)]));
    assert!(issuer.recall(&by_old, NOW).is_some(), "its key is still there");
    assert!(issuer.verify(&by_new, NOW).is_ok());

    issuer.set_keys(keys(&[named("new", &new)]));
    assert!(issuer.recall(&by_old, NOW).is_none());
    assert_eq!(issuer.verify(&by_old, NOW), Err(Refused::UnknownKey { kid: Some("old".into()) }));
    assert!(issuer.verify(&by_new, NOW).is_ok() && issuer.recall(&by_new, NOW).is_some());

    // Another key under an old name.
    issuer.set_keys(keys(&[named("new", &old)]));
    assert!(issuer.recall(&by_new, NOW).is_none());
    assert!(matches!(issuer.verify(&by_new, NOW), Err(Refused::Denied(Denied::Invalid(_)))));
}

#[test]
fn what_was_verified_is_recalled_until_it_expires_and_not_before_it_starts() {
    let signer = maker::ed25519();
    let issuer = Issuer::new("id", JwtSettings::default(), Some(keys(&[named("a", &signer)])));
    let token = token("a", &signer, "");
    assert!(issuer.recall(&token, NOW).is_none(), "nobody has verified it");
    issuer.verify(&token, NOW).unwrap();
    assert!(issuer.recall(&token, NOW + 89).is_some(), "within the leeway");
    assert!(issuer.recall(&token, NOW + 90).is_none());
    assert_eq!(issuer.verify(&token, NOW + 90), Err(Denied::Expired.into()));
    assert!(issuer.recall(&token, NOW - 90).is_some());
    assert!(issuer.recall(&token, NOW - 91).is_none(), "the clock has stepped back");
}

#[test]
fn a_revoked_token_is_neither_recalled_nor_verified() {
    let signer = maker::ed25519();
    let revocations = Arc::new(Revocations::default());
    let issuer = Issuer::new("id", JwtSettings::default(), Some(keys(&[named("a", &signer)])))
        .with_revocations(revocations.clone());
    let (one, two) = (token("a", &signer, r#","jti":"1""#), token("a", &signer, r#","jti":"2""#));
    for token in [&one, &two] {
        issuer.verify(token, NOW).unwrap();
    }
    let revoke = |what, before| {
        let record = Revocation { what, before, until: None, changed: 1 };
        revocations.revoke(record, NOW).unwrap()
    };
    revoke(Revoked::Token("1".into()), 0);
    assert!(issuer.recall(&one, NOW).is_none() && issuer.recall(&two, NOW).is_some());
    assert_eq!(issuer.verify(&one, NOW), Err(Denied::Revoked.into()));
    // Issued at NOW - 60.
    revoke(Revoked::Subject("ann".into()), NOW - 60);
    assert!(issuer.recall(&two, NOW).is_some());
    revoke(Revoked::Subject("ann".into()), NOW - 59);
    assert!(issuer.recall(&two, NOW).is_none());
    assert_eq!(issuer.verify(&two, NOW), Err(Denied::Revoked.into()));
}

#[test]
fn keys_and_secrets_stand_in_no_debug_text() {
    let keys = KeySet::from_secret(SECRET).unwrap();
    let shown = format!("{keys:?} {:?}", Issuer::new("id", JwtSettings::default(), Some(keys.clone())));
    let as_numbers = format!("{:?}", &SECRET[..4]);
    for secret in ["0123456789", as_numbers.trim_matches(['[', ']'])] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
