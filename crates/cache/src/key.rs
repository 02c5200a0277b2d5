//! Which response would serve a request (RFC 9111 section 2).

use crate::KeySettings;
use message::{RequestHead, Scheme};

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
        todo!()
    }

    /// The key of a variant: with the values that the request has for the fields which `Vary` names.
    pub fn variant(&self, key: Key, vary: &crate::Vary, head: &RequestHead) -> Key {
        todo!()
    }
}

impl Asking<'_> {
    /// What purges go by: `host/path?query`, the host in lower case and without a default port, the query as it belongs to
    /// the key. No scheme: a purge is for both. With `any_host` the host is `*`.
    pub fn url(&self) -> Box<str> {
        todo!()
    }
}
