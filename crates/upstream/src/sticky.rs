//! Sticky sessions: a cookie that leads a client back to the endpoint that it was at.
//!
//! The cookie's value is an HMAC of the endpoint's name under a secret: it tells nothing about what lies behind the
//! gateway, and nobody can make one for an endpoint of his choice. All values are made when the config is loaded, so a
//! request costs one comparison of cookie names and one look-up.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use message::Fields;
use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

/// Bytes of the HMAC that are used: nobody guesses 128 bits.
const TAG: usize = 16;

/// The cookie that is set.
#[derive(Clone, PartialEq, Eq)]
pub struct StickySettings {
    /// Its name.
    pub cookie: Box<str>,
    /// What the values are signed with.
    pub secret: Box<[u8]>,
    /// How long it lasts; `None`: as long as the browser.
    pub max_age: Option<Duration>,
}

impl std::fmt::Debug for StickySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StickySettings").field("cookie", &self.cookie).finish_non_exhaustive()
    }
}

/// The values for the endpoints of one version of a service.
#[derive(Debug)]
pub(crate) struct Sticky {
    cookie: Box<str>,
    max_age: Option<Duration>,
    values: Vec<Box<str>>,
    places: HashMap<Box<str>, usize>,
}

impl Sticky {
    pub(crate) fn new<'a>(settings: &StickySettings, labels: impl Iterator<Item = &'a str>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &settings.secret);
        let values: Vec<Box<str>> = labels
            .map(|label| URL_SAFE_NO_PAD.encode(&hmac::sign(&key, label.as_bytes()).as_ref()[..TAG]).into())
            .collect();
        let places = values.iter().cloned().enumerate().map(|(place, value)| (value, place)).collect();
        Self { cookie: settings.cookie.clone(), max_age: settings.max_age, values, places }
    }

    /// The endpoint that the request's cookie leads to.
    pub(crate) fn find(&self, fields: &Fields) -> Option<usize> {
        let values = fields.cookies(&self.cookie);
        values.into_iter().find_map(|value| self.places.get(std::str::from_utf8(value).ok()?).copied())
    }

    /// `Set-Cookie` for that endpoint.
    pub(crate) fn set_cookie(&self, place: usize, secure: bool) -> Option<String> {
        let mut text = format!("{}={}; Path=/; HttpOnly; SameSite=Lax", self.cookie, self.values.get(place)?);
        if let Some(age) = self.max_age {
            let _ = write!(text, "; Max-Age={}", age.as_secs());
        }
        if secure {
            text.push_str("; Secure");
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::Name;

    fn sticky(secret: &[u8]) -> Sticky {
        let settings = StickySettings {
            cookie: "srv".into(),
            secret: secret.into(),
            max_age: Some(Duration::from_secs(60)),
        };
        Sticky::new(&settings, ["http://10.0.0.1:80", "http://10.0.0.2:80"].into_iter())
    }

    fn cookies(values: &[&str]) -> Fields {
        let mut fields = Fields::new();
        for value in values {
            fields.add(Name::Cookie, value.as_bytes());
        }
        fields
    }

    #[test]
    fn the_cookie_leads_back_to_its_endpoint_and_names_it_to_nobody() {
        let sticky = sticky(b"secret");
        let set = sticky.set_cookie(1, true).unwrap();
        assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"), "{set}");
        assert!(!set.contains("10.0.0"));
        let pair = set.split(';').next().unwrap();
        assert_eq!(sticky.find(&cookies(&["a=b", &format!("x=y; {pair};z=1")])), Some(1));
        assert_eq!(sticky.find(&cookies(&["srv2=1; srv=; srv", "srv=nobody"])), None);
        assert_eq!(sticky.set_cookie(2, false), None);
    }

    #[test]
    fn a_cookie_made_with_another_secret_leads_nowhere() {
        let set = sticky(b"other").set_cookie(0, false).unwrap();
        let pair = set.split(';').next().unwrap();
        assert_eq!(sticky(b"secret").find(&cookies(&[pair])), None);
        assert_eq!(sticky(b"other").find(&cookies(&[pair])), Some(0));
    }
}
