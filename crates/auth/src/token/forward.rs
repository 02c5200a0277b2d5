//! Another service decides (known as `auth_request` or forward auth): it is shown the request's head, and says yes with 2xx,
//! or its answer is the client's.
//!
//! *Invariant*: the fields that the service behind trusts because that authority sets them never come from the client:
//! [`Forward::introduce`] takes the client's own out, whatever the answer had. An answer is recalled only for a request that
//! looks the same in all that was shown.

use super::Verified;
use super::recent::{Holds, Recent};
use crate::{Claims, Scopes};
use message::Fields;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What answers may take up in memory, in bytes.
const CACHE: usize = 16 << 20;

/// What is shown and what comes back.
#[derive(Clone, Debug, Default)]
pub struct ForwardSettings {
    /// Fields of the request that are shown, in lower case.
    pub send: Vec<Box<str>>,
    /// Fields of the answer that the service gets, in lower case.
    pub keep: Vec<Box<str>>,
    /// The answer's field with the caller's name.
    pub subject: Option<Box<str>>,
    /// The answer's field with its plan.
    pub plan: Option<Box<str>>,
    /// The answer's field with its scopes, between spaces or commas.
    pub scopes: Option<Box<str>>,
    /// How long a yes holds for requests that look the same; zero: each request asks.
    pub cache: Duration,
}

/// The request that is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The authority that the client wants.
    pub host: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The client's address.
    pub client: &'a str,
    /// Its fields.
    pub fields: &'a Fields,
}

/// A `GET` to the authority.
pub struct Shown {
    /// Its fields.
    pub fields: Fields,
    key: Vec<u8>,
}

/// A yes.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// Who is calling. The claims are the fields that were kept.
    pub verified: Verified,
    kept: Fields,
}

/// What the authority says.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 2xx: go on.
    Allowed(Arc<Allowed>),
    /// 3xx or 4xx: the client gets this answer as it is, a redirect to a login for instance.
    Refused,
    /// Anything else: the authority cannot say now.
    Broken,
}

/// An authority that is asked.
pub struct Forward {
    settings: ForwardSettings,
    recent: Recent<Arc<Allowed>>,
}

impl std::fmt::Debug for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forward").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Forward {
    /// With nothing known yet.
    pub fn new(settings: ForwardSettings) -> Self {
        let bytes = if settings.cache.is_zero() { 0 } else { CACHE };
        Self { settings, recent: Recent::new(bytes) }
    }

    /// What is shown of a request. The request itself comes in `X-Forwarded-*`, which are ours and never the client's.
    pub fn show(&self, asked: &Asked<'_>) -> Shown {
        let mut fields = Fields::new();
        let told = [
            ("x-forwarded-method", asked.method),
            ("x-forwarded-proto", asked.scheme),
            ("x-forwarded-host", asked.host),
            ("x-forwarded-uri", asked.target),
            ("x-forwarded-for", asked.client),
        ];
        for (name, value) in told {
            add(&mut fields, name, value.as_bytes());
        }
        for name in self.settings.send.iter().filter(|name| !told.iter().any(|(ours, _)| *ours == &***name)) {
            for value in asked.fields.all_named(name) {
                add(&mut fields, name, value);
            }
        }
        let mut key = Vec::with_capacity(fields.bytes() + 16 * fields.len());
        for (_, name, value) in fields.iter() {
            for part in [name, value] {
                key.extend_from_slice(&(part.len() as u32).to_le_bytes());
                key.extend_from_slice(part);
            }
        }
        Shown { fields, key }
    }

    /// A yes to a request that looked the same, not long ago.
    pub fn recall(&self, shown: &Shown, unix: u64) -> Option<Arc<Allowed>> {
        self.recent.recall(&shown.key, unix, 0)
    }

    /// What the authority has answered, which is remembered where it was a yes.
    pub fn read(&self, shown: &Shown, status: u16, fields: &Fields, unix: u64) -> Answer {
        match status {
            200..=299 => {}
            300..=499 => return Answer::Refused,
            _ => return Answer::Broken,
        }
        let span = self.settings.cache.as_secs();
        let allowed = Arc::new(self.allowed(fields, unix.saturating_add(span.max(1))));
        let holds = Holds { from: unix, until: unix.saturating_add(span), generation: 0 };
        let weight = allowed.verified.weight() + allowed.kept.bytes();
        self.recent.keep(&shown.key, allowed.clone(), weight, holds, unix);
        Answer::Allowed(allowed)
    }

    fn allowed(&self, fields: &Fields, expires: u64) -> Allowed {
        let (mut kept, mut claims) = (Fields::new(), Claims::new());
        for name in &self.settings.keep {
            for value in fields.all_named(name) {
                add(&mut kept, name, value);
                let text = || Value::String(String::from_utf8_lossy(value).into_owned());
                claims.entry(&**name).or_insert_with(text);
            }
        }
        let subject = said(fields, self.settings.subject.as_deref());
        let scopes = said(fields, self.settings.scopes.as_deref()).unwrap_or_default();
        let verified = Verified {
            claims: Arc::new(claims),
            subject: subject.unwrap_or_default().into(),
            consumer_name: subject.map(Into::into),
            plan: said(fields, self.settings.plan.as_deref()).map(Into::into),
            scopes: Scopes::of(scopes.split([' ', ','])),
            expires,
            issued: None,
            jti: None,
            caller: crate::Remembered::default(),
        };
        Allowed { verified, kept }
    }

    /// Puts the authority's fields into the request in place of the client's own of those names.
    pub fn introduce(&self, allowed: &Allowed, request: &mut Fields) {
        self.strip(request);
        for (_, name, value) in allowed.kept.iter() {
            request.push_checked(name, value);
        }
    }

    /// Takes out what only the authority may say. For a request that was let in by another way.
    pub fn strip(&self, request: &mut Fields) {
        let Self { settings, .. } = self;
        let said = [&settings.subject, &settings.plan, &settings.scopes];
        for name in settings.keep.iter().chain(said.into_iter().flatten()) {
            request.remove_named(name.as_bytes());
        }
    }
}

/// The first value of a field, where it is a text and not empty.
fn said<'a>(fields: &'a Fields, name: Option<&'a str>) -> Option<&'a str> {
    let value = fields.all_named(name?).next()?;
    std::str::from_utf8(value).ok().filter(|value| !value.is_empty())
}

/// A name that is none is one of the config that was not checked; its line is left out.
fn add(fields: &mut Fields, name: &str, value: &[u8]) {
    let _ = fields.push(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.push(name, value.as_bytes()).unwrap();
        }
        fields
    }

    fn authority(cache: u64) -> Forward {
        Forward::new(ForwardSettings {
            send: ["authorization", "cookie", "x-forwarded-for"].map(Into::into).to_vec(),
            keep: ["x-user", "x-plan"].map(Into::into).to_vec(),
            subject: Some("x-user".into()),
            plan: Some("x-plan".into()),
            scopes: Some("x-scopes".into()),
            cache: Duration::from_secs(cache),
        })
    }

    fn asked<'a>(target: &'a str, fields: &'a Fields) -> Asked<'a> {
        Asked { method: "GET", scheme: "https", host: "api.test", target, client: "192.0.2.1", fields }
    }

    fn line<'a>(fields: &'a Fields, name: &'a str) -> Vec<&'a [u8]> {
        fields.all_named(name).collect()
    }

    #[test]
    fn the_request_is_shown_with_the_chosen_fields_and_never_with_the_clients_word_for_ours() {
        let request =
            fields(&[("Authorization", "Bearer x"), ("X-Secret", "s"), ("X-Forwarded-For", "10.0.0.1")]);
        let shown = authority(0).show(&asked("/a?b", &request));
        assert_eq!(line(&shown.fields, "authorization"), [b"Bearer x"]);
        assert_eq!(line(&shown.fields, "x-forwarded-for"), [b"192.0.2.1"]);
        assert_eq!(line(&shown.fields, "x-forwarded-uri"), [b"/a?b"]);
        assert!(line(&shown.fields, "x-secret").is_empty());
    }

    #[test]
    fn a_yes_names_the_caller_and_its_fields_replace_those_of_the_client() {
        let authority = authority(0);
        let mut request = fields(&[("X-User", "root"), ("x-plan", "all"), ("Accept", "*/*")]);
        let shown = authority.show(&asked("/", &request));
        let said = fields(&[("X-User", "ann"), ("X-Scopes", "read,write admin")]);
        let Answer::Allowed(allowed) = authority.read(&shown, 204, &said, 5) else { panic!("not allowed") };
        assert_eq!(&*allowed.verified.subject, "ann");
        assert_eq!(allowed.verified.scopes, Scopes::of(["read", "write", "admin"]));
        assert_eq!(allowed.verified.claims.get("x-user"), Some(&Value::from("ann")));
        authority.introduce(&allowed, &mut request);
        assert_eq!(line(&request, "x-user"), [b"ann"]);
        assert!(line(&request, "x-plan").is_empty(), "the client's own, which nobody vouches for");
        assert_eq!(line(&request, "accept"), [b"*/*"]);
    }

    #[test]
    fn only_2xx_is_a_yes() {
        let authority = authority(60);
        let request = fields(&[("Authorization", "Bearer x")]);
        let shown = authority.show(&asked("/", &request));
        for status in [302, 401, 403, 404, 429] {
            assert!(matches!(authority.read(&shown, status, &Fields::new(), 5), Answer::Refused), "{status}");
        }
        for status in [100, 101, 500, 502, 503, 999] {
            assert!(matches!(authority.read(&shown, status, &Fields::new(), 5), Answer::Broken), "{status}");
        }
        assert!(authority.recall(&shown, 5).is_none());
    }

    #[test]
    fn a_yes_is_recalled_for_what_looks_the_same_only() {
        let authority = authority(60);
        let request = fields(&[("Authorization", "Bearer x")]);
        let shown = authority.show(&asked("/a", &request));
        authority.read(&shown, 200, &fields(&[("X-User", "ann")]), 5);
        let again = authority.recall(&authority.show(&asked("/a", &request)), 64).unwrap();
        assert_eq!(&*again.verified.subject, "ann");
        assert!(authority.recall(&shown, 65).is_none());
        assert!(authority.recall(&authority.show(&asked("/b", &request)), 6).is_none());
        let other = fields(&[("Authorization", "Bearer y")]);
        assert!(authority.recall(&authority.show(&asked("/a", &other)), 6).is_none());
        let both = fields(&[("Authorization", "Bearer x"), ("Cookie", "a=b")]);
        assert!(authority.recall(&authority.show(&asked("/a", &both)), 6).is_none());
    }
}
