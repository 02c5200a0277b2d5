//! What is to be purged, as people write it: URLs, and how URLs begin. Made into what the cache's ledger goes by.
//!
//! *Promise*: what is written here and what a request for the same URL is kept under are one text: the same normalised path, the
//! same parameters of the query, the same host. Any text gives that or a sentence that says what is wrong with it.
//! *Not here*: the method `PURGE` (`stage/purge.rs`), carrying a purge out. *Cost*: none on the road.

use crate::site::Site;
use crate::stage::purge;
use cache::{Asking, KeySettings, QueryRule, What};
use message::{Authority, Fields, Method, RequestHead, Scheme, Target, Version};

/// Bytes of a URL at most: twice what a request may have by default, and little enough for a message between nodes.
const LONGEST: usize = 16 << 10;

/// One URL, in all its variants: `https://host/path?query`, `//host/path` or `host/path`. It is looked up as a GET without
/// headers, since routes differ in what of a URL belongs to their keys. The error says in words what is wrong with the text.
pub fn purge_url(site: &Site, text: &str, merge_slashes: bool) -> Result<What, String> {
    let (scheme, head) = read(text, merge_slashes)?;
    Ok(What::Url(purge::url(site, scheme, &head)))
}

/// All URLs that begin so, written like one, without a query; a `*` at the end changes nothing. Two things where there are
/// routes whose hosts share responses: these are kept under no host.
pub fn purge_prefix(site: &Site, text: &str, merge_slashes: bool) -> Result<Vec<What>, String> {
    let text = text.trim();
    let (scheme, head) = read(text.strip_suffix('*').unwrap_or(text), merge_slashes)?;
    if head.target.query().is_some() {
        return Err(format!("{}: a prefix is part of a host and path, without a query", quoted(text)));
    }
    Ok(beginnings(site, scheme, &head))
}

/// All URLs that begin as that one does.
pub(crate) fn beginnings(site: &Site, scheme: Scheme, head: &RequestHead) -> Vec<What> {
    let begun = |any_host| {
        let settings = KeySettings { query: QueryRule::None, any_host, ..KeySettings::default() };
        What::Prefix(Asking { settings: &settings, scheme, head, consumer: None }.url())
    };
    let mut all = vec![begun(false)];
    let caching = site.plan.routes.iter().filter_map(|route| route.cache.as_ref());
    if caching.into_iter().any(|caching| caching.settings.key.any_host) {
        all.push(begun(true));
    }
    all.dedup();
    all
}

/// The request that one would send for it.
fn read(text: &str, merge_slashes: bool) -> Result<(Scheme, RequestHead), String> {
    let text = text.trim();
    let bad = |why: &dyn std::fmt::Display| format!("{}: {why}", quoted(text));
    if text.len() > LONGEST {
        return Err(bad(&format_args!("a URL to purge has at most {LONGEST} bytes; purge by tag")));
    }
    let (scheme, rest) = scheme(text).map_err(|why| bad(&why))?;
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if host.is_empty() {
        return Err(bad(&"no host; write `https://host/path` or `host/path`"));
    }
    let authority = Authority::parse(host.as_bytes()).map_err(|why| bad(&why))?;
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let target = Target::parse(target.as_bytes(), merge_slashes).map_err(|why| bad(&why))?;
    // Where nobody says, the port does.
    let by_port = || if authority.port() == Some(443) { Scheme::Https } else { Scheme::Http };
    let scheme = scheme.unwrap_or_else(by_port);
    let head = RequestHead {
        method: Method::GET,
        target,
        authority: Some(authority),
        version: Version::HTTP_11,
        fields: Fields::new(),
        upgrade: None,
    };
    Ok((scheme, head))
}

/// The scheme, where there is one, and what stands behind it.
fn scheme(text: &str) -> Result<(Option<Scheme>, &str), String> {
    // A URL may have another one in its query.
    let split = text.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?']));
    match split {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Ok((Some(Scheme::Http), rest)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => Ok((Some(Scheme::Https), rest)),
        Some(_) => Err("what is kept is kept for http and https".to_owned()),
        None => Ok((None, text.strip_prefix("//").unwrap_or(text))),
    }
}

/// What was typed, in a bounded length.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 200;
    let shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() { format!("`{shown}...`") } else { format!("`{shown}`") }
}

#[cfg(test)]
mod tests;
