//! May an answer be kept, and for how long (RFC 9111 section 3)?
//!
//! *Promise*: what says `no-store` or `private` is not kept unless the operator forces it; cookies that are set, parts, and answers to
//! callers who are known without the origin's word that all may have them, never are.
//! *Cost*: once a fetch, a few passes over the fields.

use crate::lifetime::{self, Terms};
use crate::policy::{Policy, Span};
use crate::{Asked, Freshness, Reason, Settings, Vary, dates, etag::Etag, kept, tags};
use message::{Fields, Method, Name, ResponseHead, StatusCode};

/// An answer that could be kept.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// What the route wants.
    pub settings: &'a Settings,
    /// GET or HEAD.
    pub method: &'a Method,
    /// What the request asked of the cache.
    pub asked: &'a Asked,
    /// The answer's head, as the origin has sent it.
    pub head: &'a ResponseHead,
    /// Its length, where it is known before its end.
    pub length: Option<u64>,
    /// When the request was sent, in milliseconds since 1970.
    pub requested: u64,
    /// When the head came.
    pub received: u64,
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The fields that are kept.
    pub fields: Fields,
    /// How long it may be used.
    pub freshness: Freshness,
    /// By which fields of the request it was chosen.
    pub vary: Option<Vary>,
    /// The tags that the origin gives it (`Surrogate-Key`, split at spaces; `Cache-Tag`, split at commas), sorted, none twice,
    /// bounded. Those of the route come in [`crate::Template`].
    pub tags: Vec<Box<str>>,
}

/// May it be kept? An answer to HEAD has no body to keep: see [`crate::refresh`] for what it is good for.
///
/// What is stale as it comes is kept where the origin can be asked about it or it may be served stale: one who waits for it must
/// judge it too.
pub fn admit(offer: &Offer<'_>) -> Result<Admitted, Reason> {
    if *offer.method != Method::GET {
        return Err(Reason::Method);
    }
    decide(offer)
}

/// The same, for whatever method.
pub(crate) fn decide(offer: &Offer<'_>) -> Result<Admitted, Reason> {
    let fields = &offer.head.fields;
    if let Some(reason) = offer.asked.bypass {
        return Err(reason);
    }
    if offer.asked.no_store {
        return Err(Reason::RequestNoStore);
    }
    let policy = Policy::of(fields, offer.settings);
    let is_forced = lifetime::forced(offer.settings, offer.head.status).is_some();
    check_status(offer, &policy, is_forced)?;
    check_origin(offer.head.status, &policy, is_forced)?;
    check_caller(offer, &policy, is_forced)?;
    if is_contradictory(fields) {
        return Err(Reason::Malformed);
    }
    let vary = Vary::of(fields)?;
    let tags = tags::of_origin(fields).ok_or(Reason::TooLarge)?;
    if offer.length.is_some_and(|length| length > offer.settings.max_object) {
        return Err(Reason::TooLarge);
    }
    let terms = lifetime::terms(offer, &policy);
    let fields = kept::kept(offer, &policy);
    check_use(&fields, &terms)?;
    Ok(Admitted { fields, freshness: terms.freshness, vary, tags })
}

/// Is the status final, and one that is kept?
fn check_status(offer: &Offer<'_>, policy: &Policy, is_forced: bool) -> Result<(), Reason> {
    let status = offer.head.status;
    match status.as_u16() {
        206 => return Err(Reason::Partial),
        // Interim answers; answers to conditions and ranges, which are no part of a key; and 428, 429, 431, 511, which must not be
        // stored (RFC 6585 sections 3 to 6).
        100..=199 | 304 | 412 | 416 | 428 | 429 | 431 | 511 => return Err(Reason::Status),
        _ => {}
    }
    // RFC 9111 section 3: something must say that it may be kept.
    let is_kept = is_forced
        || policy.public
        || lifetime::is_cacheable_by_default(status)
        || lifetime::is_listed(offer.settings, status)
        || lifetime::is_explicit(offer, policy);
    if is_kept { Ok(()) } else { Err(Reason::Status) }
}

/// Does the origin allow a shared cache to keep it?
fn check_origin(status: StatusCode, policy: &Policy, is_forced: bool) -> Result<(), Reason> {
    if is_forced {
        return Ok(());
    }
    // Section 5.2.2.3: where we understand the status, `must-understand` lifts the `no-store` that stands beside it for caches that
    // know nothing of it.
    if policy.must_understand {
        if !is_understood(status) {
            return Err(Reason::Status);
        }
    } else if policy.no_store {
        return Err(Reason::NoStore);
    }
    if policy.private { Err(Reason::Private) } else { Ok(()) }
}

/// May others have what this caller gets?
fn check_caller(offer: &Offer<'_>, policy: &Policy, is_forced: bool) -> Result<(), Reason> {
    // Where the origin withholds the cookies, the rest may be kept (section 5.2.2.4).
    if offer.head.fields.has(Name::SetCookie) && !policy.withheld.iter().any(|name| **name == *b"set-cookie")
    {
        return Err(Reason::SetCookie);
    }
    if offer.settings.per_consumer {
        return Ok(());
    }
    let is_for_all = policy.public || matches!(policy.s_maxage, Span::Of(_));
    // Section 3.5. Forcing changes nothing here: whoever forces wants what is private to all, not to one of them.
    if offer.asked.is_identified && !is_for_all && !policy.must_revalidate {
        return Err(Reason::Authorization);
    }
    if offer.asked.has_cookies && !is_for_all && !policy.is_targeted && !is_forced {
        return Err(Reason::Cookies);
    }
    Ok(())
}

/// Will it ever be of use: fresh, something to ask the origin about, or good enough while a new one is fetched?
fn check_use(kept: &Fields, terms: &Terms) -> Result<(), Reason> {
    let Freshness { received, age, lifetime, no_cache, stale_while_revalidate, stale_if_error, .. } =
        terms.freshness;
    if has_validator(kept, received) {
        return Ok(());
    }
    if no_cache {
        return Err(Reason::NoCache);
    }
    if !terms.is_known {
        return Err(Reason::NoFreshness);
    }
    let is_of_use = lifetime > age || stale_while_revalidate > 0 || stale_if_error > 0;
    if is_of_use { Ok(()) } else { Err(Reason::StaleAtOnce) }
}

/// Can the origin be asked whether it is still good (section 4.3.1)?
fn has_validator(fields: &Fields, received: u64) -> bool {
    let now = i64::try_from(received / 1000).unwrap_or(i64::MAX);
    Etag::of(fields).is_some() || dates::Stamp::of(fields, Name::LastModified, now).at().is_some()
}

/// Do several lines differ of a field that says one thing? Two readers would take it for two answers.
fn is_contradictory(fields: &Fields) -> bool {
    [Name::Etag, Name::ContentType, Name::Location].into_iter().any(|name| {
        let mut lines = fields.all(name);
        lines.next().is_some_and(|first| lines.any(|line| line != first))
    })
}

/// Do we know all that RFC 9110 section 15 says of keeping that status? Those that [`check_status`] refuses are not asked about.
fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 305 | 307 | 308 | 400..=411 | 413..=415 | 417 | 421 | 422 | 426 | 500..=505
    )
}

#[cfg(test)]
mod tests;
