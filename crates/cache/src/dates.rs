//! Points in time and spans of it, as fields write them: HTTP dates (RFC 9110 section 5.6.7), seconds (RFC 9111 section 1.2.2),
//! `Age` (section 5.1).
//!
//! *Promise*: what is not of the grammar is not read, but letters may be in any case (RFC 9111 section 4.2); a zone other than GMT
//! makes a date invalid; no machine's zone has a say. Numbers that are too large are the largest.
//! *Not here*: what follows from a date that cannot be read.

use crate::lists;
use message::{Fields, Name};
use std::time::{Duration, SystemTime};

/// The longest span, in seconds: what a cache may put in the place of anything larger (RFC 9111 section 1.2.2).
pub(crate) const LONGEST: u32 = 1 << 31;

/// Fifty years: how far ahead a year of two digits may lie (RFC 9110 section 5.6.7).
const FIFTY_YEARS: i64 = 50 * 31_556_952;
/// The last second that a date of four digits can name.
const LAST: u64 = 253_402_300_799;

const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const LONG_DAYS: [&[u8]; 7] =
    [b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday", b"Sunday"];
const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// `1*DIGIT`, capped.
pub(crate) fn seconds(text: &[u8]) -> Option<u32> {
    number(text).map(|n| u32::try_from(n).unwrap_or(LONGEST).min(LONGEST))
}

/// `1*DIGIT`, as large as it can be where it is larger.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0_u64, |sum, b| sum.saturating_mul(10).saturating_add(u64::from(b - b'0'))))
}

/// What `Age` says, in seconds; 0 where it says nothing that can be read. RFC 9111 section 5.1: of a list the first member counts,
/// and what is no number is ignored.
pub(crate) fn age(fields: &Fields) -> u32 {
    fields.all(Name::Age).flat_map(lists::members).next().and_then(seconds).unwrap_or(0)
}

/// A field that has one date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// It is not there.
    Absent,
    /// It cannot be read, or says several things.
    Invalid,
    /// Seconds since 1970.
    At(i64),
}

impl Stamp {
    /// What the field of that name says. `now`: seconds since 1970.
    pub(crate) fn of(fields: &Fields, name: Name, now: i64) -> Self {
        let mut lines = fields.all(name);
        let Some(first) = lines.next() else { return Self::Absent };
        if lines.any(|line| line != first) {
            return Self::Invalid;
        }
        date(first, now).map_or(Self::Invalid, Self::At)
    }

    /// Seconds since 1970, where it can be read.
    pub(crate) fn at(self) -> Option<i64> {
        match self {
            Self::At(at) => Some(at),
            Self::Absent | Self::Invalid => None,
        }
    }
}

/// The date of those milliseconds since 1970, as it is written today.
pub(crate) fn written(millis: u64) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs((millis / 1000).min(LAST)))
}

/// A date in one of the three formats, in seconds since 1970. `now`, in the same, tells which century two digits mean.
pub(crate) fn date(text: &[u8], now: i64) -> Option<i64> {
    let text = lists::trim(text);
    imf(Reader(text)).or_else(|| rfc850(Reader(text), now)).or_else(|| asctime(Reader(text)))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf(mut text: Reader<'_>) -> Option<i64> {
    text.word(&DAYS)?;
    text.exact(b", ")?;
    let day = text.digits(2)?;
    text.exact(b" ")?;
    let month = text.word(&MONTHS)?;
    text.exact(b" ")?;
    let year = text.digits(4)?;
    text.exact(b" ")?;
    let time = text.time()?;
    text.exact(b" GMT")?;
    text.end()?;
    moment(year, month, day, time)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(mut text: Reader<'_>, now: i64) -> Option<i64> {
    text.word(&LONG_DAYS)?;
    text.exact(b", ")?;
    let day = text.digits(2)?;
    text.exact(b"-")?;
    let month = text.word(&MONTHS)?;
    text.exact(b"-")?;
    let year = text.digits(2)?;
    text.exact(b" ")?;
    let time = text.time()?;
    text.exact(b" GMT")?;
    text.end()?;
    // The last year with these digits that is not more than fifty years ahead. Where that year knows no such day (29 February), the
    // date is invalid.
    let this_year = 1970 + now.div_euclid(31_556_952);
    let century = this_year.div_euclid(100) * 100;
    (0..3)
        .map(|back| century + 100 * (1 - back) + year)
        .find(|&year| moment(year, month, 1, 0).is_some_and(|at| at <= now.saturating_add(FIFTY_YEARS)))
        .and_then(|year| moment(year, month, day, time))
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(mut text: Reader<'_>) -> Option<i64> {
    text.word(&DAYS)?;
    text.exact(b" ")?;
    let month = text.word(&MONTHS)?;
    text.exact(b" ")?;
    let day = if text.exact(b" ").is_some() { text.digits(1)? } else { text.digits(2)? };
    text.exact(b" ")?;
    let time = text.time()?;
    text.exact(b" ")?;
    let year = text.digits(4)?;
    text.end()?;
    moment(year, month, day, time)
}

/// Seconds since 1970. `month` from 0, `time` in seconds of the day.
fn moment(year: i64, month: u8, day: i64, time: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 if is_leap => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // The year begins in March here, so that the leap day is its last one.
    let month = i64::from(month);
    let (march_year, march_month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = 365 * march_year + march_year.div_euclid(4) - march_year.div_euclid(100)
        + march_year.div_euclid(400)
        + (153 * march_month + 2) / 5
        + day
        - 1;
    // 719,468 days lie between 1 March of the year 0 and 1 January 1970.
    Some((days - 719_468) * 86_400 + time)
}

/// What of a date has not been read yet.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// Reads these bytes, in any case.
    fn exact(&mut self, bytes: &[u8]) -> Option<()> {
        let (head, rest) = self.0.split_at_checked(bytes.len())?;
        head.eq_ignore_ascii_case(bytes).then(|| self.0 = rest)
    }

    /// Reads one of these words, in any case; its number.
    fn word(&mut self, words: &[&[u8]]) -> Option<u8> {
        (0..).zip(words).find(|(_, word)| self.exact(word).is_some()).map(|(number, _)| number)
    }

    /// Reads a number of that many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(count)?;
        let number = number(head)?;
        self.0 = rest;
        i64::try_from(number).ok()
    }

    /// Reads `08:49:37`; 60 is a leap second.
    fn time(&mut self) -> Option<i64> {
        let hour = self.digits(2).filter(|hour| *hour < 24)?;
        self.exact(b":")?;
        let minute = self.digits(2).filter(|minute| *minute < 60)?;
        self.exact(b":")?;
        let second = self.digits(2).filter(|second| *second <= 60)?;
        Some(hour * 3600 + minute * 60 + second)
    }

    /// Is nothing left?
    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests;
