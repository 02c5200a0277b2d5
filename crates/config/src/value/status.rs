//! Ranges of response statuses.

use std::fmt;

use super::number::whole;
use super::{Bad, Typed, typed};

/// Statuses of responses from `first` to `last`: `200-399`, `204`, or `5xx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusRange {
    /// The lowest status.
    pub first: u16,
    /// The highest status.
    pub last: u16,
}

impl StatusRange {
    /// Whether `status` is one of them.
    pub const fn contains(self, status: u16) -> bool {
        self.first <= status && status <= self.last
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

impl Typed for StatusRange {
    const FORMAT: &'static str = "status range";
    const EXPECTED: &'static str = "a status such as `204`, or a range such as `200-399` or `2xx`";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        let first_digit = text.strip_suffix("xx").and_then(whole::<u16>);
        if let Some(hundred @ 1..=5) = first_digit {
            return Ok(Self { first: hundred * 100, last: hundred * 100 + 99 });
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (status(first)?, status(last)?) {
            (first, last) if first <= last => Ok(Self { first, last }),
            (first, last) => {
                Err(Bad::because("the range runs backwards").or_mean(format_args!("{last}-{first}")))
            }
        }
    }
}

/// A status code (RFC 9110 section 15).
fn status(text: &str) -> Result<u16, Bad> {
    match whole(text) {
        Some(status @ 100..=599) => Ok(status),
        Some(_) => Err(Bad::because("a status goes from 100 to 599")),
        None => Err(Bad::plain()),
    }
}

typed!(StatusRange);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_status_two_or_a_class() {
        let range = |first, last| Ok(StatusRange { first, last });
        assert_eq!(StatusRange::read("204"), range(204, 204));
        assert_eq!(StatusRange::read("200-399"), range(200, 399));
        assert_eq!(StatusRange::read("5xx"), range(500, 599));
        for text in ["", "-", "6xx", "99", "600", "200-", "-399", "200 - 399", "+200", "399-200", "20x"] {
            assert!(StatusRange::read(text).is_err(), "{text}");
        }
    }
}
