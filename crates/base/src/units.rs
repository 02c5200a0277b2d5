//! The units that people write in a config file: durations, sizes, rates and percentages.
//!
//! `250ms`, `1m30s`, `64KiB`, `100/s`, `70%`. What is shown parses back to the same value, and it is the
//! shortest text that does. Numbers are whole (but for percentages), so that nothing is ever rounded unseen.
//! *Invariant*: any text gives a value or an error that shows an example; nothing overflows, nothing panics.
//! *Not here*: which values make sense for which key. Each room checks its own settings.

#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};
use std::time::Duration;

/// Why a text was refused. The messages say what was expected and show an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a duration.
    #[error(
        "expected a duration: whole numbers with a unit (d, h, m, s, ms, us, ns), the largest unit first, \
         such as `250ms`, `5s` or `1m30s`"
    )]
    Duration,
    /// A duration above 2^64 - 1 nanoseconds.
    #[error("expected a duration of at most 213503 days, such as `1d`")]
    TooLong,
    /// Not a size.
    #[error(
        "expected a size: a whole number with a unit (B, KiB, MiB, GiB, TiB, or KB, MB, GB, TB for powers of \
         1000), such as `64KiB` or `10MB`"
    )]
    Size,
    /// A size above 2^64 - 1 bytes.
    #[error("expected a size below 16777216TiB, such as `10GiB`")]
    TooBig,
    /// Not a rate.
    #[error("expected a rate: a whole number above 0, `/`, and d, h, m or s, such as `100/s` or `1000/h`")]
    Rate,
    /// Not a percentage.
    #[error("expected a percentage from 0% to 1000%, such as `70%` or `0.5%`")]
    Percent,
}

/// Names of the units of time, the largest first, with their length in nanoseconds.
const TIMES: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Names of the units of size and their length in bytes. Binary ones come first: they win where two texts are
/// equally short.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads a duration: `250ms`, `5s`, `1m30s`. Units go from large to small, each at most once.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text;
    let mut smaller = &TIMES[..];
    let mut nanos: u64 = 0;
    loop {
        let (number, after) = leading_number(rest, UnitError::Duration, UnitError::TooLong)?;
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
        let (unit, after) = after.split_at(letters);
        let at = smaller.iter().position(|(name, _)| *name == unit).ok_or(UnitError::Duration)?;
        let part = number.checked_mul(smaller[at].1).ok_or(UnitError::TooLong)?;
        nanos = nanos.checked_add(part).ok_or(UnitError::TooLong)?;
        if after.is_empty() {
            return Ok(Duration::from_nanos(nanos));
        }
        smaller = &smaller[at + 1..];
        rest = after;
    }
}

/// Writes a duration in the shorter of two exact forms: in one unit (`90s`), or in all of them (`1d1s`).
pub fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let whole = TIMES.iter().find(|(_, unit)| nanos.is_multiple_of(u128::from(*unit)));
    // Every number of nanoseconds is a multiple of one nanosecond, and zero is one of every unit.
    let single = match whole {
        Some((name, unit)) if nanos > 0 => format!("{}{name}", nanos / u128::from(*unit)),
        _ => return "0s".to_owned(),
    };
    let mut compound = String::new();
    let mut left = nanos;
    for (name, unit) in TIMES {
        let unit = u128::from(unit);
        if left >= unit {
            write!(compound, "{}{name}", left / unit).expect("a String takes all that is written");
            left %= unit;
        }
    }
    if single.len() <= compound.len() { single } else { compound }
}

/// Reads a size in bytes: `64KiB`, `10MB`, `512B`, or a plain number of bytes.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = leading_number(text, UnitError::Size, UnitError::TooBig)?;
    let bytes = match unit {
        "" => 1,
        unit => SIZES.iter().find(|(name, _)| *name == unit).ok_or(UnitError::Size)?.1,
    };
    number.checked_mul(bytes).ok_or(UnitError::TooBig)
}

/// Writes a size in the shortest exact form with one unit: `64KiB`, `1MB`, `1500B`.
pub fn show_size(bytes: u64) -> String {
    SIZES
        .iter()
        .filter(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit))
        .map(|(name, unit)| format!("{}{name}", bytes / unit))
        .min_by_key(String::len)
        .unwrap_or_else(|| "0B".to_owned())
}

/// So many events in so much time. Neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    count: u64,
    per: Duration,
}

impl Rate {
    /// `count` events in each `per`; `None` where one of them is zero.
    pub const fn new(count: u64, per: Duration) -> Option<Self> {
        if count == 0 || per.is_zero() { None } else { Some(Self { count, per }) }
    }

    /// How many events.
    pub const fn count(self) -> u64 {
        self.count
    }

    /// In how much time.
    pub const fn per(self) -> Duration {
        self.per
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = show_duration(self.per);
        // `100/s` says the same as `100/1s`.
        let unit = TIMES.iter().map(|(name, _)| *name).find(|name| per.strip_prefix('1') == Some(name));
        write!(f, "{}/{}", self.count, unit.unwrap_or(&per))
    }
}

/// Reads a rate: `100/s`, `1000/h`, and for other periods `5/10s`.
pub fn parse_rate(text: &str) -> Result<Rate, UnitError> {
    let (count, per) = text.split_once('/').ok_or(UnitError::Rate)?;
    let (count, "") = leading_number(count, UnitError::Rate, UnitError::Rate)? else {
        return Err(UnitError::Rate);
    };
    let per = match TIMES.iter().find(|(name, _)| *name == per) {
        Some((_, nanos)) => Duration::from_nanos(*nanos),
        None => parse_duration(per).map_err(|_| UnitError::Rate)?,
    };
    Rate::new(count, per).ok_or(UnitError::Rate)
}

/// Reads a percentage as a share: `70%` is 0.7. Up to `1000%`, since tolerances and margins go above the whole.
pub fn parse_percent(text: &str) -> Result<f64, UnitError> {
    let number = text.strip_suffix('%').ok_or(UnitError::Percent)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(UnitError::Percent);
    }
    match number.parse::<f64>() {
        Ok(percent) if percent <= 1000.0 => Ok(percent / 100.0),
        _ => Err(UnitError::Percent),
    }
}

/// The whole number at the start and what follows it.
fn leading_number(text: &str, bad: UnitError, large: UnitError) -> Result<(u64, &str), UnitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    if number.is_empty() {
        return Err(bad);
    }
    // Digits alone fail to parse only where they are too many.
    Ok((number.parse().map_err(|_| large)?, rest))
}
