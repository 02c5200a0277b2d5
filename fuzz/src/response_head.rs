//! An upstream's head: what is sent on holds no field of its connection and is understood the same.

use crate::request_head::{check_fields, lines};
use net::fuzzing::{Length, emit_response, response_head};

/// Reads `data` as an answer: its first byte tells whether to a HEAD.
pub fn check(data: &[u8]) {
    let Some((first, data)) = data.split_first() else { return };
    let to_head = first & 1 == 1;
    let Ok(Some(response)) = response_head(data, to_head) else { return };
    let status = response.head.status.as_u16();
    assert!((100..600).contains(&status));
    check_fields(&response.head.fields);
    let bodiless = to_head || status < 200 || status == 204 || status == 304;
    assert!(!bodiless || response.length == Length::Empty, "{status} has no body");

    let sent = emit_response(&response);
    let again = response_head(&sent, to_head)
        .unwrap_or_else(|e| panic!("what was sent on is refused: {e}\n{}", sent.escape_ascii()))
        .unwrap_or_else(|| panic!("what was sent on has no end\n{}", sent.escape_ascii()));
    assert_eq!(again.consumed, sent.len(), "what was sent on holds two heads: {}", sent.escape_ascii());
    assert_eq!(again.head.status, response.head.status);
    assert_eq!(lines(&again.head.fields), lines(&response.head.fields));
    // A body that ended with its connection goes on in chunks; every other ends where it did.
    let length = if response.length == Length::UntilClose { Length::Chunked } else { response.length };
    assert_eq!(again.length, length, "the body ends elsewhere: {}", sent.escape_ascii());
    assert_eq!(
        emit_response(&again).escape_ascii().to_string(),
        sent.escape_ascii().to_string(),
        "sent on twice, it differs"
    );
}
