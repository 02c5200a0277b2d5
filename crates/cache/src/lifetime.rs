//! How long an answer is fresh, and how old it is as it comes (RFC 9111 sections 4.2.1 to 4.2.3).
//!
//! In order: what the operator forces, `s-maxage`, `max-age`, `Expires`, the operator's `statuses` and `ttl`, a guess. What is said
//! but cannot be read makes an answer stale (section 4.2.1).
//!
//! *Promise*: an answer is never taken for younger than the origin, the clocks and the time on the way allow; no sum overflows.
//! *Not here*: whether it may be kept at all (`admit`).

use crate::dates::{self, LONGEST, Stamp};
use crate::policy::Policy;
use crate::{Freshness, Offer, Settings};
use message::{Name, StatusCode};
use std::time::Duration;

/// A guess is no longer than a day, as RFC 9111 section 4.2.2 would have it where older caches had to warn.
const LONGEST_GUESS: i64 = 86_400;

/// How long an answer may be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// In numbers.
    pub(crate) freshness: Freshness,
    /// Somebody has said how long it is fresh, or it could be guessed. Else it is stale as it comes.
    pub(crate) is_known: bool,
}

/// How long an answer of that policy may be used.
pub(crate) fn terms(offer: &Offer<'_>, policy: &Policy) -> Terms {
    let age = initial_age(offer);
    let base = Freshness { received: offer.received, age, ..Freshness::default() };
    let settings = offer.settings;
    if let Some(ttl) = forced(settings, offer.head.status) {
        let freshness = Freshness {
            lifetime: from_now(age, ttl),
            stale_while_revalidate: settings.stale_while_revalidate.map_or(0, whole_seconds),
            stale_if_error: settings.stale_if_error.map_or(0, whole_seconds),
            ..base
        };
        return Terms { freshness, is_known: true };
    }
    let (lifetime, is_heuristic) = match explicit(offer, policy).or_else(|| operators(offer, policy, age)) {
        Some(lifetime) => (Some(lifetime), false),
        None => (guessed(offer, policy), true),
    };
    // Section 5.2.2.10: for a shared cache `s-maxage` says what `proxy-revalidate` does.
    let must_revalidate = policy.must_revalidate || policy.proxy_revalidate || policy.s_maxage.is_said();
    let may_be_stale = lifetime.is_some() && !must_revalidate && !policy.no_cache;
    let grace = |said: Option<u32>, wanted: Option<Duration>| {
        if may_be_stale { said.or(wanted.map(whole_seconds)).unwrap_or(0) } else { 0 }
    };
    let freshness = Freshness {
        lifetime: lifetime.unwrap_or(0),
        stale_while_revalidate: grace(
            policy.stale_while_revalidate.seconds(),
            settings.stale_while_revalidate,
        ),
        stale_if_error: grace(policy.stale_if_error.seconds(), settings.stale_if_error),
        no_cache: policy.no_cache,
        must_revalidate,
        is_heuristic: is_heuristic && lifetime.is_some(),
        ..base
    };
    Terms { freshness, is_known: lifetime.is_some() }
}

/// The `ttl` that goes before what the origin says.
pub(crate) fn forced(settings: &Settings, status: StatusCode) -> Option<Duration> {
    if settings.force { of_status(settings, status, is_cacheable_by_default(status)) } else { None }
}

/// Does the origin say how long it is fresh, readable or not (section 3)?
pub(crate) fn is_explicit(offer: &Offer<'_>, policy: &Policy) -> bool {
    explicit(offer, policy).is_some()
}

/// Does the operator say how long answers of that status are fresh?
pub(crate) fn is_listed(settings: &Settings, status: StatusCode) -> bool {
    settings.statuses.iter().any(|(of, _)| *of == status)
}

/// Statuses that are kept without explicit freshness (RFC 9110 section 15.1). Of 206 only parts could be kept, and are not.
pub(crate) fn is_cacheable_by_default(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Section 4.2.3: the corrected initial age, in seconds.
fn initial_age(offer: &Offer<'_>) -> u32 {
    let apparent = seconds(offer.received).saturating_sub(date(offer)).max(0);
    let delay = offer.received.saturating_sub(offer.requested) / 1000;
    let corrected = u64::from(dates::age(&offer.head.fields)).saturating_add(delay);
    capped(apparent.max(i64::try_from(corrected).unwrap_or(i64::MAX)))
}

/// When it was made, in seconds since 1970. What has no date that can be read was made when it came (RFC 9110 section 6.6.1).
fn date(offer: &Offer<'_>) -> i64 {
    let now = seconds(offer.received);
    Stamp::of(&offer.head.fields, Name::Date, now).at().unwrap_or(now)
}

/// Section 4.2.1: what the origin says.
fn explicit(offer: &Offer<'_>, policy: &Policy) -> Option<u32> {
    policy.s_maxage.seconds().or(policy.max_age.seconds()).or_else(|| {
        // RFC 9213 section 2.2: a targeted field stands for `Expires` too.
        if policy.is_targeted {
            return None;
        }
        match Stamp::of(&offer.head.fields, Name::Expires, seconds(offer.received)) {
            Stamp::Absent => None,
            // Section 5.3: what is no date, `0` above all, lies in the past.
            Stamp::Invalid => Some(0),
            Stamp::At(expires) => Some(capped(expires.saturating_sub(date(offer)))),
        }
    })
}

/// What the operator says, from the moment when the answer came.
fn operators(offer: &Offer<'_>, policy: &Policy, age: u32) -> Option<u32> {
    let status = offer.head.status;
    of_status(offer.settings, status, is_cacheable_by_default(status) || policy.public)
        .map(|ttl| from_now(age, ttl))
}

fn of_status(settings: &Settings, status: StatusCode, takes_ttl: bool) -> Option<Duration> {
    let listed = settings.statuses.iter().find(|(of, _)| *of == status).map(|(_, ttl)| *ttl);
    listed.or(settings.ttl.filter(|_| takes_ttl))
}

/// Section 4.2.2: a tenth of the time for which it had not changed when it was made, where the status or `public` allows a guess.
fn guessed(offer: &Offer<'_>, policy: &Policy) -> Option<u32> {
    if !is_cacheable_by_default(offer.head.status) && !policy.public {
        return None;
    }
    let modified = Stamp::of(&offer.head.fields, Name::LastModified, seconds(offer.received)).at()?;
    let unchanged = date(offer).saturating_sub(modified);
    (unchanged > 0).then(|| capped((unchanged / 10).min(LONGEST_GUESS)))
}

/// The lifetime of what is that old and stays fresh so long from now on.
fn from_now(age: u32, ttl: Duration) -> u32 {
    age.saturating_add(whole_seconds(ttl)).min(LONGEST)
}

fn whole_seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(LONGEST).min(LONGEST)
}

fn capped(seconds: i64) -> u32 {
    u32::try_from(seconds.clamp(0, i64::from(LONGEST))).unwrap_or(LONGEST)
}

fn seconds(millis: u64) -> i64 {
    i64::try_from(millis / 1000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
