//! A request's head: what is understood is unambiguous, and what is sent on is understood the same.
//!
//! The rules of ambiguity are written down here a second time, over the raw lines and without the parser, so that a
//! change in the parser alone cannot loosen them.

use message::{Fields, Name};
use net::HeadLimits;
use net::fuzzing::{emit_request, request_head};

/// Reads `data` as the start of a connection.
pub fn check(data: &[u8]) {
    let limits = HeadLimits::default();
    let Ok(Some(request)) = request_head(data, &limits) else { return };
    let raw = &data[..request.consumed];
    assert!(raw.len() <= limits.bytes, "a head beyond its limit was taken");
    if let Some(why) = ambiguity(raw) {
        panic!("an ambiguous head was understood: {why}\n{}", raw.escape_ascii());
    }
    let head = &request.head;
    assert!(head.fields.len() <= limits.fields, "more fields than allowed");
    assert!(clean(head.target.as_str().as_bytes()) && !head.target.as_str().contains(' '), "a dirty target");
    assert!(head.authority.as_ref().is_none_or(|a| clean(a.as_str().as_bytes())), "a dirty authority");
    check_fields(&head.fields);

    let sent = emit_request(&request);
    let again = request_head(&sent, &HeadLimits { bytes: 1 << 20, target: 1 << 16, fields: 256, ..limits })
        .unwrap_or_else(|e| panic!("what was sent on is refused: {e}\n{}", sent.escape_ascii()))
        .unwrap_or_else(|| panic!("what was sent on has no end\n{}", sent.escape_ascii()));
    assert_eq!(again.consumed, sent.len(), "what was sent on holds two heads: {}", sent.escape_ascii());
    assert_eq!(again.head.method, head.method);
    assert_eq!(again.head.target, head.target);
    assert_eq!(again.head.upgrade, head.upgrade);
    assert_eq!(again.length, request.length, "the body ends elsewhere: {}", sent.escape_ascii());
    assert_eq!(lines(&again.head.fields), lines(&head.fields));
    if head.authority.as_ref().is_some_and(|a| a.host().ends_with('.')) {
        return; // Of several dots behind a host each reading takes one away; see `target.rs`.
    }
    assert_eq!(
        emit_request(&again).escape_ascii().to_string(),
        sent.escape_ascii().to_string(),
        "sent on twice, it differs"
    );
}

/// Field lines hold nothing that could split a message, and nothing of the connection they came on.
pub(crate) fn check_fields(fields: &Fields) {
    for (known, name, value) in fields.iter() {
        assert!(!name.is_empty() && name.iter().all(|b| b.is_ascii_graphic() && *b != b':'), "a dirty name");
        assert!(clean(value), "a dirty value: {}", value.escape_ascii());
        assert_eq!(known, Name::of(name));
        let of_the_connection = matches!(
            known,
            Name::Connection
                | Name::ContentLength
                | Name::Host
                | Name::Http2Settings
                | Name::KeepAlive
                | Name::ProxyAuthorization
                | Name::ProxyConnection
                | Name::TransferEncoding
        ) || known == Name::Te && value != b"trailers";
        assert!(!of_the_connection, "{} goes further", name.escape_ascii());
    }
}

/// Neither CR, LF nor NUL.
pub(crate) fn clean(bytes: &[u8]) -> bool {
    !bytes.iter().any(|b| matches!(b, b'\r' | b'\n' | 0))
}

pub(crate) fn lines(fields: &Fields) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    fields.iter().map(|(_, name, value)| (text(name), text(value))).collect()
}

/// Why two recipients could read this head in two ways, if they could (RFC 9112 sections 2.2, 3.2, 5.1, 5.2, 6.1, 6.3).
fn ambiguity(raw: &[u8]) -> Option<&'static str> {
    if raw.contains(&0) {
        return Some("a NUL");
    }
    let text: Vec<u8> = raw.strip_suffix(b"\r\n\r\n")?.to_vec();
    let mut all = split_lines(&text);
    let first = all.remove(0);
    if all.iter().chain([&first]).any(|line| !clean(line)) {
        return Some("a line end that is not CRLF");
    }
    if all.iter().any(|line| line.is_empty() || matches!(line[0], b' ' | b'\t')) {
        return Some("a folded line");
    }
    let mut pairs = Vec::new();
    for line in all {
        let Some(colon) = line.iter().position(|&b| b == b':') else { return Some("a line without a colon") };
        let name = line[..colon].to_ascii_lowercase();
        if name.is_empty() || name.iter().any(|b| !b.is_ascii_graphic()) {
            return Some("a name with white space or none at all");
        }
        pairs.push((name, line[colon + 1..].trim_ascii().to_ascii_lowercase()));
    }
    let all_of =
        |name: &[u8]| pairs.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect::<Vec<_>>();
    let (hosts, lengths, codings) =
        (all_of(b"host"), all_of(b"content-length"), all_of(b"transfer-encoding"));
    let old = first.ends_with(b"HTTP/1.0");
    if !old && !first.ends_with(b" HTTP/1.1") {
        return Some("another version");
    }
    if first.split(|&b| b == b' ').count() != 3 || first.contains(&b'\t') {
        return Some("a request line that is not three words");
    }
    if hosts.len() > 1 || hosts.is_empty() && !old {
        return Some("not exactly one Host");
    }
    if hosts.iter().any(|host| host.iter().any(|b| b",@/?# \t".contains(b))) {
        return Some("a Host that is not one");
    }
    if lengths.len() > 1 || lengths.iter().any(|l| l.is_empty() || !l.iter().all(u8::is_ascii_digit)) {
        return Some("not one plain Content-Length");
    }
    if codings.len() > 1 || codings.iter().any(|c| c != b"chunked") {
        return Some("a transfer coding other than one chunked");
    }
    if !codings.is_empty() && (!lengths.is_empty() || old) {
        return Some("two framings");
    }
    None
}

fn split_lines(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut lines, mut start) = (Vec::new(), 0);
    for at in 0..text.len().saturating_sub(1) {
        if &text[at..at + 2] == b"\r\n" {
            lines.push(text[start..at].to_vec());
            start = at + 2;
        }
    }
    lines.push(text[start..].to_vec());
    lines
}
