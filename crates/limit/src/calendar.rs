//! Windows of the calendar: which one a time lies in, when it began and when it ends. In UTC, so no window is ever longer or
//! shorter because of summer time.
//!
//! *Not here*: what is counted.
//! *Cost*: a few divisions.

use crate::policy::Window;

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
/// Times beyond this count as this one: 2^21 hours, in the year 2209, is how far windows are numbered.
pub(crate) const LAST: u64 = (1 << 21) * HOUR - 1;
/// Days in 400 years, after which the calendar repeats.
const ERA: u64 = 146_097;
/// Days from the first of March of the year 0 to the first of January 1970.
const EPOCH: u64 = 719_468;

impl Window {
    /// The number of the window in which a time lies, counted from 1970. Below 2^21.
    pub(crate) fn number(self, unix: u64) -> u64 {
        let unix = unix.min(LAST);
        match self {
            Self::Hour => unix / HOUR,
            Self::Day => unix / DAY,
            Self::Month => month(unix / DAY),
        }
    }

    /// When a window begins, in unix seconds; its end is when the next one begins.
    pub(crate) fn start(self, number: u64) -> u64 {
        match self {
            Self::Hour => number * HOUR,
            Self::Day => number * DAY,
            Self::Month => first_day(number) * DAY,
        }
    }

    /// The length of the longest such window, in seconds.
    pub(crate) fn longest(self) -> u64 {
        match self {
            Self::Hour => HOUR,
            Self::Day => DAY,
            Self::Month => 31 * DAY,
        }
    }
}

/// Months since January 1970 of a day since 1970. Years count from March here, so that the leap day is the last of a year, and
/// the months from March on have (153 m + 2) / 5 days before them.
fn month(day: u64) -> u64 {
    let day = day + EPOCH;
    let in_era = day % ERA;
    let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / (ERA - 1)) / 365;
    let year = day / ERA * 400 + year_of_era;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * in_year + 2) / 153;
    // March of the year 0 is month 2; January 1970 is what counting begins with.
    year * 12 + from_march + 2 - 1_970 * 12
}

/// The day since 1970 that is the first of a month since January 1970.
fn first_day(month: u64) -> u64 {
    let from_march = month + 1_970 * 12 - 2;
    let (year, in_year) = (from_march / 12, from_march % 12);
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * in_year + 2) / 5 - EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn unix(year: i16, month: i8, day: i8, hour: i8) -> u64 {
        let zoned = date(year, month, day).at(hour, 0, 0, 0).to_zoned(TimeZone::UTC).expect("a date");
        zoned.timestamp().as_second().cast_unsigned()
    }

    /// Start and end of the window of a time.
    fn span(window: Window, unix: u64) -> (u64, u64) {
        let number = window.number(unix);
        (window.start(number), window.start(number + 1))
    }

    #[test]
    fn months_end_where_the_calendar_says_in_leap_years_too() {
        for (year, month, days) in
            [(2023, 2, 28), (2024, 2, 29), (2100, 2, 28), (2000, 2, 29), (2026, 12, 31), (2026, 4, 30)]
        {
            let start = unix(year, month, 1, 0);
            let end = start + days * DAY;
            for within in [start, start + 1, start + 15 * DAY, end - 1] {
                assert_eq!(span(Window::Month, within), (start, end), "{year}-{month}");
            }
            assert_eq!(span(Window::Month, end).0, end, "{year}-{month}: the next begins");
        }
    }

    #[test]
    fn the_first_and_the_last_time_have_windows() {
        for window in [Window::Hour, Window::Day, Window::Month] {
            assert_eq!(span(window, 0).0, 0);
            assert_eq!(window.number(u64::MAX), window.number(LAST));
            assert!(window.number(LAST) < 1 << 21);
            assert!(span(window, LAST).1 > LAST);
        }
    }

    proptest! {
        #[test]
        fn any_time_lies_in_the_window_that_another_calendar_says(unix in 0..LAST) {
            let stamp = jiff::Timestamp::from_second(unix.cast_signed()).expect("in range");
            let zoned = stamp.to_zoned(TimeZone::UTC);
            let first = zoned.first_of_month().expect("in range").start_of_day().expect("in range");
            let next = first.checked_add(jiff::Span::new().months(1)).expect("in range");
            let want = [&first, &next].map(|day| day.timestamp().as_second().cast_unsigned());
            prop_assert_eq!(span(Window::Month, unix), want.into());
            prop_assert_eq!(span(Window::Day, unix), (unix / DAY * DAY, unix / DAY * DAY + DAY));
            prop_assert_eq!(span(Window::Hour, unix), (unix / HOUR * HOUR, unix / HOUR * HOUR + HOUR));
        }
    }
}
