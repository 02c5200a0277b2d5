//! Which response would serve a request (RFC 9111 section 2).
//!
//! *Promise*: SipHash-1-3 with 128 bits over parts that each stand behind their length: other parts, another order or another split
//! give another key, and who does not know the seed cannot make two requests share one.
//! *Cost*: one pass over what belongs to the key.

use crate::{KeySettings, Vary, query, value};
use message::{Authority, RequestHead, Scheme};
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use std::hash::Hasher as _;

/// A key: 128 bits that nobody without the seed can bring to coincide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u128);

/// Makes keys, with a secret seed. A cache that outlives its process keeps its seed beside it.
#[derive(Clone)]
pub struct Keys {
    seed: [u8; 16],
}

/// What a key is made of.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The route's settings.
    pub settings: &'a KeySettings,
    /// How the client reached us.
    pub scheme: Scheme,
    /// What it asks for, as it came in: before a prefix was taken off.
    pub head: &'a RequestHead,
    /// The consumer, where each has responses of its own.
    pub consumer: Option<&'a str>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// With that seed.
    pub fn new(seed: [u8; 16]) -> Self {
        Self { seed }
    }

    /// The key of a request, whatever its variant. GET and HEAD have the same. Allocates nothing where the query has no
    /// more than 32 parameters.
    pub fn key(&self, asking: &Asking<'_>) -> Key {
        let Asking { settings, scheme, head, consumer } = *asking;
        let mut state = SipHasher13::new_with_key(&self.seed);
        state.write_u8(u8::from(scheme == Scheme::Https));
        state.write_u8(u8::from(settings.any_host));
        if !settings.any_host {
            add_host(&mut state, head.authority.as_ref(), scheme);
        }
        value::part(&mut state, head.target.path().as_bytes());
        query::parameters(&settings.query, head.target.query(), |parameter| {
            value::part(&mut state, parameter.as_bytes());
        });
        state.write_u64(u64::MAX);
        for name in &settings.headers {
            value::part(&mut state, name.as_bytes());
            value::add(&mut state, name, head);
        }
        for name in &settings.cookies {
            value::part(&mut state, name.as_bytes());
            add_cookie(&mut state, name, head);
        }
        // Without a consumer and with one whose name is empty are two things.
        state.write_u8(u8::from(consumer.is_some()));
        value::part(&mut state, consumer.unwrap_or_default().as_bytes());
        if !settings.route.is_empty() {
            value::part(&mut state, settings.route.as_bytes());
        }
        Key(state.finish128().as_u128())
    }

    /// The key of a variant: with the values that the request has for the fields which `Vary` names. Values that mean the same make
    /// the same key (RFC 9111 section 4.1). Allocates nothing.
    pub fn variant(&self, key: Key, vary: &Vary, head: &RequestHead) -> Key {
        let mut state = SipHasher13::new_with_key(&self.seed);
        state.write(&key.0.to_le_bytes());
        for name in &vary.0 {
            value::part(&mut state, name.as_bytes());
            value::add(&mut state, name, head);
        }
        Key(state.finish128().as_u128())
    }
}

/// The host, and the port where it is not the scheme's own.
fn add_host(state: &mut SipHasher13, authority: Option<&Authority>, scheme: Scheme) {
    let host = authority.map_or("", Authority::host);
    let port = authority.and_then(|authority| other_port(authority, scheme)).unwrap_or(0);
    value::part(state, host.as_bytes());
    state.write(&port.to_le_bytes());
}

/// The port where it is not the scheme's own (RFC 9110 section 4.2.3).
pub(crate) fn other_port(authority: &Authority, scheme: Scheme) -> Option<u16> {
    authority.port().filter(|port| *port != scheme.default_port())
}

/// All values of a cookie, in order: applications differ in which of several they take.
fn add_cookie(state: &mut SipHasher13, name: &str, head: &RequestHead) {
    for value in head.fields.cookies(name) {
        value::part(state, value);
    }
    state.write_u64(u64::MAX);
}

impl Asking<'_> {
    /// What purges go by: `host/path?query`, the host in lower case and without a default port, the query as it belongs to
    /// the key. No scheme: a purge is for both. With `any_host` the host is `*`.
    pub fn url(&self) -> Box<str> {
        let target = &self.head.target;
        url(self.settings, self.scheme, self.head.authority.as_ref(), target.path(), target.query())
    }
}

/// As [`Asking::url`] writes it.
pub(crate) fn url(
    settings: &KeySettings,
    scheme: Scheme,
    authority: Option<&Authority>,
    path: &str,
    query: Option<&str>,
) -> Box<str> {
    let mut url = String::with_capacity(64 + path.len() + query.map_or(0, str::len));
    if settings.any_host {
        url.push('*');
    } else if let Some(authority) = authority {
        url.push_str(authority.host());
        if let Some(port) = other_port(authority, scheme) {
            url.push(':');
            url.push_str(&port.to_string());
        }
    }
    url.push_str(path);
    let mut before = '?';
    query::parameters(&settings.query, query, |parameter| {
        url.push(std::mem::replace(&mut before, '&'));
        url.push_str(parameter);
    });
    url.into()
}

#[cfg(test)]
mod tests;
