//! Logins from end to end, without a provider: what a browser and a provider would carry is carried by hand.

use super::*;
use crate::Claims;
use crate::token::{ClientAuth, ClientAuthMethod, JwtSettings};
use message::Name;
use std::sync::Arc;
use std::time::Duration;

const NOW: u64 = 1_800_000_000;
const CALLBACK: &str = "https://shop.test/oauth2/callback";

/// Not encryption, but as particular about purpose and changes as the real one.
struct Plain;

impl Seal for Plain {
    fn seal(&self, purpose: &str, plain: &[u8]) -> String {
        let sum = digest(&SHA256, &[purpose.as_bytes(), plain].concat());
        URL_SAFE_NO_PAD.encode([sum.as_ref(), plain].concat())
    }

    fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (sum, plain) = bytes.split_at_checked(32)?;
        let right = digest(&SHA256, &[purpose.as_bytes(), plain].concat());
        (right.as_ref() == sum).then(|| plain.to_vec())
    }
}

fn settings() -> OidcSettings {
    OidcSettings {
        client: ClientAuth { id: "gate".into(), secret: "s3cret".into(), method: ClientAuthMethod::Basic },
        scopes: ["openid", "email"].map(Into::into).to_vec(),
        cookie: "tidegate_session".into(),
        lifetime: Duration::from_secs(43_200),
        idle: Duration::from_secs(3_600),
        rules: JwtSettings::default(),
    }
}

fn found() -> Discovery {
    Discovery {
        issuer: "https://id.test".into(),
        jwks_uri: "https://id.test/jwks".into(),
        authorization_endpoint: Some("https://id.test/authorize?tenant=1".into()),
        token_endpoint: Some("https://id.test/token".into()),
        end_session_endpoint: Some("https://id.test/logout".into()),
        introspection_endpoint: None,
        names_itself: true,
    }
}

/// Counts up, so that each call gives other bytes.
fn random() -> impl FnMut(&mut [u8]) {
    let mut n = 0_u8;
    move |bytes: &mut [u8]| {
        n += 1;
        bytes.fill(n);
    }
}

fn begun(return_to: &str) -> Begun {
    let (settings, found) = (settings(), found());
    let login = Login { settings: &settings, found: &found };
    login.begin(CALLBACK, return_to, &mut random(), NOW, &Plain).unwrap()
}

/// What the browser sends with the cookies that it was given.
fn browser(cookies: &[String]) -> Fields {
    let pairs: Vec<_> = cookies.iter().filter_map(|text| text.split(';').next()).collect();
    let mut fields = Fields::new();
    fields.add(Name::Cookie, pairs.join("; ").as_bytes());
    fields
}

fn parameter(location: &str, name: &str) -> String {
    let (_, query) = location.split_once('?').unwrap();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn back(begun: &Begun, query: &str, unix: u64) -> Result<Exchange, BadCallback> {
    let (settings, found) = (settings(), found());
    let login = Login { settings: &settings, found: &found };
    let query = query.replace("STATE", &parameter(&begun.location, "state"));
    login.callback(&query, &browser(std::slice::from_ref(&begun.cookie)), unix, &Plain)
}

const GOOD: &str = "code=c%26d&state=STATE&iss=https://id.test";

fn id_token(claims: &[(&str, Value)]) -> Verified {
    let mut all: Claims = serde_json::from_str(r#"{"sub":"ann","aud":"gate","email":"a@b.test"}"#).unwrap();
    all.extend(claims.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let subject = all.get("sub").and_then(Value::as_str).unwrap_or_default().into();
    Verified {
        claims: Arc::new(all),
        subject,
        consumer_name: Some("ann".into()),
        plan: Some("pro".into()),
        scopes: Scopes::default(),
        expires: NOW + 300,
        issued: Some(NOW),
        jti: None,
        caller: crate::Remembered::default(),
    }
}

fn finish(exchange: &Exchange, claims: &[(&str, Value)]) -> Result<Session, Denied> {
    let (settings, found) = (settings(), found());
    let login = Login { settings: &settings, found: &found };
    let tokens = Tokens { id_token: "".into(), scope: Some("openid email".into()) };
    let mut with_nonce = vec![("nonce", Value::from(exchange.login.nonce.clone()))];
    with_nonce.extend_from_slice(claims);
    login.finish(&exchange.login, &tokens, &id_token(&with_nonce), NOW)
}

#[test]
fn the_provider_is_asked_for_a_code_with_pkce_state_and_nonce() {
    let begun = begun("/orders?page=2");
    assert!(begun.location.starts_with("https://id.test/authorize?tenant=1&response_type=code&"));
    assert_eq!(parameter(&begun.location, "client_id"), "gate");
    assert_eq!(parameter(&begun.location, "redirect_uri"), CALLBACK);
    assert_eq!(parameter(&begun.location, "scope"), "openid email");
    assert_eq!(parameter(&begun.location, "code_challenge_method"), "S256");
    let exchange = back(&begun, GOOD, NOW + 1).unwrap();
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, exchange.login.verifier.as_bytes()));
    assert_eq!(parameter(&begun.location, "code_challenge"), challenge);
    assert!(!begun.location.contains(&exchange.login.verifier));
    let each = ["state", "nonce"].map(|name| parameter(&begun.location, name));
    assert!(each[0] != each[1] && each[0].len() == 43);
}

#[test]
fn what_was_begun_is_carried_to_the_callback_only() {
    assert!(
        begun("/").cookie.contains("; Path=/oauth2/callback; Max-Age=600; HttpOnly; SameSite=Lax; Secure")
    );
    assert_eq!(
        (path_of("https://shop.test/a/b"), path_of("https://shop.test"), path_of("")),
        ("/a/b", "/", "/")
    );
}

#[test]
fn a_login_is_begun_for_a_person_and_not_for_a_script() {
    let request = |lines: &[(&str, &str)]| {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.push(name, value.as_bytes()).unwrap();
        }
        fields
    };
    let page = request(&[("Accept", "text/html,*/*;q=0.8")]);
    assert!(is_navigation("GET", &page) && !is_navigation("POST", &page));
    assert!(is_navigation("GET", &request(&[("Sec-Fetch-Mode", "navigate")])));
    assert!(!is_navigation("GET", &request(&[("Sec-Fetch-Mode", "cors"), ("Accept", "text/html")])));
    assert!(!is_navigation("GET", &request(&[("Accept", "application/json")])));
    assert!(!is_navigation("GET", &Fields::new()));
}

#[test]
fn the_code_is_exchanged_with_the_verifier_that_only_the_cookie_knows() {
    let exchange = back(&begun("/orders"), GOOD, NOW + 599).unwrap();
    let form: Vec<_> = form_urlencoded::parse(exchange.question.body.as_bytes()).into_owned().collect();
    let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!((value("code"), value("redirect_uri")), (Some("c&d"), Some(CALLBACK)));
    assert_eq!(value("code_verifier"), Some(&*exchange.login.verifier));
    assert_eq!(exchange.login.return_to, "/orders");
    assert!(
        exchange.forget.contains("Path=/oauth2/callback; Max-Age=0") && exchange.forget.contains("; Secure")
    );
}

#[test]
fn a_callback_that_was_not_begun_here_or_now_is_not_taken() {
    let begun = begun("/");
    assert_eq!(back(&begun, GOOD, NOW + 600).err(), Some(BadCallback::NotBegun));
    let other = "code=c&state=AAAA&iss=https://id.test";
    assert_eq!(back(&begun, other, NOW).err(), Some(BadCallback::NotBegun));
    // The same start, so the same cookie's name.
    let alike = format!("code=c&state={}x&iss=https://id.test", parameter(&begun.location, "state"));
    assert_eq!(back(&begun, &alike, NOW).err(), Some(BadCallback::NotBegun));
    let (settings, found) = (settings(), found());
    let login = Login { settings: &settings, found: &found };
    let query = GOOD.replace("STATE", &parameter(&begun.location, "state"));
    assert_eq!(login.callback(&query, &Fields::new(), NOW, &Plain).err(), Some(BadCallback::NotBegun));
}

#[test]
fn a_callback_of_another_provider_or_with_repeated_parameters_is_not_taken() {
    let begun = begun("/");
    for query in ["code=c&state=STATE", "code=c&state=STATE&iss=https://evil.test"] {
        assert_eq!(back(&begun, query, NOW).err(), Some(BadCallback::OtherIssuer), "{query}");
    }
    for query in [
        "code=c&code=d&state=STATE&iss=https://id.test",
        "code=c&state=STATE&state=x&iss=https://id.test",
        "state=STATE&iss=https://id.test",
        "code=c&iss=https://id.test",
        "",
    ] {
        assert!(matches!(back(&begun, query, NOW), Err(BadCallback::Malformed(_))), "{query}");
    }
}

#[test]
fn a_refusal_is_told_in_a_word_that_is_fit_for_a_log() {
    let query = "error=access_denied%0d%0aX:%20y&state=STATE&iss=https://id.test";
    assert_eq!(back(&begun("/"), query, NOW).err(), Some(BadCallback::Refused("access_deniedXy".into())));
}

#[test]
fn the_way_back_never_leads_to_another_host() {
    for wanted in
        ["//evil.test", "/\\evil.test", "https://evil.test", "", "a", "/a\r\nb", "/a b", "\\/evil.test"]
    {
        let exchange = back(&begun(wanted), GOOD, NOW).unwrap();
        assert_eq!(exchange.login.return_to, "/", "{wanted}");
    }
    assert_eq!(way_back("/a//b?c=https://x"), "/a//b?c=https://x");
}

#[test]
fn an_id_token_of_another_login_or_for_another_client_makes_no_session() {
    let exchange = back(&begun("/"), GOOD, NOW).unwrap();
    assert!(finish(&exchange, &[]).is_ok());
    assert!(finish(&exchange, &[("azp", "gate".into())]).is_ok());
    assert!(finish(&exchange, &[("aud", vec!["gate", "x"].into()), ("azp", "gate".into())]).is_ok());
    let bad: [&[(&str, Value)]; 6] = [
        &[("nonce", "other".into())],
        &[("nonce", Value::Null)],
        &[("azp", "other".into())],
        &[("azp", Value::Null)],
        &[("aud", vec!["gate", "x"].into())],
        &[("sub", "".into())],
    ];
    for claims in bad {
        assert!(finish(&exchange, claims).is_err(), "{claims:?}");
    }
}

#[test]
fn a_session_comes_back_from_its_cookies_until_it_ends() {
    let settings = settings();
    let session = finish(&back(&begun("/"), GOOD, NOW).unwrap(), &[]).unwrap();
    let cookies = session.cookies(&settings, true, &Plain).unwrap();
    let open = |cookies: &[String], unix| Session::open(&settings, &browser(cookies), true, unix, &Plain);
    let opened = open(&cookies, NOW + 1).unwrap();
    assert_eq!((&*opened.verified.subject, opened.verified.plan.as_deref()), ("ann", Some("pro")));
    assert_eq!(opened.verified.scopes, Scopes::of(["openid", "email"]));
    assert_eq!(opened.verified.claims.get("email"), Some(&"a@b.test".into()));
    assert!(!opened.verified.claims.contains_key("nonce"));
    assert_eq!(opened.verified.issued, Some(NOW));
    assert!(opened.prolonged.is_empty());
    assert!(open(&cookies, NOW + 3_600).is_none(), "nobody came for an hour");
    let prolonged = open(&cookies, NOW + 3_599).unwrap().prolonged;
    assert!(open(&prolonged, NOW + 7_000).is_some());
    // However often somebody comes, it does not outlive its lifetime.
    let (mut cookies, mut unix) = (cookies, NOW);
    while let Some(opened) = open(&cookies, unix) {
        unix += 1_800;
        if !opened.prolonged.is_empty() {
            cookies = opened.prolonged;
        }
    }
    assert_eq!(unix, NOW + 43_200);
}

#[test]
fn a_cookie_of_one_purpose_is_not_taken_for_the_other_nor_when_it_was_changed() {
    let settings = settings();
    let begun = begun("/");
    let (_, value) = begun.cookie.split(';').next().unwrap().split_once('=').unwrap();
    let as_session = [format!("tidegate_session={value}")];
    assert!(Session::open(&settings, &browser(&as_session), true, NOW, &Plain).is_none());
    let session = finish(&back(&begun, GOOD, NOW).unwrap(), &[]).unwrap();
    let mut cookies = session.cookies(&settings, true, &Plain).unwrap();
    cookies[0] = cookies[0].replacen("=A", "=B", 1).replacen("=a", "=b", 1).replacen('=', "=x", 1);
    assert!(Session::open(&settings, &browser(&cookies), true, NOW, &Plain).is_none());
}

#[test]
fn a_session_with_more_claims_than_cookies_hold_goes_without_them() {
    let settings = settings();
    let session =
        finish(&back(&begun("/"), GOOD, NOW).unwrap(), &[("big", "x".repeat(20_000).into())]).unwrap();
    let cookies = session.cookies(&settings, true, &Plain).unwrap();
    let opened = Session::open(&settings, &browser(&cookies), true, NOW, &Plain).unwrap();
    assert_eq!(&*opened.verified.subject, "ann");
    assert!(opened.verified.claims.is_empty());
}

#[test]
fn a_logout_forgets_every_piece_and_leads_to_the_provider() {
    let (settings, found) = (settings(), found());
    let login = Login { settings: &settings, found: &found };
    let ends = Session::end(&settings, true);
    assert!(ends.len() == 3 && ends.iter().all(|text| text.contains("Max-Age=0")), "{ends:?}");
    assert_eq!(
        login.logout("https://shop.test/").as_deref(),
        Some("https://id.test/logout?client_id=gate&post_logout_redirect_uri=https%3A%2F%2Fshop.test%2F")
    );
}
