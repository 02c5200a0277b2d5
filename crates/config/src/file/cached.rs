//! `cache` of a route: which of its responses are kept, for how long, for whom.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{
    ByteSize, CacheTime, CacheableStatus, CookieName, HeaderName, QueryPattern, TagText, own,
};

/// Keeps responses of the service and answers with them (RFC 9111). `{}` keeps what the service allows in its headers. A bare
/// duration stands for `ttl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "ttl", "x-elsewhere" = {
    "memory": "all routes share it: write it in `cache` at the top of the file",
    "disk": "all routes share it: write it in `cache` at the top of the file",
    "purge_from": "all routes share it: write it in `cache` at the top of the file",
    "name": "all routes share it: write it in `cache` at the top of the file",
    "grace": "write `stale_while_revalidate`, and `stale_if_error` for when the service fails",
    "keep": "write `stale_if_error`",
    "vary": "write `key: { headers: [...] }`; what the service names in `Vary` counts anyway",
    "methods": "answers to GET are kept, and answer HEAD too; no others are",
}))]
pub struct Cache {
    /// How long a response may be used whose headers do not say.
    pub ttl: Option<CacheTime>,
    /// `ttl` goes before what the headers say, `no-store` and `private` included: only for services that are wrong about it.
    pub force: bool,
    /// How long after that it may still be used while a new one is fetched, where the headers do not say (RFC 5861).
    pub stale_while_revalidate: Option<CacheTime>,
    /// How long after that it may still be used while the service fails, where the headers do not say (RFC 5861).
    pub stale_if_error: Option<CacheTime>,
    /// `ttl` of single statuses, where the headers do not say: `{ 404: 10s, 410: 1m }`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("x-keys" = "cacheable status"))]
    pub statuses: BTreeMap<CacheableStatus, CacheTime>,
    /// The largest body that is kept.
    #[schemars(extend("x-min" = 1, "x-default" = "`max_object` of `cache.disk`; without a disk `8MiB`, at most an eighth of the memory"))]
    pub max_object: Option<ByteSize>,
    /// How long it is remembered that a response could not be kept. Requests for it do not wait for each other meanwhile.
    #[schemars(extend("x-min" = 1_000, "x-max" = 3_600_000))]
    pub uncacheable: CacheTime,
    /// Names by which responses are purged, beside those that the service gives. `{id}` stands for a parameter of the path,
    /// `{query.NAME}` for one of the query, `{header.NAME}` for a header of the request; where there is none, so is the tag.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-one-or-list" = true))]
    pub tags: Vec<TagText>,
    /// By what responses are told apart.
    pub key: CacheKey,
    /// Each caller has responses of its own, so that they are kept without the service's word that all may have them. Callers are
    /// told apart by `auth` of the route, or else by their `Authorization`.
    pub per_consumer: bool,
    /// Clients may ask for something newer with `Cache-Control` and `Pragma`.
    pub client_control: bool,
    /// Headers of the response that go before its `Cache-Control`, the first that is there (RFC 9213).
    #[schemars(length(max = 8), extend("x-one-or-list" = true))]
    pub targeted: Vec<HeaderName>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            ttl: None,
            force: false,
            stale_while_revalidate: None,
            stale_if_error: None,
            statuses: BTreeMap::new(),
            max_object: None,
            uncacheable: CacheTime::seconds(120),
            tags: Vec::new(),
            key: CacheKey::default(),
            per_consumer: false,
            client_control: true,
            targeted: vec![own("tidegate-cache-control"), own("cdn-cache-control")],
        }
    }
}

impl Cache {
    /// The largest body that is kept, in bytes, beside what all routes share.
    pub fn max_object(&self, shared: &super::SharedCache) -> u64 {
        match (self.max_object, &shared.disk) {
            (Some(most), _) => most.get(),
            (None, Some(disk)) => disk.max_object(),
            (None, None) => Self::MAX_OBJECT.min(shared.memory.get() / Self::SHARE),
        }
    }

    /// The largest body that is kept without a disk, where the file does not say.
    pub(crate) const MAX_OBJECT: u64 = 8 << 20;
    /// The part of the memory, one of so many, in which any response finds room: the memory is divided, and its parts are filled
    /// one by one.
    pub(crate) const SHARE: u64 = 8;
}

/// By what responses are told apart, beside scheme, host and path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheKey {
    /// What of the query: `all`, `none`, `exact` (as it was sent, not sorted), a list of parameters, or
    /// `{ except: [utm_*] }`.
    pub query: CacheQuery,
    /// Headers of the request, beside those that the response names in `Vary`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-one-or-list" = true))]
    pub headers: Vec<HeaderName>,
    /// Cookies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-one-or-list" = true))]
    pub cookies: Vec<CookieName>,
    /// All hosts of the route share responses.
    pub any_host: bool,
}

/// What of the query tells responses apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "TypedQuery", into = "TypedQuery")]
pub enum CacheQuery {
    /// All parameters, sorted by name.
    #[default]
    All,
    /// All of it, as it was sent.
    Exact,
    /// Nothing.
    None,
    /// These parameters.
    Only(Vec<QueryPattern>),
    /// All but these.
    Except(Vec<QueryPattern>),
}

/// What of the query tells responses apart: exactly one of `keep`, `only` and `except`. A bare word stands for `keep`, a list
/// for `only`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "CacheQuery", extend("x-shorthand" = "keep", "x-list" = "only", "x-one-of" = ["keep", "only", "except"]))]
struct TypedQuery {
    /// How much of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    keep: Option<Keep>,
    /// These parameters; `utm_*` is all that begin so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64), extend("x-one-or-list" = true))]
    only: Vec<QueryPattern>,
    /// All parameters but these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64), extend("x-one-or-list" = true))]
    except: Vec<QueryPattern>,
}

/// How much of the query tells responses apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CacheQueryKeep")]
enum Keep {
    /// All parameters, sorted by name.
    All,
    /// All of it, as it was sent.
    Exact,
    /// Nothing.
    None,
}

impl TryFrom<TypedQuery> for CacheQuery {
    type Error = &'static str;

    fn try_from(typed: TypedQuery) -> Result<Self, Self::Error> {
        match (typed.keep, typed.only.is_empty(), typed.except.is_empty()) {
            (Some(Keep::All), true, true) => Ok(Self::All),
            (Some(Keep::Exact), true, true) => Ok(Self::Exact),
            (Some(Keep::None), true, true) => Ok(Self::None),
            (None, false, true) => Ok(Self::Only(typed.only)),
            (None, true, false) => Ok(Self::Except(typed.except)),
            _ => Err("exactly one of `keep`, `only`, `except`"),
        }
    }
}

impl From<CacheQuery> for TypedQuery {
    fn from(query: CacheQuery) -> Self {
        let keep = |keep| Self { keep: Some(keep), ..Self::default() };
        match query {
            CacheQuery::All => keep(Keep::All),
            CacheQuery::Exact => keep(Keep::Exact),
            CacheQuery::None => keep(Keep::None),
            CacheQuery::Only(only) => Self { only, ..Self::default() },
            CacheQuery::Except(except) => Self { except, ..Self::default() },
        }
    }
}
