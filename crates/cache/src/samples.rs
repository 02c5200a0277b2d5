//! Heads and responses for tests of this room.

use crate::{Asked, Content, Entry, Freshness, Offer, Settings, Vary};
use message::{Authority, Fields, Method, RequestHead, ResponseHead, StatusCode, Target, Version};
use std::sync::atomic::AtomicU64;

/// 2026-01-01 in milliseconds since 1970, the moment at which tests take place.
pub(crate) const NOW: u64 = 1_767_225_600_000;
/// The same as HTTP writes it.
pub(crate) const TODAY: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

/// Field lines as tests write them.
pub(crate) type Lines = &'static [(&'static str, &'static str)];

pub(crate) fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.push(name, value.as_bytes()).unwrap();
    }
    fields
}

/// What the fields say, in order.
pub(crate) fn lines(fields: &Fields) -> Vec<(String, String)> {
    fields.iter().map(|(_, name, value)| (text(name).to_ascii_lowercase(), text(value))).collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A GET for `example.com`.
pub(crate) fn get(target: &str, lines: &[(&str, &str)]) -> RequestHead {
    request(Method::GET, target, lines)
}

pub(crate) fn request(method: Method, target: &str, lines: &[(&str, &str)]) -> RequestHead {
    RequestHead {
        method,
        target: Target::parse(target.as_bytes(), true).unwrap(),
        authority: Some(Authority::parse(b"example.com").unwrap()),
        version: Version::HTTP_11,
        fields: fields(lines),
        upgrade: None,
    }
}

pub(crate) fn response(status: u16, lines: &[(&str, &str)]) -> ResponseHead {
    ResponseHead { status: StatusCode::from_u16(status).unwrap(), fields: fields(lines) }
}

/// An offer of that answer to a plain GET, which took no time.
pub(crate) fn offer<'a>(settings: &'a Settings, asked: &'a Asked, head: &'a ResponseHead) -> Offer<'a> {
    Offer { settings, method: &Method::GET, asked, head, length: Some(3), requested: NOW, received: NOW }
}

/// A response with three bytes, fresh for a minute from [`NOW`].
pub(crate) fn entry(lines: &[(&str, &str)]) -> Entry {
    let fields = fields(lines);
    let vary = Vary::of(&fields).unwrap();
    Entry {
        status: StatusCode::OK,
        fields,
        content: Content::Whole(bytes::Bytes::from_static(b"abc")),
        freshness: Freshness { received: NOW, lifetime: 60, ..Freshness::default() },
        vary,
        tags: Box::default(),
        url: "example.com/".into(),
        purge: AtomicU64::new(7),
    }
}
