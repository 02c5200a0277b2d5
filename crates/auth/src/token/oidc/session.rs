//! A session: who has logged in, sealed into the browser's cookies.
//!
//! It ends at its lifetime, or when nobody comes for a while. That somebody came is written down now and then only, so most
//! answers set no cookie. Sessions of a revoked subject end with it: a session counts as issued when it began.

use super::{OidcSettings, Seal, cookie};
use crate::token::Verified;
use crate::{Claims, Scopes};
use message::Fields;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const PURPOSE: &str = "oidc-session";
/// Claims of the ID token that say something of the token or of the login, not of the person.
const SPENT: [&str; 8] = ["nonce", "at_hash", "c_hash", "s_hash", "exp", "iat", "nbf", "azp"];

/// Who has logged in, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    #[serde(rename = "s")]
    subject: Box<str>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    consumer: Option<Box<str>>,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    plan: Option<Box<str>>,
    #[serde(rename = "w", default)]
    scopes: Vec<Box<str>>,
    #[serde(rename = "c", default)]
    claims: Claims,
    /// `jti` of the ID token, where it has one.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    jti: Option<Box<str>>,
    /// When it began: Unix seconds.
    #[serde(rename = "b")]
    began: u64,
    /// When somebody was last seen.
    #[serde(rename = "l")]
    seen: u64,
}

/// A session that still lasts.
#[derive(Debug)]
pub struct Opened {
    /// Who is calling.
    pub verified: Verified,
    /// `Set-Cookie`s that prolong it, where it is time.
    pub prolonged: Vec<String>,
}

impl Session {
    pub(super) fn begin(verified: &Verified, scopes: &Scopes, unix: u64) -> Self {
        let is_kept = |name: &str| !SPENT.contains(&name);
        let claims = verified.claims.iter().filter(|(name, _)| is_kept(name));
        Self {
            subject: (*verified.subject).into(),
            consumer: verified.consumer_name.clone(),
            plan: verified.plan.as_deref().map(Into::into),
            scopes: scopes.iter().map(Into::into).collect(),
            claims: claims.map(|(name, value)| (name.clone(), value.clone())).collect(),
            jti: verified.jti.as_deref().map(Into::into),
            began: unix,
            seen: unix,
        }
    }

    /// `Set-Cookie`s with the session. Where the claims do not fit, it goes without them; `None`: nor does the rest.
    pub fn cookies(&self, settings: &OidcSettings, secure: bool, seal: &dyn Seal) -> Option<Vec<String>> {
        let age = settings.lifetime.as_secs();
        let written = |session: &Self| {
            let plain = serde_json::to_vec(session).ok()?;
            cookie::set_pieces(&settings.cookie, &seal.seal(PURPOSE, &plain), age, secure)
        };
        written(self).or_else(|| written(&Self { claims: Claims::new(), ..self.clone() }))
    }

    /// The session of a request. `None`: there is none, or it has ended.
    pub fn open(
        settings: &OidcSettings,
        request: &Fields,
        secure: bool,
        unix: u64,
        seal: &dyn Seal,
    ) -> Option<Opened> {
        let text = cookie::get_pieces(request, &settings.cookie)?;
        let mut session: Self = serde_json::from_slice(&seal.open(PURPOSE, &text)?).ok()?;
        let idle = settings.idle.as_secs();
        let end = session.began.saturating_add(settings.lifetime.as_secs());
        let expires = end.min(session.seen.saturating_add(idle));
        if unix >= expires {
            return None;
        }
        let mut prolonged = Vec::new();
        if unix >= session.seen.saturating_add((idle / 8).max(1)) {
            session.seen = unix;
            prolonged = session.cookies(settings, secure, seal).unwrap_or_default();
        }
        Some(Opened { verified: session.verified(expires), prolonged })
    }

    /// `Set-Cookie`s that end it.
    pub fn end(settings: &OidcSettings, secure: bool) -> Vec<String> {
        cookie::set_pieces(&settings.cookie, "", 0, secure).unwrap_or_default()
    }

    /// The names of the cookies that a session may be in. They are for the gateway alone: whoever reads one is the caller.
    pub fn cookie_names(settings: &OidcSettings) -> impl Iterator<Item = String> + '_ {
        cookie::piece_names(&settings.cookie)
    }

    fn verified(self, expires: u64) -> Verified {
        Verified {
            claims: Arc::new(self.claims),
            subject: self.subject.into(),
            consumer_name: self.consumer,
            plan: self.plan.map(Arc::from),
            scopes: Scopes::of(self.scopes.iter().map(|word| &**word)),
            expires,
            issued: Some(self.began),
            jti: self.jti.map(Arc::from),
            caller: crate::Remembered::default(),
        }
    }
}
