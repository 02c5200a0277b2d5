//! The fields that tell a client its limits: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10,
//! sections 3 and 4), and `Retry-After` (RFC 9110 section 10.2.3).
//!
//! *Promise*: what is written is a list of structured fields (RFC 9651), whatever the names are. Seconds are rounded up, so
//! that who waits as long as told does not come too early.
//! *Not here*: partition keys, which would tell callers apart, and which answers have these fields.

use crate::bucket::Bucket;
use crate::policy::{Allowance, Decision};
use std::time::Duration;

/// The largest integer of a structured field (RFC 9651 section 3.3.1).
const LARGEST: u64 = 999_999_999_999_999;
/// The longest that a client is told to wait, in seconds: a year.
const LONGEST_WAIT: u64 = 366 * 86_400;

/// Adds a member to the value of `RateLimit-Policy`: `"name";q=100;w=60`. `q` is the burst or the quota, `w` how long that
/// takes to be there again. A bucket that fills in less than a second has no `w`: the draft knows whole seconds only, and
/// one second would say less than is allowed.
pub fn policy(out: &mut Vec<u8>, name: &str, allowance: &Allowance) {
    member(out, name);
    let (count, window) = match *allowance {
        Allowance::Bucket { burst, .. } => {
            let fills = u128::from(Bucket::of(allowance).interval()) * u128::from(burst.get());
            let seconds = u64::try_from(fills.div_ceil(1_000_000_000)).unwrap_or(LARGEST);
            (u64::from(burst.get()), if fills < 1_000_000_000 { 0 } else { seconds })
        }
        Allowance::Quota { count, window } => (count, window.longest()),
    };
    parameter(out, b";q=", count);
    if window > 0 {
        parameter(out, b";w=", window);
    }
}

/// Adds a member to the value of `RateLimit`: `"name";r=50;t=30`.
pub fn state(out: &mut Vec<u8>, name: &str, decision: &Decision) {
    member(out, name);
    parameter(out, b";r=", decision.remaining);
    parameter(out, b";t=", seconds(decision.reset));
}

/// The value of `Retry-After`: whole seconds, at least 1 and at most a year.
pub fn retry_after(wait: Duration) -> u64 {
    seconds(wait).clamp(1, LONGEST_WAIT)
}

/// Whole seconds, rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// Begins a member with its name, behind those that are there.
fn member(out: &mut Vec<u8>, name: &str) {
    if !out.is_empty() {
        out.extend_from_slice(b", ");
    }
    out.push(b'"');
    for char in name.chars() {
        match char {
            '"' | '\\' => out.extend_from_slice(&[b'\\', char as u8]),
            ' '..='~' => out.push(char as u8),
            // A string of a structured field has no other characters, and no way to write them.
            _ => out.push(b'_'),
        }
    }
    out.push(b'"');
}

fn parameter(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    let mut digits = [0; 15];
    let mut at = digits.len();
    let mut left = value.min(LARGEST);
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Rate, Window};
    use std::num::NonZeroU32;

    fn bucket(count: u32, per: u64, burst: u32) -> Allowance {
        let non_zero = |n| NonZeroU32::new(n).expect("not zero");
        let rate = Rate { count: non_zero(count), per: Duration::from_secs(per) };
        Allowance::Bucket { rate, burst: non_zero(burst) }
    }

    fn policies(all: &[(&str, Allowance)]) -> String {
        let mut out = Vec::new();
        for (name, allowance) in all {
            policy(&mut out, name, allowance);
        }
        String::from_utf8(out).expect("it is ASCII")
    }

    #[test]
    fn policies_are_a_list_with_quota_and_window() {
        let quota = |window| Allowance::Quota { count: 1_000, window };
        let said = policies(&[
            ("burst", bucket(100, 60, 100)),
            ("half", bucket(10, 1, 15)),
            ("fast", bucket(100, 1, 1)),
            ("hourly", quota(Window::Hour)),
            ("daily", quota(Window::Day)),
            ("monthly", quota(Window::Month)),
        ]);
        let want = "\"burst\";q=100;w=60, \"half\";q=15;w=2, \"fast\";q=1, \"hourly\";q=1000;w=3600, \
                    \"daily\";q=1000;w=86400, \"monthly\";q=1000;w=2678400";
        assert_eq!(said, want);
    }

    #[test]
    fn names_are_strings_whatever_they_hold() {
        let said = policies(&[("a\"b\\c\r\nd\u{e9}\u{0}", bucket(1, 1, 1))]);
        assert_eq!(said, "\"a\\\"b\\\\c__d__\";q=1;w=1");
    }

    #[test]
    fn the_state_rounds_seconds_up_and_numbers_down_to_what_a_field_holds() {
        let decision = Decision {
            admitted: true,
            limit: 5,
            remaining: 3,
            reset: Duration::from_millis(1_001),
            retry_after: Duration::ZERO,
        };
        let mut out = Vec::new();
        state(&mut out, "a", &decision);
        state(&mut out, "b", &Decision { remaining: u64::MAX, reset: Duration::MAX, ..decision });
        let want = "\"a\";r=3;t=2, \"b\";r=999999999999999;t=999999999999999";
        assert_eq!(String::from_utf8(out).expect("it is ASCII"), want);
    }

    #[test]
    fn a_client_is_never_told_to_come_back_at_once_or_in_ages() {
        assert_eq!(retry_after(Duration::ZERO), 1);
        assert_eq!(retry_after(Duration::from_nanos(1)), 1);
        assert_eq!(retry_after(Duration::from_millis(1_500)), 2);
        assert_eq!(retry_after(Duration::MAX), LONGEST_WAIT);
    }
}
