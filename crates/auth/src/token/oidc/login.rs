//! The two ends of a login: the way to the provider, and the way back.
//!
//! What was begun is sealed into a cookie named after its `state`, so logins in several tabs do not meet, and a callback
//! that this browser has not begun is not taken (RFC 6749 section 10.12). The verifier of PKCE and the nonce stand in that
//! cookie alone; an intercepted code is of no use without it.

use super::tokens::Tokens;
use super::{Discovery, OidcSettings, Seal, Session, cookie};
use crate::token::{Question, Verified};
use crate::{Denied, Scopes};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use form_urlencoded::Serializer;
use message::Fields;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long a person may take to log in, in seconds.
const PATIENCE: u64 = 600;
/// The longest way back, in bytes; a longer one leads to `/`.
const RETURN: usize = 2048;
const PURPOSE: &str = "oidc-login";

/// The flow of one provider's logins.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// What the config says.
    pub settings: &'a OidcSettings,
    /// What the provider says.
    pub found: &'a Discovery,
}

/// The browser is sent to the provider.
pub struct Begun {
    /// `Location`.
    pub location: String,
    /// `Set-Cookie`.
    pub cookie: String,
}

/// A login that was begun, as the cookie remembers it. Holds secrets: no `Debug`.
#[derive(Serialize, Deserialize)]
pub struct Pending {
    state: String,
    nonce: String,
    verifier: String,
    redirect_uri: String,
    /// Where the browser wanted to go: a path of this host.
    pub return_to: String,
    started: u64,
}

/// A code is to be exchanged for tokens.
pub struct Exchange {
    /// What the token endpoint is asked.
    pub question: Question,
    /// The login that it belongs to.
    pub login: Pending,
    /// `Set-Cookie` that forgets the login: a code is shown once.
    pub forget: String,
}

/// Why a callback is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCallback {
    /// It is not one that a provider sends.
    #[error("malformed callback: {0}")]
    Malformed(&'static str),
    /// This browser has not begun it, or more than ten minutes ago: it may begin again.
    #[error("no login was begun here")]
    NotBegun,
    /// It is another provider's (RFC 9207).
    #[error("of another issuer")]
    OtherIssuer,
    /// The provider or the person at it says no; its code (RFC 6749 section 4.1.2.1).
    #[error("the provider refuses: {0}")]
    Refused(Box<str>),
}

impl Login<'_> {
    /// Sends the browser to the provider. `redirect_uri` is the callback's URL, `return_to` where the browser wanted to go;
    /// `random` fills with bytes that nobody can guess. `None`: the provider has no endpoint for logins.
    pub fn begin(
        &self,
        redirect_uri: &str,
        return_to: &str,
        random: &mut dyn FnMut(&mut [u8]),
        unix: u64,
        seal: &dyn Seal,
    ) -> Option<Begun> {
        let endpoint = self.found.authorization_endpoint.as_deref()?;
        let mut fresh = || {
            let mut bytes = [0; 32];
            random(&mut bytes);
            URL_SAFE_NO_PAD.encode(bytes)
        };
        let pending = Pending {
            state: fresh(),
            nonce: fresh(),
            verifier: fresh(),
            redirect_uri: redirect_uri.to_owned(),
            return_to: way_back(return_to).to_owned(),
            started: unix,
        };
        let plain = serde_json::to_vec(&pending).ok()?;
        let name = self.cookie_name(&pending.state);
        let secure = redirect_uri.starts_with("https://");
        let path = path_of(redirect_uri);
        let cookie = cookie::set(&name, &seal.seal(PURPOSE, &plain), path, PATIENCE, secure);
        Some(Begun { location: self.location(endpoint, &pending), cookie })
    }

    fn location(&self, endpoint: &str, pending: &Pending) -> String {
        let mut scopes = vec!["openid"];
        scopes.extend(self.settings.scopes.iter().map(|scope| &**scope).filter(|scope| *scope != "openid"));
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, pending.verifier.as_bytes()));
        let query = Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client.id)
            .append_pair("redirect_uri", &pending.redirect_uri)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", &pending.state)
            .append_pair("nonce", &pending.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("{endpoint}{}{query}", if endpoint.contains('?') { '&' } else { '?' })
    }

    /// Reads the way back: the callback's query, and the cookies that came with it.
    pub fn callback(
        &self,
        query: &str,
        request: &Fields,
        unix: u64,
        seal: &dyn Seal,
    ) -> Result<Exchange, BadCallback> {
        let query = Callback::read(query)?;
        let state = query.state.ok_or(BadCallback::Malformed("`state` is missing"))?;
        let name = self.cookie_name(&state);
        let login = cookie::get(request, &name)
            .and_then(|text| seal.open(PURPOSE, text))
            .and_then(|plain| serde_json::from_slice::<Pending>(&plain).ok())
            .filter(|login| is_same(&login.state, &state))
            .filter(|login| unix < login.started.saturating_add(PATIENCE))
            .ok_or(BadCallback::NotBegun)?;
        match query.iss {
            Some(issuer) if *issuer == *self.found.issuer => {}
            None if !self.found.names_itself => {}
            _ => return Err(BadCallback::OtherIssuer),
        }
        if let Some(error) = query.error {
            return Err(BadCallback::Refused(error_code(&error)));
        }
        let code = query.code.ok_or(BadCallback::Malformed("`code` is missing"))?;
        let members = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &login.redirect_uri),
            ("code_verifier", &login.verifier),
        ];
        let question = Question::new(&members, &self.settings.client);
        let secure = login.redirect_uri.starts_with("https://");
        let forget = cookie::set(&name, "", path_of(&login.redirect_uri), 0, secure);
        Ok(Exchange { question, login, forget })
    }

    /// A session, once the ID token has been verified by an issuer of [`OidcSettings::jwt`].
    pub fn finish(
        &self,
        login: &Pending,
        tokens: &Tokens,
        verified: &Verified,
        unix: u64,
    ) -> Result<Session, Denied> {
        match verified.claims.get("nonce") {
            Some(Value::String(nonce)) if is_same(nonce, &login.nonce) => {}
            _ => return Err(Denied::Invalid("the ID token is not of this login")),
        }
        // OIDC Core section 3.1.3.7, steps 4 and 5.
        let several = verified.claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
        match verified.claims.get("azp") {
            None if !several => {}
            Some(Value::String(party)) if **party == *self.settings.client.id => {}
            _ => return Err(Denied::Invalid("the ID token was made for another client")),
        }
        if verified.subject.is_empty() {
            return Err(Denied::Invalid("the ID token names nobody"));
        }
        let granted = tokens.scope.as_deref().unwrap_or_default();
        let scopes =
            if verified.scopes.is_empty() { Scopes::of(granted.split(' ')) } else { verified.scopes.clone() };
        Ok(Session::begin(verified, &scopes, unix))
    }

    /// Where the browser logs out at the provider (OIDC RP-Initiated Logout), where that is possible.
    pub fn logout(&self, return_to: &str) -> Option<String> {
        let endpoint = self.found.end_session_endpoint.as_deref()?;
        let query = Serializer::new(String::new())
            .append_pair("client_id", &self.settings.client.id)
            .append_pair("post_logout_redirect_uri", return_to)
            .finish();
        Some(format!("{endpoint}{}{query}", if endpoint.contains('?') { '&' } else { '?' }))
    }

    /// A name for each login. Of a state that was made up only what may stand in a cookie's name.
    fn cookie_name(&self, state: &str) -> String {
        let short: String = state.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        format!("{}_login_{short}", self.settings.cookie)
    }
}

/// Does a person wait for a page? Only then a login is begun. A script's request would be led to a page that it cannot show,
/// and each of them would leave a cookie behind.
pub fn is_navigation(method: &str, request: &Fields) -> bool {
    let wants = |name, word: &[u8]| {
        request
            .all_named(name)
            .any(|value| value.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word)))
    };
    let told = request.all_named("sec-fetch-mode").next();
    method == "GET" && told.map_or_else(|| wants("accept", b"text/html"), |mode| mode == b"navigate")
}

/// The callback's path: the cookie goes nowhere else.
fn path_of(redirect_uri: &str) -> &str {
    let authority = redirect_uri.find("://").map_or(0, |at| at + 3);
    redirect_uri[authority..].find('/').map_or("/", |at| &redirect_uri[authority + at..])
}

/// A path of this host, and nothing that a browser would take for another one: `//host`, `/\host`.
fn way_back(wanted: &str) -> &str {
    let is_plain = wanted.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_path = wanted.starts_with('/') && !wanted.starts_with("//");
    if is_plain && is_path && wanted.len() <= RETURN { wanted } else { "/" }
}

/// A code of RFC 6749 section 4.1.2.1, fit for a log line.
fn error_code(text: &str) -> Box<str> {
    let is_word = |c: &char| c.is_ascii_alphanumeric() || "_-.".contains(*c);
    text.chars().filter(is_word).take(64).collect::<String>().into()
}

fn is_same(one: &str, two: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), two.as_bytes()).is_ok()
}

/// The parameters of a callback, each at most once.
#[derive(Default)]
struct Callback {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

impl Callback {
    fn read(query: &str) -> Result<Self, BadCallback> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "state" => &mut read.state,
                "code" => &mut read.code,
                "error" => &mut read.error,
                "iss" => &mut read.iss,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(BadCallback::Malformed("a parameter is repeated"));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
