//! Words about attempts: how many more, after which failures, and when a second one runs beside the first.

use std::fmt;

use super::number::whole;
use super::{Bad, Period, StatusRange, Typed, typed};
use crate::suggest::nearest;

/// How often a request is tried again, from 0 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts(u8);

impl Attempts {
    /// One more attempt.
    pub const ONE: Self = Self(1);

    /// Attempts after the first one.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Typed for Attempts {
    const FORMAT: &'static str = "attempts";
    const EXPECTED: &'static str = "a whole number from 0 to 5, or `off`";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        match (text, whole(text)) {
            ("off", _) => Ok(Self(0)),
            (_, Some(attempts @ 0..=5)) => Ok(Self(attempts)),
            ("false" | "no" | "none", _) => Err(Bad::mean("off")),
            _ => Err(Bad::plain()),
        }
    }
}

/// A failure after which a request may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryOn {
    /// No connection could be made, or not in time.
    Connect,
    /// An HTTP/2 endpoint said that it did not look at the request (RFC 9113 section 8.7).
    RefusedStream,
    /// The connection ended before a byte of the response.
    ResetBeforeResponse,
    /// The response did not begin in time.
    Timeout,
    /// The response has one of these statuses, 400 or higher.
    Status(StatusRange),
}

/// The conditions that are words.
const CONDITIONS: [(&str, RetryOn); 4] = [
    ("connect", RetryOn::Connect),
    ("refused_stream", RetryOn::RefusedStream),
    ("reset_before_response", RetryOn::ResetBeforeResponse),
    ("timeout", RetryOn::Timeout),
];

/// What other servers' files call them.
const SYNONYMS: [(&str, &str); 4] = [
    ("reset", "reset_before_response"),
    ("connect_failure", "connect"),
    ("connection_error", "connect"),
    ("per_try_timeout", "timeout"),
];

impl fmt::Display for RetryOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, CONDITIONS.iter().find(|(_, condition)| condition == self)) {
            (Self::Status(range), _) => range.fmt(f),
            (_, Some((word, _))) => f.write_str(word),
            (_, None) => Ok(()),
        }
    }
}

impl Typed for RetryOn {
    const FORMAT: &'static str = "retry condition";
    const EXPECTED: &'static str = "`connect`, `refused_stream`, `reset_before_response`, `timeout`, or statuses such as `503`, `500-504` or `5xx`";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        if let Some((_, condition)) = CONDITIONS.iter().find(|(word, _)| *word == text) {
            return Ok(*condition);
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return match StatusRange::read(text)? {
                range if range.first >= 400 => Ok(Self::Status(range)),
                _ => Err(Bad::because("a response below 400 is no failure")),
            };
        }
        let plain = text.replace('-', "_");
        let synonym = SYNONYMS.iter().find(|(word, _)| *word == plain).map(|(_, word)| *word);
        let near = synonym.or_else(|| nearest(text, CONDITIONS.iter().map(|(word, _)| *word)));
        Err(near.map_or_else(Bad::plain, Bad::mean))
    }
}

/// When a second attempt starts beside the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeAfter {
    /// When the first has taken longer than this many percent of the service's recent responses, 50 to 99.
    Percentile(u8),
    /// When the first has taken so long.
    Time(Period),
}

impl fmt::Display for HedgeAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percent) => write!(f, "p{percent}"),
            Self::Time(period) => period.fmt(f),
        }
    }
}

impl Typed for HedgeAfter {
    const FORMAT: &'static str = "percentile or duration";
    const EXPECTED: &'static str = "a percentile from `p50` to `p99`, or a duration such as `250ms`";

    fn read(text: &str) -> Result<Self, Bad> {
        let percent = |digits: &str| whole::<u8>(digits).filter(|percent| (50..=99).contains(percent));
        let Some(digits) = text.strip_prefix('p') else {
            let meant = text.strip_suffix('%').and_then(percent);
            return match (meant, Period::read(text)) {
                (Some(percent), _) => Err(Bad::mean(format_args!("p{percent}"))),
                (None, read) => read.map(Self::Time),
            };
        };
        match percent(digits) {
            Some(percent) => Ok(Self::Percentile(percent)),
            None => Err(Bad::plain()),
        }
    }
}

typed!(Attempts, RetryOn, HedgeAfter);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_shown_as_it_is_read() {
        for text in ["connect", "refused_stream", "reset_before_response", "timeout", "503", "500-599"] {
            assert_eq!(RetryOn::read(text).map(|on| on.to_string()), Ok(text.into()));
        }
    }

    #[test]
    fn what_other_servers_call_a_condition_is_hinted_at() {
        for (text, meant) in [
            ("connect-failure", "connect"),
            ("refused-stream", "refused_stream"),
            ("reset", "reset_before_response"),
        ] {
            let hint = RetryOn::read(text).map_err(|bad| bad.hint.unwrap_or_default());
            assert_eq!(hint, Err(format!("did you mean `{meant}`?")), "{text}");
        }
        assert!(RetryOn::read("399").is_err() && RetryOn::read("300-500").is_err());
    }

    #[test]
    fn a_hedge_waits_for_a_percentile_or_a_time() {
        assert_eq!(HedgeAfter::read("p95"), Ok(HedgeAfter::Percentile(95)));
        assert_eq!(HedgeAfter::read("2s"), Ok(HedgeAfter::Time(Period::seconds(2))));
        for text in ["p", "p100", "p49", "p9.5", "95%", "95", "", "p-95"] {
            assert!(HedgeAfter::read(text).is_err(), "{text}");
        }
    }
}
