//! Rates: so many in a span of time.

use std::fmt;
use std::time::Duration;

use base::units::{parse_rate, show_duration};

use super::{Bad, Typed, typed};

/// So many in a span of time: `100/s`, `5/10s`, `1000000/month`. At most 100,000,000 a second, over a month at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    count: u64,
    per: Per,
}

/// The span of a [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Per {
    /// So long.
    Time(Duration),
    /// As long as the month is.
    Month,
}

/// A span that a calendar knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Calendar {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// What a month is where no calendar is asked.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// The longest span that may be typed as a length of time.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// The shortest time between two: what a bucket counts in whole nanoseconds stays exact to one in ten.
const SHORTEST: u128 = 10;

/// The most that is counted: a JSON number holds it exactly.
const MOST: u64 = 1 << 53;

impl Rate {
    /// How many; never zero.
    pub const fn count(self) -> u64 {
        self.count
    }

    /// In how long; never zero. A month is taken as 30 days here.
    pub const fn per(self) -> Duration {
        match self.per {
            Per::Time(span) => span,
            Per::Month => MONTH,
        }
    }

    /// The span as a calendar knows it, where it is an hour, a day or a month.
    pub const fn calendar(self) -> Option<Calendar> {
        match self.per {
            Per::Month => Some(Calendar::Month),
            Per::Time(span) if span.as_nanos() == HOUR.as_nanos() => Some(Calendar::Hour),
            Per::Time(span) if span.as_nanos() == DAY.as_nanos() => Some(Calendar::Day),
            Per::Time(_) => None,
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per {
            Per::Month => "month",
            Per::Time(SECOND) => "s",
            Per::Time(MINUTE) => "m",
            Per::Time(HOUR) => "h",
            Per::Time(DAY) => "d",
            Per::Time(span) => return write!(f, "{}/{}", self.count, show_duration(span)),
        };
        write!(f, "{}/{unit}", self.count)
    }
}

impl Typed for Rate {
    const FORMAT: &'static str = "rate";
    const EXPECTED: &'static str =
        "a rate such as `100/s`, `1000/h` or `1000000/month` (units s, m, h, d, month)";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        let rate = match text.strip_suffix("/month").map(|count| parse_rate(&format!("{count}/d"))) {
            Some(Ok(rate)) => Self { count: rate.count(), per: Per::Month },
            Some(Err(_)) => return Err(refused(text)),
            None => match parse_rate(text) {
                Ok(rate) => Self { count: rate.count(), per: Per::Time(rate.per()) },
                Err(_) => return Err(refused(text)),
            },
        };
        if u128::from(rate.count) * SHORTEST > rate.per().as_nanos() {
            return Err(Bad::because("it is above 100000000/s").hint("without a limit, leave the key out"));
        }
        if rate.count > MOST {
            return Err(Bad::because("the number is too large"));
        }
        if rate.per() > LONGEST {
            return Err(
                Bad::because("the longest span is a month").or_mean(format_args!("{}/month", rate.count))
            );
        }
        Ok(rate)
    }
}

fn refused(text: &str) -> Bad {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && text[..digits].bytes().all(|digit| digit == b'0') && !text[digits..].starts_with('.') {
        return Bad::because("the number must be above 0");
    }
    better(text).filter(|better| Rate::read(better).is_ok()).map_or_else(Bad::plain, Bad::mean)
}

/// What `100/sec`, `100 requests per minute`, `100rps`, `1k/s` or `0.5/s` mean, most likely.
fn better(text: &str) -> Option<String> {
    if text.len() > 48 {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let plain: String = lower.chars().filter(|c| !" _,".contains(*c)).collect();
    let behind = plain.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(plain.len());
    let (number, rest) = plain.split_at(behind);
    let (thousands, rest) = rest.strip_prefix('k').map_or((1, rest), |rest| (1_000, rest));
    let unit = if rest.is_empty() { "s" } else { unit(rest)? };
    count_and_unit(number, thousands, unit)
}

/// The unit behind `/`, `per`, `rp` and the like.
fn unit(text: &str) -> Option<&'static str> {
    let without = |text: &str, words: &[&str]| {
        words.iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text).to_owned()
    };
    let text = without(text, &["requests", "request", "reqs", "req", "calls", "r", "q"]);
    Some(match without(&text, &["per", "/", "p"]).as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "week" | "weeks" => "7d",
        "mo" | "mon" | "month" | "months" => "month",
        _ => return None,
    })
}

/// A number that may have a fraction, in the smallest unit from `unit` on in which it is whole.
fn count_and_unit(number: &str, thousands: u64, unit: &str) -> Option<String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.is_empty() {
        return Some(format!("{}/{unit}", whole.parse::<u64>().ok()?.checked_mul(thousands)?));
    }
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let parts = format!("{whole}{fraction}").parse::<u64>().ok()?.checked_mul(thousands)?;
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let (_, own) = units.iter().find(|(name, _)| *name == unit)?;
    units.iter().filter(|(_, seconds)| seconds >= own).find_map(|(name, seconds)| {
        let parts = parts.checked_mul(seconds / own)?;
        (parts > 0 && parts.is_multiple_of(scale)).then(|| format!("{}/{name}", parts / scale))
    })
}

typed!(Rate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_shown_as_it_may_be_typed() {
        for text in ["1/s", "100/m", "1000/h", "10/d", "1000000/month", "5/10s", "100000000/s", "5/100ms"] {
            assert_eq!(Rate::read(text).map(|rate| rate.to_string()), Ok(text.into()));
        }
        assert_eq!(Rate::read("60/60s").map(|rate| rate.to_string()), Ok("60/m".into()));
    }

    #[test]
    fn hours_days_and_months_are_of_the_calendar() {
        let calendar = |text| Rate::read(text).map(Rate::calendar);
        assert_eq!(calendar("1/h"), Ok(Some(Calendar::Hour)));
        assert_eq!(calendar("1/24h"), Ok(Some(Calendar::Day)));
        assert_eq!(calendar("1/month"), Ok(Some(Calendar::Month)));
        assert_eq!(calendar("1/m"), Ok(None));
        assert_eq!(Rate::read("1/month").map(Rate::per), Ok(Duration::from_secs(2_592_000)));
    }

    #[test]
    fn other_ways_to_write_a_rate_get_the_one_that_is_meant() {
        let hint = |text| Rate::read(text).map_err(|bad| bad.hint.unwrap_or_default()).unwrap_err();
        for (text, meant) in [
            ("100/sec", "100/s"),
            ("100 per second", "100/s"),
            ("100rps", "100/s"),
            ("100r/s", "100/s"),
            ("30 requests per minute", "30/m"),
            ("1k/s", "1000/s"),
            ("1_000/day", "1000/d"),
            ("100", "100/s"),
            ("0.5/s", "30/m"),
            ("5/months", "5/month"),
            ("1/week", "1/7d"),
            ("1/365d", "1/month"),
        ] {
            assert_eq!(hint(text), format!("did you mean `{meant}`?"), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "/",
            "/s",
            "0/s",
            "-1/s",
            "1/0s",
            "1/x",
            "1/s/s",
            "100000001/s",
            "many",
            "9e9/s",
            "1/366d",
            "1/1ns",
        ] {
            assert!(Rate::read(text).is_err(), "{text}");
        }
        assert!(Rate::read("99999999999999999999999/s").is_err());
        assert!(Rate::read(&"9".repeat(100_000)).is_err());
    }
}
