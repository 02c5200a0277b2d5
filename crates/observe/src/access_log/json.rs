//! An entry as a JSON object. Keys are always in the same order; what is absent has no key.

use super::entry::{Entry, version_text};
use super::escape::push_json_string;
use super::mask::Mask;
use crate::stamp::Stamp;
use std::time::Duration;

/// Writes the object, without a line feed.
pub(super) fn write(out: &mut Vec<u8>, entry: &Entry<'_>, stamp: &Stamp, mask: &Mask, scratch: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    stamp.push_rfc3339(out);
    out.extend_from_slice(b"\",\"client\":\"");
    super::recorder::push_client(out, entry.client);
    out.push(b'"');
    let mut object = Object(out);
    object.text("method", entry.method.as_bytes());
    object.text("scheme", entry.scheme.as_str().as_bytes());
    object.text("host", entry.host.as_bytes());
    object.text("path", entry.path.as_bytes());
    if let Some(query) = entry.query {
        object.text("query", mask.query(query.as_bytes(), scratch));
    }
    object.text("version", version_text(entry.version).as_bytes());
    object.number("status", u64::from(entry.status));
    object.number("bytes_in", entry.bytes_in);
    object.number("bytes_out", entry.bytes_out);
    object.millis("duration_ms", entry.took);
    if let Some(took) = entry.upstream_took {
        object.millis("upstream_ms", took);
    }
    for (key, name) in [("route", entry.route), ("service", entry.service), ("endpoint", entry.endpoint)] {
        object.optional(key, Some(name.as_bytes()).filter(|n| !n.is_empty()));
    }
    object.number("attempts", u64::from(entry.attempts));
    for (key, word) in [("auth", entry.auth), ("consumer", entry.consumer), ("plan", entry.plan)] {
        object.optional(key, Some(word.as_bytes()).filter(|w| !w.is_empty()));
    }
    object.text("request_id", entry.request_id.as_bytes());
    object.optional("traceparent", entry.traceparent.map(str::as_bytes));
    object.optional("user_agent", entry.user_agent);
    object.optional("referer", entry.referer.map(|r| mask.url(r, scratch)));
    object.optional("stop", entry.stop.map(str::as_bytes));
    object.optional("tls", entry.tls.map(str::as_bytes));
    out.extend_from_slice(if entry.complete { b",\"complete\":true}" } else { b",\"complete\":false}" });
}

/// Members behind the first one.
struct Object<'a>(&'a mut Vec<u8>);

impl Object<'_> {
    fn key(&mut self, key: &'static str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn text(&mut self, key: &'static str, value: &[u8]) {
        self.key(key);
        push_json_string(self.0, value);
    }

    fn optional(&mut self, key: &'static str, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn number(&mut self, key: &'static str, value: u64) {
        self.key(key);
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Milliseconds with three decimals.
    fn millis(&mut self, key: &'static str, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.number(key, us / 1000);
        let digit = |n: u64| b'0' + (n % 10) as u8;
        self.0.extend_from_slice(&[b'.', digit(us / 100), digit(us / 10), digit(us)]);
    }
}
