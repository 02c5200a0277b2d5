//! Why a response came from the cache or did not, and why it was kept or was not: a closed list, for metrics, for
//! `Cache-Status` and for whoever asks.

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    // --- why a request does not ask the cache at all (RFC 9211 `fwd=method`, `fwd=bypass`, `fwd=request`)
    /// The method is not GET or HEAD.
    Method,
    /// It wants to switch to another protocol.
    Upgrade,
    /// It has a body.
    RequestBody,
    /// The client sent `no-store`.
    RequestNoStore,
    /// The client's conditions need the origin: `If-Match`, `If-Unmodified-Since`.
    RequestConditions,
    // --- why what was found was not used (RFC 9211 `fwd=uri-miss`, `vary-miss`, `stale`, `request`)
    /// Nothing was found.
    Miss,
    /// There is something for this URI, but in no variant that fits.
    VaryMiss,
    /// It was stale.
    Stale,
    /// The origin wants to be asked each time (`no-cache`).
    NoCache,
    /// The client wants something newer (`no-cache`, `max-age`, `min-fresh`).
    RequestWantsNewer,
    /// It was purged, softly.
    Purged,
    /// The last answer could not be kept, so nobody waits for this one.
    Uncacheable,
    /// Others were waiting too long for the same.
    WaitedTooLong,
    /// The client wants nothing but what is there (`only-if-cached`).
    OnlyIfCached,
    // --- why an answer is not kept
    /// The status is not one that is kept, by itself or without explicit freshness.
    Status,
    /// 206: a part.
    Partial,
    /// The origin says `no-store`.
    NoStore,
    /// The origin says `private`.
    Private,
    /// The request had `Authorization`, or the caller was identified, and the origin does not say that all may have it.
    Authorization,
    /// The request had cookies, and the origin does not say that all may have it.
    Cookies,
    /// The answer sets cookies.
    SetCookie,
    /// `Vary: *`, or more of it than is kept.
    VaryAll,
    /// It says nothing about how long it is fresh, and nothing could be guessed.
    NoFreshness,
    /// It is stale as it comes, and has nothing by which the origin could be asked about it.
    StaleAtOnce,
    /// It is larger than what is kept.
    TooLarge,
    /// It ended before its end, or in a way that cannot be trusted.
    Incomplete,
    /// The answer has no date that can be read, or other fields that contradict each other.
    Malformed,
    /// It failed.
    Failed,
}

impl Reason {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Method,
        Self::Upgrade,
        Self::RequestBody,
        Self::RequestNoStore,
        Self::RequestConditions,
        Self::Miss,
        Self::VaryMiss,
        Self::Stale,
        Self::NoCache,
        Self::RequestWantsNewer,
        Self::Purged,
        Self::Uncacheable,
        Self::WaitedTooLong,
        Self::OnlyIfCached,
        Self::Status,
        Self::Partial,
        Self::NoStore,
        Self::Private,
        Self::Authorization,
        Self::Cookies,
        Self::SetCookie,
        Self::VaryAll,
        Self::NoFreshness,
        Self::StaleAtOnce,
        Self::TooLarge,
        Self::Incomplete,
        Self::Malformed,
        Self::Failed,
    ];

    /// The word for it in metrics, logs and `Cache-Status`'s `detail`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Upgrade => "upgrade",
            Self::RequestBody => "request_body",
            Self::RequestNoStore => "request_no_store",
            Self::RequestConditions => "request_conditions",
            Self::Miss => "miss",
            Self::VaryMiss => "vary_miss",
            Self::Stale => "stale",
            Self::NoCache => "no_cache",
            Self::RequestWantsNewer => "request_wants_newer",
            Self::Purged => "purged",
            Self::Uncacheable => "uncacheable",
            Self::WaitedTooLong => "waited_too_long",
            Self::OnlyIfCached => "only_if_cached",
            Self::Status => "status",
            Self::Partial => "partial",
            Self::NoStore => "no_store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::Cookies => "cookies",
            Self::SetCookie => "set_cookie",
            Self::VaryAll => "vary_all",
            Self::NoFreshness => "no_freshness",
            Self::StaleAtOnce => "stale_at_once",
            Self::TooLarge => "too_large",
            Self::Incomplete => "incomplete",
            Self::Malformed => "malformed",
            Self::Failed => "failed",
        }
    }
}
