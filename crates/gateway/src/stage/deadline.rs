//! The deadline travels: a client's own limit bounds the whole request, and the upstream learns how long anybody will
//! wait.
//!
//! gRPC has a field for both, `grpc-timeout` (gRPC over HTTP/2, section "Timeout"). Other requests have
//! `X-Request-Deadline`, a moment in milliseconds since 1970: it is sent where the service wants it, and believed from
//! trusted proxies. A request that has none of these pays two comparisons and one look for a field.

use crate::site::Route;
use message::{Name, RequestHead};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use upstream::Local;

/// Reads the client's limit, of which `gone` has passed, and writes what is left of it. `trusted`: a trusted proxy sent the
/// request.
pub(crate) fn travel(
    head: &mut RequestHead,
    route: &Route,
    local: &Local,
    trusted: bool,
    gone: Duration,
) -> Option<Duration> {
    let own = || route.manner.request_timeout.unwrap_or_else(|| local.request_timeout());
    if head.version == message::Version::HTTP_2 && is_grpc(head) {
        // A call that streams may outlive the head of its answer, so our own limit is not the call's.
        let client = head.fields.get_str(Name::GrpcTimeout).and_then(parse).filter(|c| !c.is_zero())?;
        let client = client.saturating_sub(gone);
        head.fields.set(Name::GrpcTimeout, show(client).as_bytes());
        return Some(client.min(own()));
    }
    let told =
        head.fields.get_str(Name::XRequestDeadline).filter(|_| trusted).and_then(|t| left(t, since_1970()));
    if local.tells_deadline() {
        let until = since_1970() + told.map_or_else(own, |told| told.min(own()));
        head.fields.set(Name::XRequestDeadline, until.as_millis().to_string().as_bytes());
    } else if !trusted {
        head.fields.remove(Name::XRequestDeadline);
    }
    told
}

/// What is left until that moment. One that has passed leaves the least that is not nothing: the answer is late at once.
fn left(deadline: &str, now: Duration) -> Option<Duration> {
    let deadline = Duration::from_millis(deadline.trim().parse().ok()?);
    Some(deadline.saturating_sub(now).max(Duration::from_millis(1)))
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn is_grpc(head: &RequestHead) -> bool {
    head.fields.get(Name::ContentType).is_some_and(|t| t.starts_with(b"application/grpc"))
}

/// At most eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let digits = text.get(..text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    Some(match text.as_bytes()[text.len() - 1] {
        b'H' => Duration::from_secs(n * 3600),
        b'M' => Duration::from_secs(n * 60),
        b'S' => Duration::from_secs(n),
        b'm' => Duration::from_millis(n),
        b'u' => Duration::from_micros(n),
        b'n' => Duration::from_nanos(n),
        _ => return None,
    })
}

/// In the finest unit that eight digits have room for.
fn show(timeout: Duration) -> String {
    const MOST: u128 = 99_999_999;
    let nanos = timeout.as_nanos();
    let units = [("n", 1), ("u", 1_000), ("m", 1_000_000), ("S", 1_000_000_000), ("M", 60_000_000_000)];
    units
        .into_iter()
        .find(|(_, size)| nanos / size <= MOST)
        .map_or_else(|| format!("{MOST}H"), |(unit, size)| format!("{}{unit}", nanos / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_leaves_what_is_left() {
        let now = Duration::from_secs(1000);
        assert_eq!(left("1000250", now), Some(Duration::from_millis(250)));
        assert_eq!(left("999999", now), Some(Duration::from_millis(1)));
        assert_eq!(left("soon", now), None);
        assert_eq!(left("-5", now), None);
    }

    #[test]
    fn timeouts_are_read_and_written_as_grpc_writes_them() {
        assert_eq!(parse("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for wrong in ["", "S", "5", "5s", "123456789S", "-5S", "5.0S", "٥S"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(show(Duration::from_millis(250)), "250000u");
        assert_eq!(show(Duration::from_secs(3600)), "3600000m");
        for timeout in [Duration::from_nanos(1), Duration::from_millis(7), Duration::from_secs(86_400)] {
            assert_eq!(parse(&show(timeout)), Some(timeout));
        }
    }
}
