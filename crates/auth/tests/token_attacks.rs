//! Tokens as attackers make them, against issuers with real keys. What is not refused here is let in.
#![allow(unreachable_pub, reason = "the maker is shared with the bench and other tests")]

#[allow(dead_code, reason = "each test uses its part of the maker")]
mod maker;

use auth::Denied;
use auth::token::{Algorithm, Issuer, JwtSettings, KeySet, Refused, peek_issuer};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maker::{NOW, SECRET, Signer, claims, encoded, set};

fn settings() -> JwtSettings {
    JwtSettings {
        issuer: Some("https://id.test".into()),
        audiences: vec!["shop".into()],
        ..JwtSettings::default()
    }
}

/// An issuer with one key of each kind, under the names `rsa`, `p256`, `p384` and `ed`.
struct Shop {
    signers: [(&'static str, &'static str, Signer); 4],
    issuer: Issuer,
}

fn shop() -> Shop {
    let signers = [
        ("rsa", "RS256", maker::rsa(0)),
        ("p256", "ES256", maker::p256()),
        ("p384", "ES384", maker::p384()),
        ("ed", "EdDSA", maker::ed25519()),
    ];
    let named = |(kid, _, signer): &(_, _, Signer)| format!(r#""kid":"{kid}",{}"#, signer.jwk());
    let jwks = set(&signers.iter().map(named).collect::<Vec<_>>());
    let keys = KeySet::from_jwks(jwks.as_bytes()).expect("keys that can be used");
    Shop { signers, issuer: Issuer::new("id", settings(), Some(keys)) }
}

fn issuer_with(jwks: &str) -> Issuer {
    let keys = KeySet::from_jwks(jwks.as_bytes()).expect("a key that can be used");
    Issuer::new("id", settings(), Some(keys))
}

fn denied(issuer: &Issuer, token: &str) -> bool {
    matches!(issuer.verify(token, NOW), Err(Refused::Denied(why)) if !matches!(why, Denied::Unverified(_)))
        && issuer.recall(token, NOW).is_none()
}

#[test]
fn tokens_of_every_algorithm_are_taken_from_the_key_that_signed_them() {
    let shop = shop();
    for (kid, algorithm, signer) in &shop.signers {
        let all: &[&str] = match *algorithm {
            "RS256" => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
            "EdDSA" => &["EdDSA", "Ed25519"],
            one => &[one],
        };
        for algorithm in all {
            let token = signer.token(&format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#), &claims(""));
            let verified = shop.issuer.verify(&token, NOW).unwrap_or_else(|e| panic!("{algorithm}: {e}"));
            assert_eq!(&*verified.subject, "ann");
            assert_eq!(shop.issuer.recall(&token, NOW).as_ref(), Some(&verified));
            // Without a name every key is tried.
            let nameless = signer.token(&format!(r#"{{"alg":"{algorithm}"}}"#), &claims(""));
            assert!(shop.issuer.verify(&nameless, NOW).is_ok(), "{algorithm}");
        }
    }
    let secret = Issuer::new("id", settings(), Some(KeySet::from_secret(SECRET).unwrap()));
    for algorithm in ["HS256", "HS384", "HS512"] {
        let token = maker::hmac(SECRET).token(&format!(r#"{{"alg":"{algorithm}"}}"#), &claims(""));
        assert!(secret.verify(&token, NOW).is_ok(), "{algorithm}");
    }
}

#[test]
fn a_token_that_another_library_has_made_is_taken() {
    let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    let der = pair.to_pkcs8().unwrap();
    let payload: serde_json::Value = serde_json::from_str(&claims("")).unwrap();
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    let key = jsonwebtoken::EncodingKey::from_ed_der(der.as_ref());
    let token = jsonwebtoken::encode(&header, &payload, &key).unwrap();
    let issuer = issuer_with(&set(&[Signer::Ed(pair).jwk()]));
    assert_eq!(&*issuer.verify(&token, NOW).unwrap().subject, "ann");
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let shop = shop();
    let good = shop.signers[0].2.token(r#"{"alg":"RS256","kid":"rsa"}"#, &claims(""));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for name in ["none", "None", "NONE", "nOnE", "", "null", " none"] {
        let header = encoded(&format!(r#"{{"alg":"{name}"}}"#));
        for signature in ["", signature, "AA"] {
            let token = format!("{header}.{}.{signature}", encoded(&claims("")));
            assert!(denied(&shop.issuer, &token), "{token}");
        }
    }
    for token in [format!("{signed}."), signed.to_owned(), format!("{signed}.."), format!("{signed}.AA")] {
        assert!(denied(&shop.issuer, &token), "{token}");
    }
}

#[test]
fn a_public_key_is_never_the_secret_of_an_hmac() {
    let shop = shop();
    for (kid, _, signer) in &shop.signers {
        let pem = signer.pem();
        let jwk = format!("{{{}}}", signer.jwk());
        let from_pem = Issuer::new("id", settings(), Some(KeySet::from_pem(pem.as_bytes()).unwrap()));
        for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), jwk.as_bytes(), b""] {
            for algorithm in ["HS256", "HS384", "HS512"] {
                for header in [
                    format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#),
                    format!(r#"{{"alg":"{algorithm}"}}"#),
                ] {
                    let token = maker::hmac(secret).token(&header, &claims(""));
                    assert!(shop.issuer.verify(&token, NOW).is_err(), "{header}");
                    assert!(denied(&from_pem, &token), "{header}");
                }
            }
        }
    }
}

#[test]
fn a_key_verifies_nothing_but_what_it_is_for() {
    let shop = shop();
    for (kid, _, _) in &shop.signers {
        for (_, algorithm, signer) in shop.signers.iter().filter(|(other, ..)| other != kid) {
            let token = signer.token(&format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#), &claims(""));
            assert!(denied(&shop.issuer, &token), "{algorithm} under the name {kid}");
        }
    }
    // A key that its issuer has made for one algorithm is for that one.
    let pinned = issuer_with(&set(&[format!(r#""kid":"a","alg":"RS256",{}"#, shop.signers[0].2.jwk())]));
    let token = |algorithm: &str| {
        shop.signers[0].2.token(&format!(r#"{{"alg":"{algorithm}","kid":"a"}}"#), &claims(""))
    };
    assert!(pinned.verify(&token("RS256"), NOW).is_ok());
    assert!(denied(&pinned, &token("PS256")) && denied(&pinned, &token("RS512")));
    // What the config does not allow is refused whatever the keys are for.
    let strict = JwtSettings { algorithms: vec![Algorithm::Es256], ..settings() };
    let keys = KeySet::from_jwks(set(&[shop.signers[0].2.jwk()]).as_bytes()).unwrap();
    assert!(denied(&Issuer::new("id", strict, Some(keys)), &token("RS256")));
}

#[test]
fn the_name_of_a_key_is_a_name_and_nothing_else() {
    let shop = shop();
    for kid in [
        "../../../../dev/null",
        "/dev/null",
        "file:///dev/null",
        "https://evil.test/jwks.json",
        "' OR '1'='1",
        "rsa\\u0000",
        "RSA",
        "rsa ",
        "",
        "|id",
        "\\ud83d\\ude00",
    ] {
        let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
        for secret in [b"".as_slice(), b"\0", b"secret"] {
            let token = maker::hmac(secret).token(&header, &claims(""));
            assert!(matches!(shop.issuer.verify(&token, NOW), Err(Refused::UnknownKey { .. })), "{kid}");
        }
    }
    for kid in ["7", "null", r#"["rsa"]"#, r#"{"a":1}"#, &format!("\"{}\"", "k".repeat(257))] {
        let token = shop.signers[0].2.token(&format!(r#"{{"alg":"RS256","kid":{kid}}}"#), &claims(""));
        assert!(denied(&shop.issuer, &token), "{kid}");
    }
}

#[test]
fn a_key_that_comes_with_the_token_is_not_looked_at() {
    let shop = shop();
    let attacker = maker::rsa(1);
    let jwk = attacker.jwk();
    for trust in [
        format!(r#""jwk":{{{jwk}}}"#),
        format!(r#""jwk":{{"kid":"rsa",{jwk}}}"#),
        r#""jku":"https://evil.test/jwks.json""#.to_owned(),
        r#""x5u":"https://evil.test/cert.pem""#.to_owned(),
        r#""x5c":["MIIB"],"x5t":"AA""#.to_owned(),
    ] {
        let own = attacker.token(&format!(r#"{{"alg":"RS256","kid":"rsa",{trust}}}"#), &claims(""));
        assert!(denied(&shop.issuer, &own), "{trust}");
        for kid in [r#""kid":"evil","#, ""] {
            let own = attacker.token(&format!(r#"{{"alg":"RS256",{kid}{trust}}}"#), &claims(""));
            assert!(matches!(shop.issuer.verify(&own, NOW), Err(Refused::UnknownKey { .. })), "{trust}");
        }
        // Of the issuer's own tokens it is no fault.
        let good = shop.signers[0].2.token(&format!(r#"{{"alg":"RS256","kid":"rsa",{trust}}}"#), &claims(""));
        assert!(shop.issuer.verify(&good, NOW).is_ok(), "{trust}");
    }
}

#[test]
fn signed_claims_of_another_time_place_or_type_are_refused() {
    let shop = shop();
    let (kid, algorithm, signer) = &shop.signers[3];
    let header = format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#);
    let with = |name: &str, value: &str| {
        let mut all: serde_json::Value = serde_json::from_str(&claims("")).unwrap();
        all[name] = serde_json::from_str(value).unwrap();
        signer.token(&header, &all.to_string())
    };
    assert!(shop.issuer.verify(&with("sub", r#""bob""#), NOW).is_ok());
    for (name, value) in [
        ("exp", (NOW - 31).to_string()),
        ("exp", "0".to_owned()),
        ("exp", "-1".to_owned()),
        ("exp", format!("\"{}\"", NOW + 60)),
        ("exp", "1e300".to_owned()),
        ("exp", "null".to_owned()),
        ("exp", format!("[{}]", NOW + 60)),
        ("nbf", (NOW + 31).to_string()),
        ("nbf", "\"0\"".to_owned()),
        ("iat", (NOW + 31).to_string()),
        ("iss", r#""https://evil.test""#.to_owned()),
        ("iss", r#"["https://id.test"]"#.to_owned()),
        ("iss", r#"{"https://id.test":1}"#.to_owned()),
        ("aud", r#""bank""#.to_owned()),
        ("aud", r#"["bank","shopping"]"#.to_owned()),
        ("aud", r#"[["shop"]]"#.to_owned()),
        ("aud", "true".to_owned()),
        ("aud", r#"{"shop":true}"#.to_owned()),
        ("sub", "0".to_owned()),
        ("sub", r#"["ann"]"#.to_owned()),
        ("jti", "1".to_owned()),
        ("scope", r#"{"admin":1}"#.to_owned()),
    ] {
        assert!(denied(&shop.issuer, &with(name, &value)), "{name}: {value}");
    }
}

#[test]
fn a_signed_text_with_two_readings_is_refused() {
    let shop = shop();
    let (kid, algorithm, signer) = &shop.signers[3];
    let header = format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#);
    let deep = format!(r#","x":{}1{}"#, "[".repeat(100), "]".repeat(100));
    for payload in [
        claims(r#","sub":"root""#),
        claims(r#","s\u0075b":"root""#),
        claims(r#","aud":"shop""#),
        claims(r#","exp":9999999999"#),
        claims(r#","x":{"a":1,"a":2}"#),
        claims(&deep),
        claims("") + "{}",
        format!("[{}]", claims("")),
        String::new(),
        "\u{feff}".to_owned() + &claims(""),
    ] {
        assert!(denied(&shop.issuer, &signer.token(&header, &payload)), "{payload:.200}");
    }
    for header in [
        format!(r#"{{"alg":"none","alg":"{algorithm}","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"{algorithm}","kid":"x","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"{algorithm}","kid":"{kid}","crit":["exp"],"exp":1}}"#),
        format!(r#"{{"alg":"{algorithm}","kid":"{kid}","b64":false,"crit":["b64"]}}"#),
        format!(r#"{{"alg":"{algorithm}","kid":"{kid}","b64":true}}"#),
        format!(r#"{{"alg":"{algorithm}","kid":"{kid}","typ":"logout+jwt"}}"#),
        format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}} "#) + "x",
    ] {
        let signature =
            signer.sign(algorithm, format!("{}.{}", encoded(&header), encoded(&claims(""))).as_bytes());
        let token =
            format!("{}.{}.{}", encoded(&header), encoded(&claims("")), URL_SAFE_NO_PAD.encode(signature));
        assert!(denied(&shop.issuer, &token), "{header}");
    }
}

#[test]
fn a_huge_token_costs_no_more_than_its_length() {
    let shop = shop();
    let (kid, algorithm, signer) = &shop.signers[1];
    let header = format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#);
    let of_length =
        |length: usize| signer.token(&header, &claims(&format!(r#","x":"{}""#, "x".repeat(length))));
    assert!(shop.issuer.verify(&of_length(10_000), NOW).is_ok());
    assert!(denied(&shop.issuer, &of_length(16_384)));
    assert!(denied(&shop.issuer, &"a.".repeat(1 << 20)));
    assert!(denied(&shop.issuer, &".".repeat(10_000)));
    assert!(peek_issuer(&of_length(16_384)).is_none());
    assert_eq!(peek_issuer(&of_length(10)).as_deref(), Some("https://id.test"));
}

#[test]
fn no_single_character_of_a_token_can_be_changed() {
    let shop = shop();
    for (kid, algorithm, signer) in &shop.signers {
        let token = signer.token(&format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#), &claims(""));
        assert!(shop.issuer.verify(&token, NOW).is_ok());
        for at in 0..token.len() {
            for to in [b'A', b'_', b'=', b'.', b' ', 0] {
                let mut bytes = token.clone().into_bytes();
                if std::mem::replace(&mut bytes[at], to) == to {
                    continue;
                }
                let changed = String::from_utf8(bytes).unwrap();
                assert!(shop.issuer.recall(&changed, NOW).is_none());
                assert!(shop.issuer.verify(&changed, NOW).is_err(), "{algorithm} at {at}: {to}");
            }
        }
        for more in ["A", "=", "\n", " ", "\0", ".", ".AA"] {
            assert!(shop.issuer.verify(&format!("{token}{more}"), NOW).is_err(), "{more:?}");
            assert!(shop.issuer.verify(&format!("{more}{token}"), NOW).is_err(), "{more:?}");
        }
    }
}

#[test]
fn a_signature_of_the_wrong_shape_is_refused() {
    let shop = shop();
    for (kid, algorithm, signer) in &shop.signers {
        let signed = format!(
            "{}.{}",
            encoded(&format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#)),
            encoded(&claims(""))
        );
        let right = signer.sign(algorithm, signed.as_bytes());
        let half = right.len() / 2;
        // r and s as 0, as CVE-2022-21449 had it; as the order and more; swapped; in DER; of other lengths.
        let zeros = vec![0; right.len()];
        let ones = vec![0xff; right.len()];
        let swapped = [&right[half..], &right[..half]].concat();
        let der = [&[0x30, 68, 2, 32], &right[..half], &[2, 32], &right[half..]].concat();
        let longer = [&right[..], &[0]].concat();
        let padded = [&[0], &right[..]].concat();
        for wrong in [&zeros, &ones, &swapped, &der, &longer, &padded, &right[1..].to_vec(), &vec![1]] {
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(wrong));
            assert!(denied(&shop.issuer, &token), "{algorithm}");
        }
    }
}
