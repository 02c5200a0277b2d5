//! Whatever comes, there is an answer, and it is no.

use auth::token::introspection::{Introspection, IntrospectionSettings};
use auth::token::oidc::{BadCallback, Discovery, Login, OidcSettings, Seal, Session, Tokens};
use auth::token::{ClientAuth, ClientAuthMethod, Issuer, JwtSettings, KeySet, challenge, peek_issuer};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use message::{Fields, Name};
use proptest::prelude::*;
use std::time::Duration;

/// Keys of one secret: a token that is refused is refused by each check before that of the signature, or by it.
fn issuer() -> Issuer {
    let keys = KeySet::from_secret(b"0123456789abcdef0123456789abcdef").expect("a secret");
    Issuer::new("id", rules(), Some(keys))
}

/// With a small table, since each case makes its own.
fn rules() -> JwtSettings {
    JwtSettings { cache_bytes: 1 << 16, ..JwtSettings::default() }
}

/// Pieces of JSON that headers and claims are made of, right and wrong.
fn member() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "alg", "kid", "typ", "crit", "exp", "nbf", "aud", "iss", "sub", "scope", "active",
    ]);
    let value = prop::sample::select(vec![
        "\"HS256\"",
        "\"none\"",
        "\"RS256\"",
        "1900000000",
        "-1",
        "1e308",
        "null",
        "true",
        "[]",
        "{}",
        "[\"a\",1]",
        "\"a b\"",
        "\"\\ud800\"",
        "18446744073709551616",
        "0.1",
    ]);
    (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"))
}

fn object() -> impl Strategy<Value = String> {
    prop::collection::vec(member(), 0..6).prop_map(|members| format!("{{{}}}", members.join(",")))
}

struct Nothing;

impl Seal for Nothing {
    fn seal(&self, _: &str, plain: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(plain)
    }

    fn open(&self, _: &str, text: &str) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(text).ok()
    }
}

fn login() -> (OidcSettings, Discovery) {
    let client = ClientAuth { id: "gate".into(), secret: "s".into(), method: ClientAuthMethod::Post };
    let settings = OidcSettings {
        client,
        scopes: Vec::new(),
        cookie: "s".into(),
        lifetime: Duration::from_secs(60),
        idle: Duration::from_secs(60),
        rules: JwtSettings::default(),
    };
    let document = br#"{"issuer":"https://id.test","jwks_uri":"https://id.test/jwks"}"#;
    (settings, Discovery::read(document, "https://id.test").expect("a document"))
}

proptest! {
    #[test]
    fn any_text_is_refused_as_a_token(token in "\\PC*") {
        let issuer = issuer();
        prop_assert!(issuer.verify(&token, 1_800_000_000).is_err());
        prop_assert!(issuer.recall(&token, 1_800_000_000).is_none());
        let _ = peek_issuer(&token);
        let _ = challenge::wanted(&token);
    }

    #[test]
    fn any_parts_without_the_right_signature_are_refused(
        header in object(), payload in object(), signature in prop::collection::vec(any::<u8>(), 0..80), unix: u64,
    ) {
        let token = [header.as_bytes(), payload.as_bytes(), &signature].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        prop_assert!(issuer().verify(&token, unix).is_err());
    }

    #[test]
    fn any_answer_of_an_authority_has_a_meaning_at_any_time(
        body in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), object().prop_map(String::into_bytes)],
        status: u16,
        unix: u64,
    ) {
        let (settings, _) = login();
        let cache = Duration::from_secs(unix);
        let rules = rules();
        let asked = Introspection::new(IntrospectionSettings { client: settings.client, cache, rules });
        if let Ok(verified) = asked.read("t", status, &body, unix) {
            prop_assert_eq!(status, 200);
            prop_assert_eq!(verified.claims.get("active"), Some(&true.into()));
        }
        let _ = Discovery::read(&body, "https://id.test");
        let _ = Tokens::read(status, &body);
        let _ = KeySet::from_jwks(&body);
        let _ = KeySet::from_pem(&body);
    }

    #[test]
    fn any_callback_is_refused_where_no_login_was_begun(query in "\\PC*", cookie in "[ -~]*", unix: u64) {
        let (settings, found) = login();
        let login = Login { settings: &settings, found: &found };
        let mut fields = Fields::new();
        fields.add(Name::Cookie, cookie.trim().as_bytes());
        let answer = login.callback(&query, &fields, unix, &Nothing);
        prop_assert!(matches!(answer, Err(BadCallback::Malformed(_) | BadCallback::NotBegun)));
        prop_assert!(Session::open(&settings, &fields, true, unix, &Nothing).is_none());
    }
}
