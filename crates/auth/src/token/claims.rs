//! Are the claims for us, and for now (RFC 7519 section 4.1)? And what do they say of the caller?
//!
//! Each claim has one type. A claim of another type is refused and never taken as missing: whoever can make `aud` a number
//! must not thereby get around the check of it.

use super::{JwtSettings, Verified};
use crate::{Claims, Denied, Scopes};
use serde_json::Value;
use std::sync::Arc;

/// The end of the year 9999 in Unix seconds. Times beyond are milliseconds by mistake, and would be valid for ever.
const LAST: f64 = 253_402_300_799.0;
/// How deep a dotted name of a claim may lead.
const STEPS: usize = 8;

/// Checks the claims at a time, in Unix seconds, and says who the caller is. `at_most`: until when they hold where they do
/// not say; `None`: they must.
pub(super) fn judge(
    claims: Claims,
    settings: &JwtSettings,
    unix: u64,
    at_most: Option<u64>,
) -> Result<Verified, Denied> {
    let leeway = settings.leeway.as_secs();
    let expires = date(&claims, "exp")?.or(at_most).ok_or(Denied::Invalid("`exp` is missing"))?;
    if unix >= expires.saturating_add(leeway) {
        return Err(Denied::Expired);
    }
    let issued = date(&claims, "iat")?;
    let starts = date(&claims, "nbf")?.max(issued);
    if starts.is_some_and(|starts| starts > unix.saturating_add(leeway)) {
        return Err(Denied::Early);
    }
    check_issuer(&claims, settings)?;
    check_audience(&claims, &settings.audiences)?;
    if settings.required.iter().any(|name| at(&claims, name).is_none_or(Value::is_null)) {
        return Err(Denied::Invalid("a required claim is missing"));
    }
    describe(claims, settings, expires, issued)
}

/// Who the caller is by its claims.
fn describe(
    claims: Claims,
    settings: &JwtSettings,
    expires: u64,
    issued: Option<u64>,
) -> Result<Verified, Denied> {
    Ok(Verified {
        subject: text(&claims, "sub")?.unwrap_or_default().into(),
        consumer_name: text(&claims, &settings.consumer_claim)?.map(Into::into),
        plan: match &settings.plan_claim {
            Some(name) => text(&claims, name)?.map(Arc::from),
            None => None,
        },
        scopes: scopes(&claims, &settings.scope_claims)?,
        jti: text(&claims, "jti")?.map(Arc::from),
        caller: crate::Remembered::default(),
        expires,
        issued,
        claims: Arc::new(claims),
    })
}

fn check_issuer(claims: &Claims, settings: &JwtSettings) -> Result<(), Denied> {
    let Some(wanted) = &settings.issuer else { return Ok(()) };
    match text(claims, "iss")? {
        Some(issuer) if *issuer == **wanted => Ok(()),
        Some(_) => Err(Denied::Invalid("of another issuer")),
        None => Err(Denied::Invalid("`iss` is missing")),
    }
}

/// `aud` is one name or a list of them (RFC 7519 section 4.1.3).
fn check_audience(claims: &Claims, wanted: &[Box<str>]) -> Result<(), Denied> {
    let is_wanted = |name: &str| wanted.iter().any(|one| **one == *name);
    let found = match claims.get("aud") {
        None => false,
        Some(Value::String(name)) => is_wanted(name),
        Some(Value::Array(names)) if names.iter().all(Value::is_string) => {
            names.iter().filter_map(Value::as_str).any(is_wanted)
        }
        Some(_) => return Err(Denied::Malformed("`aud` is neither a string nor a list of strings")),
    };
    if wanted.is_empty() || found { Ok(()) } else { Err(Denied::Invalid("not for this audience")) }
}

/// A claim by its name; where there is none of that name, dots lead into objects.
fn at<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let mut steps = name.splitn(STEPS, '.');
    let first = claims.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.as_object()?.get(step))
}

/// A string, or nothing; anything else is refused.
pub(super) fn text<'a>(claims: &'a Claims, name: &str) -> Result<Option<&'a str>, Denied> {
    match at(claims, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Denied::Malformed("a claim that should be a string is none")),
    }
}

/// A `NumericDate` in whole seconds: a number, which may have a fraction. `null` is no number.
pub(super) fn date(claims: &Claims, name: &str) -> Result<Option<u64>, Denied> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    match value.as_f64() {
        // The fraction is dropped; below zero is before 1970, which is as past as 1970.
        #[expect(clippy::cast_sign_loss, reason = "a negative number becomes 0, which is meant")]
        Some(seconds) if seconds <= LAST => Ok(Some(seconds as u64)),
        Some(_) => Err(Denied::Malformed("a time after the year 9999")),
        None => Err(Denied::Malformed("a time that is no number")),
    }
}

/// Words in one string (RFC 8693 section 4.2), or a list of words.
fn scopes(claims: &Claims, names: &[Box<str>]) -> Result<Scopes, Denied> {
    let mut words = Vec::new();
    for value in names.iter().filter_map(|name| at(claims, name)) {
        match value {
            Value::Null => {}
            Value::String(text) => words.extend(text.split(' ')),
            Value::Array(list) if list.iter().all(Value::is_string) => {
                words.extend(list.iter().filter_map(Value::as_str));
            }
            _ => return Err(Denied::Malformed("scopes are neither a string nor a list of strings")),
        }
    }
    Ok(Scopes::of(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn settings() -> JwtSettings {
        JwtSettings {
            issuer: Some("https://id.test".into()),
            audiences: vec!["shop".into(), "stock".into()],
            ..JwtSettings::default()
        }
    }

    /// The claims of a token for us, with the members of `changes` instead; `null` takes one out.
    fn judged(changes: &str) -> Result<Verified, Denied> {
        judged_by(&settings(), changes)
    }

    fn judged_by(settings: &JwtSettings, changes: &str) -> Result<Verified, Denied> {
        let mut claims: Claims = serde_json::from_str(&format!(
            r#"{{"iss":"https://id.test","aud":"shop","sub":"ann","exp":{}}}"#,
            NOW + 60
        ))
        .unwrap();
        let changes: Claims = serde_json::from_str(changes).unwrap();
        for (name, value) in changes {
            if value.is_null() {
                claims.remove(&name)
            } else {
                claims.insert(name, value)
            };
        }
        judge(claims, settings, NOW, None)
    }

    #[test]
    fn a_token_for_us_and_for_now_is_taken() {
        let verified = judged("{}").unwrap();
        assert_eq!((&*verified.subject, verified.expires, verified.issued), ("ann", NOW + 60, None));
        assert_eq!(verified.consumer_name.as_deref(), Some("ann"));
        assert!(verified.scopes.is_empty() && verified.jti.is_none() && verified.plan.is_none());
    }

    #[test]
    fn times_are_checked_with_leeway_to_the_second() {
        assert!(judged(&format!(r#"{{"exp":{}}}"#, NOW - 29)).is_ok());
        assert_eq!(judged(&format!(r#"{{"exp":{}}}"#, NOW - 30)), Err(Denied::Expired));
        assert!(judged(&format!(r#"{{"nbf":{}}}"#, NOW + 30)).is_ok());
        assert_eq!(judged(&format!(r#"{{"nbf":{}}}"#, NOW + 31)), Err(Denied::Early));
        assert_eq!(judged(&format!(r#"{{"iat":{}}}"#, NOW + 31)), Err(Denied::Early));
        assert_eq!(judged(r#"{"exp":-5}"#), Err(Denied::Expired));
        assert!(judged(&format!(r#"{{"exp":{}.75}}"#, NOW + 1)).is_ok());
    }

    #[test]
    fn a_time_of_another_type_is_refused_and_never_taken_as_missing() {
        for name in ["exp", "nbf", "iat"] {
            for value in ["\"1900000000\"", "[1900000000]", "{}", "true", "1900000000000", "1e300"] {
                let changes = format!(r#"{{"{name}":{value}}}"#);
                assert!(matches!(judged(&changes), Err(Denied::Malformed(_))), "{changes}");
            }
        }
        assert_eq!(judged(r#"{"exp":null}"#), Err(Denied::Invalid("`exp` is missing")));
    }

    #[test]
    fn issuer_and_audience_are_compared_to_the_letter() {
        assert!(judged(r#"{"aud":["x","stock"]}"#).is_ok());
        for changes in [
            r#"{"iss":null}"#,
            r#"{"iss":"https://id.test/"}"#,
            r#"{"iss":"HTTPS://id.test"}"#,
            r#"{"iss":["https://id.test"]}"#,
            r#"{"iss":7}"#,
            r#"{"aud":null}"#,
            r#"{"aud":"sho"}"#,
            r#"{"aud":"shopping"}"#,
            r#"{"aud":[]}"#,
            r#"{"aud":["x"]}"#,
            r#"{"aud":["shop",1]}"#,
            r#"{"aud":{"shop":1}}"#,
            r#"{"aud":0}"#,
        ] {
            assert!(judged(changes).is_err(), "{changes}");
        }
        let any = JwtSettings::default();
        assert!(judged_by(&any, r#"{"iss":null,"aud":null}"#).is_ok());
        assert!(judged_by(&any, r#"{"aud":[1]}"#).is_err(), "of the wrong type, even where nobody asks");
    }

    #[test]
    fn who_it_is_comes_from_the_claims_that_the_config_names() {
        let settings = JwtSettings {
            consumer_claim: "https://shop.test/client".into(),
            plan_claim: Some("shop.plan".into()),
            required: vec!["tenant".into()],
            ..settings()
        };
        let claims = r#"{"https://shop.test/client":"app","shop":{"plan":"pro"},"tenant":"t1","jti":"j",
            "scope":"read  write","scp":["admin","read"]}"#;
        let verified = judged_by(&settings, claims).unwrap();
        assert_eq!(verified.consumer_name.as_deref(), Some("app"));
        assert_eq!((verified.plan.as_deref(), verified.jti.as_deref()), (Some("pro"), Some("j")));
        assert_eq!(verified.scopes, Scopes::of(["admin", "read", "write"]));
        assert!(judged_by(&settings, "{}").is_err(), "`tenant` is required");
        for changes in
            [r#"{"tenant":1,"scope":7}"#, r#"{"tenant":1,"scp":[["admin"]]}"#, r#"{"tenant":1,"sub":1}"#]
        {
            assert!(matches!(judged_by(&settings, changes), Err(Denied::Malformed(_))), "{changes}");
        }
    }
}
