//! Tokens that only their issuer can read: it is asked whether they hold (RFC 7662), and its answer is believed for a while.
//!
//! Refusals are kept apart from the rest: a flood of made-up tokens pushes out nobody's answer but its own.
//!
//! *Not here*: the asking. Whoever asks brings the answer back to [`Introspection::read`].

use super::recent::{Holds, Recent};
use super::{ClientAuth, JwtSettings, Question, Revocations, Verified, claims, strict};
use crate::Denied;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The longest token that is asked about, in bytes.
const TOKEN: usize = 8 << 10;
/// The longest answer, in bytes.
pub const ANSWER: usize = 256 << 10;
/// A refusal is believed for no longer than this: the token may be one that becomes valid.
const REFUSAL: Duration = Duration::from_secs(10);
/// Whom to ask, and what to believe.
#[derive(Clone, Debug)]
pub struct IntrospectionSettings {
    /// Who the gateway is to the issuer.
    pub client: ClientAuth,
    /// How long an answer is believed, at most; zero: each request asks.
    pub cache: Duration,
    /// What the answer must say, and how the caller is read from it; `exp` may be missing there.
    pub rules: JwtSettings,
}

/// An issuer that is asked.
pub struct Introspection {
    settings: IntrospectionSettings,
    active: Recent<Arc<Verified>>,
    refused: Recent<Denied>,
    revocations: Arc<Revocations>,
}

impl std::fmt::Debug for Introspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Introspection").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Introspection {
    /// With nothing known yet.
    pub fn new(settings: IntrospectionSettings) -> Self {
        let bytes = settings.rules.cache_bytes;
        let (active, refused) = (Recent::new(bytes), Recent::new(bytes / 8));
        Self { settings, active, refused, revocations: Arc::default() }
    }

    /// Goes by these revocations.
    #[must_use]
    pub fn with_revocations(mut self, revocations: Arc<Revocations>) -> Self {
        self.revocations = revocations;
        self
    }

    /// What the issuer said of the token not long ago.
    pub fn recall(&self, token: &str, unix: u64) -> Option<Result<Arc<Verified>, Denied>> {
        if let Some(verified) = self.active.recall(token.as_bytes(), unix, 0) {
            let is_revoked = self.revocations.is_revoked(&verified);
            return Some(if is_revoked { Err(Denied::Revoked) } else { Ok(verified) });
        }
        self.refused.recall(token.as_bytes(), unix, 0).map(Err)
    }

    /// What to ask (RFC 7662 section 2.1). A text that is no bearer token (RFC 6750 section 2.1) is not asked about.
    pub fn question(&self, token: &str) -> Result<Question, Denied> {
        if token.len() > TOKEN {
            return Err(Denied::Malformed("the token is too long"));
        }
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Denied::Malformed("not the characters of a token"));
        }
        let members = [("token", token), ("token_type_hint", "access_token")];
        Ok(Question::new(&members, &self.settings.client))
    }

    /// What the issuer has answered, which is remembered. Any status but 200 says nothing of the token.
    pub fn read(&self, token: &str, status: u16, body: &[u8], unix: u64) -> Result<Arc<Verified>, Denied> {
        if status != 200 {
            return Err(Denied::Unverified("the issuer has not answered the introspection with 200"));
        }
        let answer = self.judge(body, unix).and_then(|verified| {
            if self.revocations.is_revoked(&verified) { Err(Denied::Revoked) } else { Ok(Arc::new(verified)) }
        });
        match &answer {
            Ok(verified) => {
                let rules = &self.settings.rules;
                let until = verified.expires.saturating_add(rules.leeway.as_secs());
                let holds = self.holds(self.settings.cache, unix, until);
                self.active.keep(token.as_bytes(), verified.clone(), verified.weight(), holds, unix);
            }
            Err(Denied::Unverified(_)) => {}
            Err(why) => {
                let holds = self.holds(self.settings.cache.min(REFUSAL), unix, u64::MAX);
                self.refused.keep(token.as_bytes(), why.clone(), 0, holds, unix);
            }
        }
        answer
    }

    fn holds(&self, span: Duration, unix: u64, end: u64) -> Holds {
        // A clock that steps back by more than the leeway makes us ask again.
        let from = unix.saturating_sub(self.settings.rules.leeway.as_secs());
        Holds { from, until: unix.saturating_add(span.as_secs()).min(end), generation: 0 }
    }

    /// RFC 7662 section 2.2.
    fn judge(&self, body: &[u8], unix: u64) -> Result<Verified, Denied> {
        if body.len() > ANSWER {
            return Err(Denied::Unverified("the issuer's answer is too long"));
        }
        let unreadable = |_| Denied::Unverified("the issuer's answer is not JSON");
        let answer = strict::object(body).map_err(unreadable)?;
        match answer.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Err(Denied::Invalid("its issuer says that it does not hold")),
            _ => return Err(Denied::Unverified("the issuer's answer does not say whether the token holds")),
        }
        let rules = &self.settings.rules;
        let at_most = unix.saturating_add(self.settings.cache.as_secs().max(1));
        let mut verified = claims::judge(answer, rules, unix, Some(at_most))?;
        if verified.subject.is_empty() {
            let name = claims::text(&verified.claims, "username")?;
            let name = name.or(claims::text(&verified.claims, "client_id")?);
            verified.subject = name.unwrap_or_default().into();
        }
        if verified.consumer_name.is_none() && *rules.consumer_claim == *"sub" && !verified.subject.is_empty()
        {
            verified.consumer_name = Some((*verified.subject).into());
        }
        Ok(verified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scopes;
    use crate::token::{ClientAuthMethod, Revocation, Revoked};

    const NOW: u64 = 1_800_000_000;

    fn issuer(cache: u64) -> Introspection {
        let client = ClientAuth { id: "gate".into(), secret: "s".into(), method: ClientAuthMethod::Basic };
        let rules = JwtSettings { audiences: vec!["shop".into()], ..JwtSettings::default() };
        Introspection::new(IntrospectionSettings { client, cache: Duration::from_secs(cache), rules })
    }

    #[test]
    fn an_active_token_is_taken_and_believed_for_as_long_as_the_config_says() {
        let issuer = issuer(30);
        assert!(issuer.recall("t", NOW).is_none());
        let body = br#"{"active":true,"aud":"shop","client_id":"app","scope":"read write"}"#;
        let verified = issuer.read("t", 200, body, NOW).unwrap();
        assert_eq!((&*verified.subject, verified.consumer_name.as_deref()), ("app", Some("app")));
        assert_eq!(verified.scopes, Scopes::of(["read", "write"]));
        assert_eq!(issuer.recall("t", NOW + 29), Some(Ok(verified)));
        assert!(issuer.recall("t", NOW + 30).is_none());
        assert!(issuer.recall("u", NOW).is_none());
    }

    #[test]
    fn an_answer_is_never_believed_beyond_the_tokens_own_end() {
        let issuer = issuer(3600);
        let body = format!(r#"{{"active":true,"aud":"shop","sub":"ann","exp":{}}}"#, NOW + 10);
        issuer.read("t", 200, body.as_bytes(), NOW).unwrap();
        assert!(issuer.recall("t", NOW + 39).is_some(), "within the leeway");
        assert!(issuer.recall("t", NOW + 40).is_none());
    }

    #[test]
    fn a_token_that_does_not_hold_is_refused_and_soon_asked_about_again() {
        let issuer = issuer(30);
        let refused = issuer.read("t", 200, br#"{"active":false}"#, NOW);
        assert!(matches!(refused, Err(Denied::Invalid(_))));
        assert!(matches!(issuer.recall("t", NOW + 9), Some(Err(Denied::Invalid(_)))));
        assert!(issuer.recall("t", NOW + 10).is_none());
    }

    #[test]
    fn only_the_word_true_makes_a_token_active() {
        for body in [
            r#"{"active":"true","aud":"shop"}"#,
            r#"{"active":1,"aud":"shop"}"#,
            r#"{"active":false,"active":true,"aud":"shop"}"#,
            r#"{"aud":"shop"}"#,
            r#"[{"active":true}]"#,
            "",
            "<html>",
        ] {
            let issuer = issuer(30);
            let answer = issuer.read("t", 200, body.as_bytes(), NOW);
            assert!(matches!(answer, Err(Denied::Unverified(_))), "{body}: {answer:?}");
            assert!(issuer.recall("t", NOW).is_none(), "nothing was learnt from {body}");
        }
        let body = br#"{"active":true,"aud":"shop"}"#;
        assert!(matches!(issuer(30).read("t", 503, body, NOW), Err(Denied::Unverified(_))));
    }

    #[test]
    fn an_active_token_for_others_or_of_another_time_is_refused() {
        let expired = format!(r#"{{"active":true,"aud":"shop","exp":{}}}"#, NOW - 31);
        for (body, why) in [
            (r#"{"active":true,"aud":"bank"}"#, Denied::Invalid("not for this audience")),
            (r#"{"active":true}"#, Denied::Invalid("not for this audience")),
            (&expired, Denied::Expired),
            (r#"{"active":true,"aud":"shop","nbf":1900000000}"#, Denied::Early),
        ] {
            assert_eq!(issuer(30).read("t", 200, body.as_bytes(), NOW), Err(why), "{body}");
        }
    }

    #[test]
    fn a_revocation_holds_against_a_remembered_answer() {
        let revocations = Arc::new(Revocations::default());
        let issuer = issuer(30).with_revocations(revocations.clone());
        issuer.read("t", 200, br#"{"active":true,"aud":"shop","jti":"j"}"#, NOW).unwrap();
        let what = Revoked::Token("j".into());
        revocations.revoke(Revocation { what, before: 0, until: None, changed: 1 }, NOW).unwrap();
        assert_eq!(issuer.recall("t", NOW), Some(Err(Denied::Revoked)));
    }

    #[test]
    fn what_is_no_token_is_not_asked_about() {
        let issuer = issuer(30);
        assert_eq!(issuer.question("a.b&c").unwrap().body, "token=a.b%26c&token_type_hint=access_token");
        for token in ["", "a b", "a\r\nb", "\u{e9}", &"a".repeat(8193)] {
            assert!(issuer.question(token).is_err(), "{token:.20}");
        }
    }
}
