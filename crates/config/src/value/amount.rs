//! Durations, sizes, counts, and the words that stand for no limit.

use std::fmt;
use std::time::Duration;

use base::units::{UnitError, parse_duration, parse_size, show_duration, show_size};

use super::{Bad, Typed, typed};

/// A length of time above zero and at most a year: no wait is endless, and no sum of two overflows a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub(crate) Duration);

/// The longest [`Period`].
const YEAR: Duration = Duration::from_secs(365 * 86_400);

impl Period {
    /// A period of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A period of whole milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The length of time.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_duration(self.0))
    }
}

impl Typed for Period {
    const FORMAT: &'static str = "duration";
    const EXPECTED: &'static str = "a duration such as `250ms`, `15s` or `5m`";
    const NOUN: &'static str = "a duration";

    fn read(text: &str) -> Result<Self, Bad> {
        if !text.is_empty() && text != "0" && text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Bad::because("the unit is missing").or_mean(format_args!("{text}s")));
        }
        match parse_duration(text) {
            Ok(Duration::ZERO) => Err(Bad::because("it must be longer than zero")),
            Ok(duration) if duration <= YEAR => Ok(Self(duration)),
            Ok(_) | Err(UnitError::TooLong) => Err(Bad::because("it must be at most 365d")),
            Err(_) => Err(better_duration(text).map_or_else(Bad::plain, Bad::mean)),
        }
    }

    fn measure(&self) -> Option<u64> {
        u64::try_from(self.0.as_millis()).ok()
    }

    fn show(measure: u64) -> String {
        show_duration(Duration::from_millis(measure))
    }
}

/// What `1 Min`, `30 seconds` or `5S` mean, most likely.
fn better_duration(text: &str) -> Option<String> {
    if text.len() > 32 {
        return None;
    }
    let words = [("minute", "m"), ("min", "m"), ("second", "s"), ("sec", "s"), ("hour", "h"), ("day", "d")];
    let mut better = text.to_ascii_lowercase().replace(' ', "");
    for (word, unit) in words {
        better = better.replace(&format!("{word}s"), unit).replace(word, unit);
    }
    parse_duration(&better).is_ok().then_some(better)
}

/// A length of time, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodOrOff {
    /// So long.
    For(Period),
    /// Not at all.
    Off,
}

impl PeriodOrOff {
    /// The length of time; `None` where it is off.
    pub const fn get(self) -> Option<Duration> {
        match self {
            Self::For(period) => Some(period.get()),
            Self::Off => None,
        }
    }
}

impl fmt::Display for PeriodOrOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(period) => period.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

impl Typed for PeriodOrOff {
    const FORMAT: &'static str = "duration or off";
    const EXPECTED: &'static str = "a duration such as `250ms`, `15s` or `5m`, or `off`";
    const NOUN: &'static str = "a duration";

    fn read(text: &str) -> Result<Self, Bad> {
        match text {
            "off" | "0" => Ok(Self::Off),
            "false" | "no" | "none" => Err(Bad::mean("off")),
            _ if parse_duration(text) == Ok(Duration::ZERO) => Ok(Self::Off),
            _ => Period::read(text).map(Self::For),
        }
    }

    /// Milliseconds; 0 where it is off.
    fn measure(&self) -> Option<u64> {
        u64::try_from(self.get().unwrap_or_default().as_millis()).ok()
    }

    fn show(measure: u64) -> String {
        Period::show(measure)
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub(crate) u64);

impl ByteSize {
    /// A size of so many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_size(self.0))
    }
}

impl Typed for ByteSize {
    const FORMAT: &'static str = "size";
    const EXPECTED: &'static str = "a size such as `512B`, `64KiB` or `1MiB`";
    const TYPES: &'static [&'static str] = &["string", "integer"];
    const NOUN: &'static str = "a size";

    fn read(text: &str) -> Result<Self, Bad> {
        parse_size(text).map(Self).map_err(|error| match error {
            UnitError::TooBig => Bad::because("it must be below 16777216TiB"),
            _ => better_size(text).map_or_else(Bad::plain, Bad::mean),
        })
    }

    fn measure(&self) -> Option<u64> {
        Some(self.0)
    }

    fn show(measure: u64) -> String {
        show_size(measure)
    }
}

/// What `1mb`, `1 M` or `64kib` mean, most likely. The letters that were typed decide between `KB` (1000) and `KiB`;
/// a lone `k` is the 1024 that it is in other servers' files.
fn better_size(text: &str) -> Option<String> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "b" | "bytes" => "B",
        "k" | "kib" => "KiB",
        "m" | "mib" => "MiB",
        "g" | "gib" => "GiB",
        "t" | "tib" => "TiB",
        "kb" => "KB",
        "mb" => "MB",
        "gb" => "GB",
        "tb" => "TB",
        _ => return None,
    };
    (!number.is_empty()).then(|| format!("{number}{unit}"))
}

/// A size, or no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeLimit {
    /// At most so many bytes.
    AtMost(ByteSize),
    /// Any size.
    Unlimited,
}

impl fmt::Display for SizeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(size) => size.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl Typed for SizeLimit {
    const FORMAT: &'static str = "size or unlimited";
    const EXPECTED: &'static str = "a size such as `64KiB` or `1MiB`, or `unlimited`";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        if text == "unlimited" { Ok(Self::Unlimited) } else { ByteSize::read(text).map(Self::AtMost) }
    }
}

/// A count, or no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountLimit {
    /// At most so many; never zero.
    AtMost(u64),
    /// Any number.
    Unlimited,
}

impl fmt::Display for CountLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(count) => count.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl Typed for CountLimit {
    const FORMAT: &'static str = "count or unlimited";
    const EXPECTED: &'static str = "a whole number above 0, or `unlimited`";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        match text.parse() {
            _ if text == "unlimited" => Ok(Self::Unlimited),
            Ok(0) => Err(Bad::mean("unlimited")),
            Ok(count) => Ok(Self::AtMost(count)),
            Err(_) => Err(Bad::plain()),
        }
    }
}

/// How many worker threads serve requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// One for each core that this process may use.
    Auto,
    /// So many, from 1 to 1024.
    Count(u16),
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Count(count) => count.fmt(f),
        }
    }
}

impl Typed for Workers {
    const FORMAT: &'static str = "workers";
    const EXPECTED: &'static str = "`auto` or a number from 1 to 1024";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        match text.parse() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(count @ 1..=1024) => Ok(Self::Count(count)),
            _ => Err(Bad::plain()),
        }
    }
}

typed!(Period, PeriodOrOff, ByteSize, SizeLimit, CountLimit, Workers);
