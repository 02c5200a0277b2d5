//! A response's head as it lies on disk, in front of its body.
//!
//! Four bytes of magic with the version, eight of a checksum (of `SipHash`, without a secret: against rot, not against enemies) of all that follows.
//! Then numbers with a fixed width, least significant byte first, and texts and lists with their length in front.
//!
//! *Promise*: what [`save`] writes, [`load`] reads as it was; whatever else `load` gets, it returns an error, takes memory in
//! proportion to what it was given, and lets nothing through that could not have come from the wire.
//! *Not here*: the body, and files (`disk`).

mod bytes;

use crate::{Content, Entry, Freshness, Vary};
use bytes::{Reader, put_list, put_text};
use message::{Fields, Name, StatusCode};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use std::sync::atomic::{AtomicU64, Ordering};

/// The last byte is the version: another one is not read.
const MAGIC: [u8; 4] = *b"TGC\x01";
const CHECKSUM: usize = 8;
/// Seconds are capped there (RFC 9111 section 1.2.2).
const MOST_SECONDS: u32 = 1 << 31;
/// Names in `Vary` that are kept: see [`Vary::of`].
const MOST_VARY: usize = 32;

const NO_CACHE: u8 = 1;
const MUST_REVALIDATE: u8 = 2;
const HEURISTIC: u8 = 4;
const VARIES: u8 = 8;

/// Why it cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a damaged head: {0}")]
pub struct Damaged(pub &'static str);

/// Writes all of it but the body. Begins with a version.
pub fn save(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + entry.url.len() + entry.fields.bytes() + 8 * entry.fields.len());
    out.extend(MAGIC);
    out.extend([0; CHECKSUM]);
    put(entry, &mut out);
    let (head, rest) = out.split_at_mut(MAGIC.len() + CHECKSUM);
    head[MAGIC.len()..].copy_from_slice(&checksum(rest).to_le_bytes());
    out
}

/// Reads it, whatever the bytes are: every length is checked, every field line is checked as if it came from the wire.
pub fn load(bytes: &[u8], content: Content) -> Result<Entry, Damaged> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(Damaged("not a head of this version"))?;
    let (sum, rest) = rest.split_first_chunk::<CHECKSUM>().ok_or(Damaged("too short"))?;
    if u64::from_le_bytes(*sum) != checksum(rest) {
        return Err(Damaged("its checksum does not fit"));
    }
    read(rest, content)
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

fn put(entry: &Entry, out: &mut Vec<u8>) {
    let freshness = &entry.freshness;
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    out.extend(entry.status.as_u16().to_le_bytes());
    out.push(
        flag(freshness.no_cache, NO_CACHE)
            | flag(freshness.must_revalidate, MUST_REVALIDATE)
            | flag(freshness.is_heuristic, HEURISTIC)
            | flag(entry.vary.is_some(), VARIES),
    );
    out.extend(freshness.received.to_le_bytes());
    let seconds =
        [freshness.age, freshness.lifetime, freshness.stale_while_revalidate, freshness.stale_if_error];
    for seconds in seconds {
        out.extend(seconds.to_le_bytes());
    }
    out.extend(entry.purge.load(Ordering::Acquire).to_le_bytes());
    put_text(out, entry.url.as_bytes());
    put_list(out, &entry.tags);
    if let Some(vary) = &entry.vary {
        put_list(out, &vary.0);
    }
    out.extend((entry.fields.len() as u32).to_le_bytes());
    for (_, name, value) in entry.fields.iter() {
        put_text(out, name);
        put_text(out, value);
    }
}

fn read(bytes: &[u8], content: Content) -> Result<Entry, Damaged> {
    let mut from = Reader(bytes);
    let status = from.u16()?;
    let status = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200);
    let status = status.ok_or(Damaged("no status of a final response"))?;
    let flags = from.u8()?;
    if flags & !(NO_CACHE | MUST_REVALIDATE | HEURISTIC | VARIES) != 0 {
        return Err(Damaged("flags that do not exist"));
    }
    let freshness = freshness(&mut from, flags)?;
    let purge = AtomicU64::new(from.u64()?);
    let url = from.text()?.into();
    let tags = from.sorted()?;
    let vary = if flags & VARIES == 0 { None } else { Some(vary(&mut from)?) };
    let fields = fields(&mut from)?;
    if !from.0.is_empty() {
        return Err(Damaged("something behind its end"));
    }
    Ok(Entry { status, fields, content, freshness, vary, tags, url, purge })
}

fn freshness(from: &mut Reader<'_>, flags: u8) -> Result<Freshness, Damaged> {
    let received = from.u64()?;
    let mut seconds = || from.u32().map(|seconds| seconds.min(MOST_SECONDS));
    Ok(Freshness {
        received,
        age: seconds()?,
        lifetime: seconds()?,
        stale_while_revalidate: seconds()?,
        stale_if_error: seconds()?,
        no_cache: flags & NO_CACHE != 0,
        must_revalidate: flags & MUST_REVALIDATE != 0,
        is_heuristic: flags & HEURISTIC != 0,
    })
}

fn vary(from: &mut Reader<'_>) -> Result<Vary, Damaged> {
    let names = from.sorted()?;
    let is_name = |name: &str| {
        name != "*"
            && !name.is_empty()
            && name.bytes().all(|b| message::is_token_byte(b) && !b.is_ascii_uppercase())
    };
    if names.is_empty() || names.len() > MOST_VARY || !names.iter().all(|name| is_name(name)) {
        return Err(Damaged("names of fields that Vary could not have"));
    }
    Ok(Vary(names))
}

fn fields(from: &mut Reader<'_>) -> Result<Fields, Damaged> {
    let count = from.count()?;
    let mut fields = Fields::with_capacity(count, from.0.len());
    for _ in 0..count {
        let name = from.text()?;
        let value = from.bytes()?;
        if is_of_connection(name) {
            return Err(Damaged("a field of one connection"));
        }
        fields.push(name, value).map_err(|_| Damaged("a field line that is not valid"))?;
    }
    // A clone has no room beyond what is in it.
    Ok(fields.clone())
}

/// Fields that are never kept and could make a client see another message than was meant (RFC 9110 section 7.6.1).
fn is_of_connection(name: &str) -> bool {
    matches!(
        Name::of(name.as_bytes()),
        Name::Connection
            | Name::KeepAlive
            | Name::ProxyConnection
            | Name::Trailer
            | Name::TransferEncoding
            | Name::Upgrade
    )
}

#[cfg(test)]
mod tests;
