//! What a request asks of a cache (RFC 9111 section 5.2.1).

use crate::{Reason, Settings};
use message::RequestHead;

/// What a request asks of a cache. Seconds are capped at 2^31 (RFC 9111 section 1.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// It does not ask the cache at all, and its answer is not kept.
    pub bypass: Option<Reason>,
    /// Nothing without a word of the origin (`no-cache`, or `Pragma: no-cache` without `Cache-Control`).
    pub no_cache: bool,
    /// Its answer is not to be kept.
    pub no_store: bool,
    /// Nothing older than that, in seconds.
    pub max_age: Option<u32>,
    /// Nothing that is fresh for less than that, in seconds.
    pub min_fresh: Option<u32>,
    /// It takes what is stale, for that many seconds at most; `u32::MAX`: however stale.
    pub max_stale: Option<u32>,
    /// It takes only what is there: else 504.
    pub only_if_cached: bool,
    /// It is a HEAD.
    pub is_head: bool,
    /// It has `If-None-Match` or `If-Modified-Since`.
    pub is_conditional: bool,
    /// It has a `Range` that counts (a GET, in bytes).
    pub has_range: bool,
    /// It has `Authorization`, or its caller was identified in another way.
    pub is_identified: bool,
    /// It has cookies.
    pub has_cookies: bool,
}

impl Asked {
    /// Reads it. `is_identified`: a caller is known by other means than `Authorization`.
    pub fn read(head: &RequestHead, has_body: bool, settings: &Settings, is_identified: bool) -> Self {
        todo!()
    }
}
