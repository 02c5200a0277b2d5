//! A chunked body: the same however it is cut, and the same when it is sent on.

use crate::request_head::{check_fields, lines};
use message::Name;
use net::fuzzing::{Body, chunked, emit_chunked};

/// Decodes `data` in pieces: its first byte tells how long each is.
pub fn check(data: &[u8]) {
    let Some((first, data)) = data.split_first() else { return };
    let whole = chunked([data]);
    for size in [usize::from(*first).max(1), 1] {
        let cut = chunked(data.chunks(size));
        assert_eq!(seen(&cut), seen(&whole), "cut into pieces of {size} it differs: {}", data.escape_ascii());
    }
    let Ok(Some(body)) = whole else { return };
    assert!(body.data.len() + body.behind <= data.len(), "more came out than went in");
    if let Some(trailers) = &body.trailers {
        check_fields(trailers);
        assert!(
            !trailers.has(Name::Authorization) && !trailers.has(Name::Cookie),
            "an identity in a trailer"
        );
    }
    let sent = emit_chunked(&body);
    let again = chunked([&sent[..]]);
    let want = (body.data.clone(), body.trailers.as_ref().map(lines), 0);
    assert_eq!(seen(&again), Some(want), "what was sent on differs: {}", sent.escape_ascii());
}

/// What a receiver sees. A body that is refused is as good as one that never ends: neither is ever handed on as whole.
type Seen = Option<(Vec<u8>, Option<Vec<(String, String)>>, usize)>;

fn seen(decoded: &Result<Option<Body>, net::Reject>) -> Seen {
    let body = decoded.as_ref().ok()?.as_ref()?;
    Some((body.data.clone(), body.trailers.as_ref().map(lines), body.behind))
}
