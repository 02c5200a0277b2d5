//! An entry in the combined log format: `client - - [time] "request" status bytes "referer" "user agent"`.
//!
//! The user is whom the caller was found to be, with `_` for the spaces that the format has no place for.

use super::entry::{Entry, version_text};
use super::escape::push_clf;
use super::mask::Mask;
use crate::stamp::Stamp;

/// Writes the line, without a line feed.
pub(super) fn write(out: &mut Vec<u8>, entry: &Entry<'_>, stamp: &Stamp, mask: &Mask, scratch: &mut Vec<u8>) {
    super::recorder::push_client(out, entry.client);
    out.extend_from_slice(b" - ");
    match entry.consumer {
        "" => out.push(b'-'),
        name if name.contains(' ') => push_clf(out, name.replace(' ', "_").as_bytes()),
        name => push_clf(out, name.as_bytes()),
    }
    out.extend_from_slice(b" [");
    stamp.push_clf(out);
    out.extend_from_slice(b"] \"");
    push_clf(out, entry.method.as_bytes());
    out.push(b' ');
    push_clf(out, entry.path.as_bytes());
    if let Some(query) = entry.query {
        out.push(b'?');
        push_clf(out, mask.query(query.as_bytes(), scratch));
    }
    out.push(b' ');
    out.extend_from_slice(version_text(entry.version).as_bytes());
    out.extend_from_slice(b"\" ");
    let mut number = itoa::Buffer::new();
    out.extend_from_slice(number.format(entry.status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(number.format(entry.bytes_out).as_bytes());
    out.extend_from_slice(b" \"");
    push_clf(out, entry.referer.map_or(b"-", |r| mask.url(r, scratch)));
    out.extend_from_slice(b"\" \"");
    push_clf(out, entry.user_agent.unwrap_or(b"-"));
    out.push(b'"');
}
