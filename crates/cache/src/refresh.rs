//! Asking the origin whether a response is still good, and what a 304 changes (RFC 9111 sections 3.2, 4.3.1, 4.3.4, 4.3.5).
//!
//! *Promise*: a body never gets the fields of another one: an answer whose validators do not agree with it changes nothing.

use crate::admit::decide;
use crate::dates::Stamp;
use crate::etag::Etag;
use crate::{Entry, Offer, Reason, Vary, tags};
use message::{Fields, Name, ResponseHead};
use std::sync::atomic::{AtomicU64, Ordering};

/// Puts conditions into a request by which the origin can say that the response is still good. False where it has nothing to
/// go by. What conditions the client sent has been taken out before.
pub fn revalidate(entry: &Entry, request: &mut Fields) -> bool {
    let etag = Etag::of(&entry.fields).and_then(|_| entry.fields.get(Name::Etag));
    // Section 4.3.1: both, so that an origin which knows only dates can answer too. Each as it came: some origins compare texts.
    let now = i64::try_from(entry.freshness.received / 1000).unwrap_or(i64::MAX);
    let is_date = Stamp::of(&entry.fields, Name::LastModified, now).at().is_some();
    let modified = entry.fields.get(Name::LastModified).filter(|_| is_date);
    if let Some(etag) = etag {
        request.set(Name::IfNoneMatch, etag);
    }
    if let Some(modified) = modified {
        request.set(Name::IfModifiedSince, modified);
    }
    etag.is_some() || modified.is_some()
}

/// The response as a 304 makes it: the same body, its fields updated, its freshness anew. `offer.head` is the 304, or the 200 of a
/// HEAD to which [`head_agrees`] says yes.
///
/// `Err`: it may not be kept any longer, though it may be used this once. Two reasons concern only the caller who asked
/// ([`Reason::Authorization`], [`Reason::Cookies`]): then the old one may stay as it is.
///
/// It has the number of purges of the old one: the caller stores the one that was the latest when the question was sent.
pub fn refresh(entry: &Entry, offer: &Offer<'_>) -> Result<Entry, Reason> {
    let news = &offer.head.fields;
    if !is_of(entry, news) {
        return Err(Reason::Malformed);
    }
    let head = ResponseHead { status: entry.status, fields: updated(&entry.fields, news) };
    let admitted = decide(&Offer { head: &head, length: None, ..*offer })?;
    if !names_no_more(admitted.vary.as_ref(), entry.vary.as_ref()) {
        return Err(Reason::VaryAll);
    }
    Ok(Entry {
        status: entry.status,
        tags: retagged(entry, news, admitted.tags),
        fields: admitted.fields,
        content: entry.content.clone(),
        freshness: admitted.freshness,
        vary: entry.vary.clone(),
        url: entry.url.clone(),
        purge: AtomicU64::new(entry.purge.load(Ordering::Relaxed)),
    })
}

/// Does the 200 of a HEAD speak of the very response that is kept (section 4.3.5)? Then it may be updated with [`refresh`]; else it
/// is stale. `length`: what the HEAD says of the body's length.
pub fn head_agrees(entry: &Entry, head: &ResponseHead, length: Option<u64>) -> bool {
    let is_same = |name| head.fields.get(name).is_none_or(|value| entry.fields.get(name) == Some(value));
    head.status == entry.status
        && is_same(Name::Etag)
        && is_same(Name::LastModified)
        && length.is_none_or(|length| entry.length().is_none_or(|own| own == length))
}

/// Do the validators of an answer belong to this response (section 4.3.4)? Without any, it answers the question about this one.
fn is_of(entry: &Entry, news: &Fields) -> bool {
    let own = Etag::of(&entry.fields);
    match (Etag::of(news), own) {
        (None, _) => true,
        (Some(new), Some(own)) if new.is_strong() => new.is(own),
        (Some(new), Some(own)) => new.is_like(own),
        // A weak tag that was not there before: the date may tell.
        (Some(new), None) => {
            let modified = news.get(Name::LastModified);
            !new.is_strong() && modified.is_some() && modified == entry.fields.get(Name::LastModified)
        }
    }
}

/// Section 3.2: each field of the news goes before those of its name that are kept, but for those that belong to the body.
fn updated(kept: &Fields, news: &Fields) -> Fields {
    let mut fields = kept.clone();
    // Without a date the news are of the moment in which they came (RFC 9110 section 6.6.1).
    fields.remove(Name::Date);
    let counts = |name: Name| {
        !matches!(
            name,
            Name::ContentLength | Name::ContentEncoding | Name::ContentRange | Name::TransferEncoding
        )
    };
    for (known, name, _) in news.iter().filter(|(known, ..)| counts(*known)) {
        if known == Name::Other {
            fields.remove_named(name);
        } else {
            fields.remove(known);
        }
    }
    for (_, name, value) in news.iter().filter(|(known, ..)| counts(*known)) {
        fields.push_checked(name, value);
    }
    fields
}

/// Does the response vary by nothing but what it was kept under?
fn names_no_more(new: Option<&Vary>, old: Option<&Vary>) -> bool {
    let known = |name| old.is_some_and(|old| old.0.contains(name));
    new.is_none_or(|new| new.0.iter().all(known))
}

/// Its tags: where the news have some, those of the origin are exchanged, and those of the route stay.
fn retagged(entry: &Entry, news: &Fields, origins: Vec<Box<str>>) -> Box<[Box<str>]> {
    if !news.has(Name::SurrogateKey) && !news.has(Name::CacheTag) {
        return entry.tags.clone();
    }
    let before = tags::of_origin(&entry.fields).unwrap_or_default();
    let mut all = origins;
    all.extend(entry.tags.iter().filter(|tag| before.binary_search(tag).is_err()).cloned());
    all.sort_unstable();
    all.dedup();
    all.into()
}

#[cfg(test)]
mod tests;
