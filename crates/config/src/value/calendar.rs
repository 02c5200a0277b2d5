//! Times of the week: days, minutes of a day, and whose clock they are read from.

use std::fmt;
use std::sync::{LazyLock, OnceLock};

use jiff::tz::TimeZoneDatabase;

use super::number::whole;
use super::{Bad, Typed, typed, word};
use crate::suggest::nearest;

/// The days as they are typed, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What else they are called.
const WORDS: [(&str, &str); 4] =
    [("weekdays", "mon-fri"), ("weekend", "sat-sun"), ("daily", "mon-sun"), ("everyday", "mon-sun")];

/// A day, or days from one to another: `mon-fri`, `sun`. It may go over the end of the week: `sat-mon`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DayRange {
    first: u8,
    last: u8,
}

impl DayRange {
    /// The whole week.
    pub(crate) const WEEK: Self = Self { first: 0, last: 6 };

    /// Whether a day is one of them; 0 is Monday.
    pub const fn contains(self, day: u8) -> bool {
        if self.first <= self.last {
            self.first <= day && day <= self.last
        } else {
            day < 7 && (self.first <= day || day <= self.last)
        }
    }
}

impl fmt::Display for DayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |day: u8| DAYS[usize::from(day % 7)];
        f.write_str(name(self.first))?;
        if self.first == self.last { Ok(()) } else { write!(f, "-{}", name(self.last)) }
    }
}

impl Typed for DayRange {
    const FORMAT: &'static str = "days";
    const EXPECTED: &'static str = "a day such as `mon`, or days such as `mon-fri`";

    fn read(text: &str) -> Result<Self, Bad> {
        if let Some((_, days)) = WORDS.iter().find(|(word, _)| *word == text.to_ascii_lowercase()) {
            return Err(Bad::mean(days));
        }
        if text.contains(',') && text.len() <= 64 {
            let better = text.to_ascii_lowercase().split(',').map(str::trim).collect::<Vec<_>>().join(", ");
            return Err(Bad::plain().hint(format!("write a list: `[{better}]`")));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (day(first), day(last)) {
            (Some(first), Some(last)) => Ok(Self { first, last }),
            _ => Err(better_days(text, first, last).map_or_else(Bad::plain, Bad::mean)),
        }
    }
}

fn day(name: &str) -> Option<u8> {
    DAYS.iter().position(|day| *day == name).and_then(|at| u8::try_from(at).ok())
}

/// What `Monday`, `MON` or `Mon - Fri` mean, most likely.
fn better_days(text: &str, first: &str, last: &str) -> Option<String> {
    let short = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        DAYS.iter().copied().find(|day| name.starts_with(day) && name.len() <= "wednesday".len())
    };
    let (first, last) = (short(first)?, short(last)?);
    Some(if text.contains('-') { format!("{first}-{last}") } else { first.to_owned() })
}

/// A minute of a day, `00:00` to `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayTime(u16);

impl DayTime {
    /// The beginning of a day.
    pub(crate) const MIDNIGHT: Self = Self(0);
    /// The end of a day.
    pub(crate) const END: Self = Self(24 * 60);

    /// Minutes since the beginning of the day; 1440 is its end.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl fmt::Display for DayTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Typed for DayTime {
    const FORMAT: &'static str = "time of day";
    const EXPECTED: &'static str = "a time such as `08:00` or `18:30`";
    const NOUN: &'static str = "a time";

    fn read(text: &str) -> Result<Self, Bad> {
        match text.split_once(':') {
            Some((hour, minute)) if hour.len() == 2 && minute.len() == 2 => match at(hour, minute) {
                Some(time) => Ok(time),
                None => Err(Bad::because("a day goes from `00:00` to `24:00`")),
            },
            Some((hour, minute)) => Err(at(hour, minute).map_or_else(Bad::plain, Bad::mean)),
            None => Err(at(text, "0").map_or_else(Bad::plain, Bad::mean)),
        }
    }

    /// Minutes.
    fn measure(&self) -> Option<u64> {
        Some(self.0.into())
    }

    fn show(measure: u64) -> String {
        u16::try_from(measure).map_or_else(|_| measure.to_string(), |minutes| Self(minutes).to_string())
    }
}

fn at(hour: &str, minute: &str) -> Option<DayTime> {
    match (whole::<u16>(hour)?, whole::<u16>(minute)?) {
        (hour @ 0..24, minute @ 0..60) => Some(DayTime(hour * 60 + minute)),
        (24, 0) => Some(DayTime::END),
        _ => None,
    }
}

word!(
    /// The name of a time zone of the IANA database, as it stands in the copy that comes with Tidegate.
    TimeZone, "time zone", "the name of a time zone such as `Europe/Berlin` or `UTC`", &["string"], |text| {
        static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
        // Longer than any name there is.
        if text.len() > 64 {
            return Err(Bad::plain());
        }
        match ZONES.get(text) {
            Ok(_) => Ok(text.into()),
            Err(_) => Err(better_zone(&ZONES, text).map_or_else(Bad::plain, Bad::mean)),
        }
    }
);

/// What `Berlin`, `Europ/Berlin` or `Europe/Berln` mean, most likely. There are hundreds of names, so that of those of
/// the same region only the ones that begin alike are compared.
fn better_zone(zones: &'static TimeZoneDatabase, text: &str) -> Option<&'static str> {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| zones.available().map(|name| name.to_string()).collect());
    let names = names.iter().map(String::as_str);
    let city_at = |name: &str| name.rfind('/').map_or(0, |slash| slash + 1);
    let (region, city) = text.split_at(city_at(text));
    let same_city = |name: &&str| name[city_at(name)..].eq_ignore_ascii_case(city);
    let alike = |name: &&str| {
        let (its_region, its_city) = name.split_at(city_at(name));
        let first = |city: &str| city.bytes().next().map(|b| b.to_ascii_lowercase());
        its_region.eq_ignore_ascii_case(region) && first(its_city) == first(city)
    };
    names.clone().find(same_city).or_else(|| nearest(text, names.filter(alike)))
}

typed!(DayRange, DayTime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_one_or_from_one_to_another() {
        let days =
            |text| DayRange::read(text).map(|range| (0..9).filter(|day| range.contains(*day)).collect());
        assert_eq!(days("mon"), Ok(vec![0]));
        assert_eq!(days("mon-fri"), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(days("sat-mon"), Ok(vec![0, 5, 6]));
        for text in ["sun", "mon-sun", "sat-mon"] {
            assert_eq!(DayRange::read(text).map(|range| range.to_string()), Ok(text.into()));
        }
        for text in ["", "-", "mon-", "monday", "1-5", "mon-fri-sun", "mon,tue"] {
            assert!(DayRange::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_is_two_digits_twice() {
        for (text, minutes) in [("00:00", 0), ("08:05", 485), ("23:59", 1439), ("24:00", 1440)] {
            let time = DayTime::read(text);
            assert_eq!(time.as_ref().map(|time| time.minutes()), Ok(minutes));
            assert_eq!(time.map(|time| time.to_string()), Ok(text.into()));
        }
        for text in ["", ":", "8:00", "08:60", "24:01", "08:0", "-1:00", "08:00:00", "8", "8pm"] {
            assert!(DayTime::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_zone_of_the_database_is_one_and_nothing_else_is() {
        for text in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata"] {
            assert_eq!(TimeZone::read(text).map(|zone| zone.to_string()), Ok(text.into()));
        }
        for text in ["", "Europe", "+02:00", "Mars/Phobos", "../etc/passwd"] {
            assert!(TimeZone::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_most_likely_meant_is_hinted_at() {
        let hint = |bad: Bad| bad.hint.unwrap_or_default();
        assert_eq!(DayRange::read("Mon - Fri").map_err(hint), Err("did you mean `mon-fri`?".into()));
        assert_eq!(DayRange::read("Wednesday").map_err(hint), Err("did you mean `wed`?".into()));
        assert_eq!(DayRange::read("weekend").map_err(hint), Err("did you mean `sat-sun`?".into()));
        assert_eq!(DayRange::read("mon,Wed").map_err(hint), Err("write a list: `[mon, wed]`".into()));
        assert_eq!(DayTime::read("8:00").map_err(hint), Err("did you mean `08:00`?".into()));
        assert_eq!(DayTime::read("18").map_err(hint), Err("did you mean `18:00`?".into()));
        assert_eq!(TimeZone::read("Europe/Berln").map_err(hint), Err("did you mean `Europe/Berlin`?".into()));
        for text in ["berlin", "Europ/Berlin"] {
            assert_eq!(TimeZone::read(text).map_err(hint), Err("did you mean `Europe/Berlin`?".into()));
        }
    }
}
