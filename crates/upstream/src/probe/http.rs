//! The probe over HTTP: a path that must answer with an expected status, and bring its answer to an end.

use super::exchange::{Question, ask as exchange, read};
use crate::service::Protocol;
use bytes::Bytes;
use message::{Fields, Method, Name};
use net::Stream;
use std::ops::RangeInclusive;
use std::time::Duration;

/// What passes where nothing is said: success, and redirects, which a server that is unwell does not think of.
const USUAL: RangeInclusive<u16> = 200..=399;

/// Asks; the error says what is wrong.
pub(super) async fn ask(
    stream: Stream,
    protocol: Protocol,
    host: &str,
    path: &str,
    expect: &[RangeInclusive<u16>],
    timeout: Duration,
) -> Result<(), Box<str>> {
    // With TLS the handshake has decided it.
    let http2 = if stream.is_plain() { protocol == Protocol::Http2 } else { stream.is_h2() };
    let mut fields = Fields::new();
    fields.add(Name::Accept, b"*/*");
    let question = Question { method: Method::GET, path, host, fields, body: Bytes::new(), http2 };
    let mut answer = exchange(stream, question, timeout).await?;
    let status = answer.head.status.as_u16();
    if !is_expected(status, expect) {
        return Err(format!("answered {status}").into());
    }
    // A server that cannot finish its answer is not well. One with much to say has shown enough.
    read(&mut answer.body).await.map(drop)
}

fn is_expected(status: u16, expect: &[RangeInclusive<u16>]) -> bool {
    if expect.is_empty() {
        USUAL.contains(&status)
    } else {
        expect.iter().any(|range| range.contains(&status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_passes_where_some_range_holds_it() {
        for (status, expect, want) in [
            (200, vec![], true),
            (302, vec![], true),
            (400, vec![], false),
            (199, vec![], false),
            (204, vec![204..=204], true),
            (200, vec![204..=204], false),
            (404, vec![200..=299, 404..=404], true),
        ] {
            assert_eq!(is_expected(status, &expect), want, "{status} {expect:?}");
        }
    }
}
