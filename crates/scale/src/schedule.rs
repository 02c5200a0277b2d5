//! Bounds of the hour: `min` and `max`, and what the windows of the schedule make of them.
//!
//! Windows are looked up anew for each decision from nothing but the clock on the wall, so a clock that jumps,
//! a change to summer time and a reload need no care. A floor is looked at ahead of time: instances that are to be
//! there at eight are started before eight.
//!
//! *Promise*: the ceiling is never below the floor; where they contradict each other the ceiling stays.
//! *Cost*: a conversion to local time for each window and decision, a fraction of a microsecond.

use crate::{Reason, Settings, Window};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::{Duration, SystemTime};

/// The fewest and the most instances at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The fewest, by `min` or by the schedule.
    pub(crate) floor: (u32, Reason),
    /// The most, by `max` or by the schedule.
    pub(crate) ceiling: (u32, Reason),
    /// The fewest by the schedule alone; zero where it has nothing to say.
    pub(crate) scheduled: u32,
}

/// The windows with their time zones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calendar(Vec<(Window, TimeZone)>);

/// Whether a name stands in the time zone database. A window with another name goes by UTC.
pub fn is_time_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

impl Calendar {
    /// Looks the time zones up.
    pub(crate) fn new(windows: &[Window]) -> Self {
        let zone = |window: &Window| {
            let name = window.time_zone.as_deref();
            name.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
        };
        Self(windows.iter().map(|window| (window.clone(), zone(window))).collect())
    }

    /// The bounds at a moment, with a floor for `lead` later already.
    pub(crate) fn bounds(&self, settings: &Settings, wall: Option<SystemTime>, lead: Duration) -> Bounds {
        let now = wall.and_then(timestamp);
        let soon = wall.and_then(|wall| wall.checked_add(lead)).and_then(timestamp);
        let floors = self.open(now).chain(self.open(soon)).filter_map(|window| window.min);
        let scheduled = floors.max().unwrap_or(0);
        let ceiling = match self.open(now).filter_map(|window| window.max).min() {
            Some(max) if max < settings.max => (max, Reason::Schedule),
            _ => (settings.max, Reason::Max),
        };
        let floor = if scheduled > settings.min {
            (scheduled, Reason::Schedule)
        } else {
            (settings.min, Reason::Min)
        };
        Bounds { floor: (floor.0.min(ceiling.0), floor.1), ceiling, scheduled: scheduled.min(ceiling.0) }
    }

    /// The windows that a moment lies in.
    fn open(&self, at: Option<Timestamp>) -> impl Iterator<Item = &Window> {
        let windows =
            at.into_iter().flat_map(|at| self.0.iter().map(move |(window, zone)| (window, zone, at)));
        windows.filter(|(window, zone, at)| is_open(window, zone, *at)).map(|(window, ..)| window)
    }
}

/// Whether a window is open. One that ends on the next day belongs to the day on which it begins.
fn is_open(window: &Window, zone: &TimeZone, at: Timestamp) -> bool {
    let local = zone.to_datetime(at);
    let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
    let today = usize::from(local.weekday().to_monday_zero_offset().unsigned_abs()) % 7;
    let begun_today = window.days[today];
    let begun_yesterday = window.days[(today + 6) % 7];
    if window.from < window.to {
        begun_today && (window.from..window.to).contains(&minute)
    } else {
        (begun_today && minute >= window.from) || (begun_yesterday && minute < window.to)
    }
}

fn timestamp(wall: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(wall).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKDAYS: [bool; 7] = [true, true, true, true, true, false, false];

    fn wall(text: &str) -> SystemTime {
        SystemTime::from(text.parse::<Timestamp>().expect("a time with its offset"))
    }

    fn window(days: [bool; 7], from: u16, to: u16, zone: &str) -> Window {
        Window { days, from, to, time_zone: Some(zone.into()), min: Some(4), max: Some(20) }
    }

    /// The fewest and the most, with min 1 and max 30.
    fn bounds(windows: &[Window], text: &str) -> (u32, u32) {
        let settings = Settings { min: 1, max: 30, ..Settings::default() };
        let bounds = Calendar::new(windows).bounds(&settings, Some(wall(text)), Duration::ZERO);
        (bounds.floor.0, bounds.ceiling.0)
    }

    #[test]
    fn a_window_holds_from_its_first_minute_to_before_its_last_in_local_time() {
        let windows = [window(WORKDAYS, 8 * 60, 18 * 60, "Europe/Berlin")];
        // A Monday in winter, an hour ahead of UTC, and one in summer, two hours ahead.
        assert_eq!(bounds(&windows, "2026-01-12T06:59:59Z"), (1, 30));
        assert_eq!(bounds(&windows, "2026-01-12T07:00:00Z"), (4, 20));
        assert_eq!(bounds(&windows, "2026-01-12T16:59:59Z"), (4, 20));
        assert_eq!(bounds(&windows, "2026-01-12T17:00:00Z"), (1, 30));
        assert_eq!(bounds(&windows, "2026-07-13T06:00:00Z"), (4, 20));
        assert_eq!(bounds(&windows, "2026-01-10T12:00:00Z"), (1, 30), "a Saturday");
    }

    #[test]
    fn a_window_past_midnight_belongs_to_the_day_on_which_it_begins() {
        let friday = [false, false, false, false, true, false, false];
        let windows = [window(friday, 22 * 60, 2 * 60, "UTC")];
        let open = |text| bounds(&windows, text).0 == 4;
        assert!(open("2026-01-09T22:00:00Z") && open("2026-01-10T01:59:59Z"));
        assert!(!open("2026-01-09T01:00:00Z") && !open("2026-01-10T02:00:00Z"));
        assert!(!open("2026-01-10T22:30:00Z"), "a Saturday's night");
        let whole_day = [window(friday, 6 * 60, 6 * 60, "UTC")];
        assert_eq!(bounds(&whole_day, "2026-01-10T05:59:00Z"), (4, 20));
        assert_eq!(bounds(&whole_day, "2026-01-10T06:00:00Z"), (1, 30));
    }

    #[test]
    fn of_several_windows_the_highest_floor_and_the_lowest_ceiling_count() {
        let all = [true; 7];
        let windows = [
            Window { min: Some(2), max: None, ..window(all, 0, 0, "UTC") },
            Window { min: Some(9), max: Some(7), ..window(all, 12 * 60, 13 * 60, "UTC") },
        ];
        assert_eq!(bounds(&windows, "2026-01-09T11:00:00Z"), (2, 30));
        assert_eq!(bounds(&windows, "2026-01-09T12:00:00Z"), (7, 7), "the ceiling stays");
    }

    #[test]
    fn a_floor_holds_a_lead_earlier_and_a_ceiling_does_not() {
        let calendar = Calendar::new(&[window(WORKDAYS, 8 * 60, 18 * 60, "UTC")]);
        let settings = Settings { max: 30, ..Settings::default() };
        let at = |text, lead| calendar.bounds(&settings, Some(wall(text)), Duration::from_secs(lead));
        let early = at("2026-01-12T07:58:00Z", 120);
        assert_eq!((early.floor, early.ceiling), ((4, Reason::Schedule), (30, Reason::Max)));
        assert_eq!(at("2026-01-12T07:58:00Z", 119).floor, (1, Reason::Min));
        assert_eq!(at("2026-01-12T17:59:00Z", 120).floor, (4, Reason::Schedule), "and not shorter for it");
    }

    #[test]
    fn an_unknown_zone_goes_by_utc_and_a_time_that_is_none_by_min_and_max() {
        assert!(is_time_zone("Europe/Berlin") && is_time_zone("America/New_York") && is_time_zone("UTC"));
        assert!(!is_time_zone("Europe/Atlantis"));
        let windows = [window([true; 7], 8 * 60, 9 * 60, "Europe/Atlantis")];
        assert_eq!(bounds(&windows, "2026-01-12T08:30:00Z"), (4, 20));
        let settings = Settings::default();
        let calendar = Calendar::new(&windows);
        assert_eq!(calendar.bounds(&settings, None, Duration::ZERO).ceiling, (1, Reason::Max));
        let far = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 40));
        assert_eq!(calendar.bounds(&settings, far, Duration::MAX).floor, (1, Reason::Min));
    }
}
