//! What the same time of yesterday and of last week needed.
//!
//! Each five minutes have a bucket with the most instances that the signals wanted then. Most of what a service
//! needs comes back each day and each week, so the greater of the two is started ahead of time. It is a floor and nothing
//! else: where the forecast is wrong there are too many instances for a while, never too few.
//!
//! *Promise*: 2,017 buckets, 16 KiB a service, and only where it is turned on. Nothing is foretold before 24 hours have
//! been measured, by the clock that does not jump.
//! *Not here*: trends. Weeks that grow are what the other signals are for. What is foretold is not learnt again.

use base::Moment;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds of a bucket.
const BUCKET: u64 = 300;
/// Buckets of a day.
const DAY: u64 = 24 * 3_600 / BUCKET;
/// Buckets of a week.
const WEEK: u64 = 7 * DAY;
/// Those that are kept: a week and the one that is being filled.
const KEPT: u64 = WEEK + 1;
/// A forecast needs so much past.
const NEEDED: Duration = Duration::from_secs(86_400);

/// A week of one service.
#[derive(Clone, Debug)]
pub(crate) struct Forecast {
    /// Bucket `n` lies at `n % KEPT`.
    needs: Box<[Need]>,
    since: Option<Moment>,
}

/// The need of one bucket.
#[derive(Clone, Copy, Debug, Default)]
struct Need {
    /// Five minutes since 1970; zero is none.
    number: u32,
    /// The most instances that were wanted.
    count: u32,
}

impl Forecast {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self { needs: vec![Need::default(); KEPT as usize].into_boxed_slice(), since: None }
    }

    /// So many instances are needed now.
    pub(crate) fn learn(&mut self, now: Moment, wall: SystemTime, count: u32) {
        self.since.get_or_insert(now);
        let Some(number) = bucket(wall) else { return };
        let need = &mut self.needs[(number % KEPT) as usize];
        let before = if u64::from(need.number) == number { need.count } else { 0 };
        *need = Need { number: number as u32, count: before.max(count) };
    }

    /// What will be needed between now and `lead` later, as far as that is known.
    pub(crate) fn floor(&self, now: Moment, wall: SystemTime, lead: Duration) -> Option<u32> {
        if now.since(self.since?) < NEEDED {
            return None;
        }
        let first = bucket(wall)?;
        let last = wall.checked_add(lead).and_then(bucket).unwrap_or(first).clamp(first, first + DAY);
        let earlier = (first..=last).flat_map(|number| [number.checked_sub(DAY), number.checked_sub(WEEK)]);
        earlier.flatten().filter_map(|number| self.need(number)).max()
    }

    fn need(&self, number: u64) -> Option<u32> {
        let need = self.needs[(number % KEPT) as usize];
        (u64::from(need.number) == number && number > 0).then_some(need.count)
    }
}

/// The five minutes that a time lies in; `None` before 1970 and beyond what a bucket can be numbered with.
fn bucket(wall: SystemTime) -> Option<u64> {
    let secs = wall.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(secs / BUCKET).filter(|&number| u32::try_from(number).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;
    const MINUTE: u64 = 60;

    /// A moment and what the wall shows then, seconds after a midnight.
    fn at(secs: u64) -> (Moment, SystemTime) {
        let midnight = UNIX_EPOCH + Duration::from_secs(20_000 * 24 * HOUR);
        (Moment::ORIGIN + Duration::from_secs(secs), midnight + Duration::from_secs(secs))
    }

    fn learn(forecast: &mut Forecast, secs: u64, count: u32) {
        let (now, wall) = at(secs);
        forecast.learn(now, wall, count);
    }

    fn floor(forecast: &Forecast, secs: u64, lead: u64) -> Option<u32> {
        let (now, wall) = at(secs);
        forecast.floor(now, wall, Duration::from_secs(lead))
    }

    /// A week in which 2 are needed, and 9 each day from eight to nine.
    fn week() -> Forecast {
        let mut forecast = Forecast::new();
        for secs in (0..7 * 24 * HOUR).step_by(60) {
            let eight = (8 * HOUR..9 * HOUR).contains(&(secs % (24 * HOUR)));
            learn(&mut forecast, secs, if eight { 9 } else { 2 });
        }
        forecast
    }

    #[test]
    fn the_same_five_minutes_of_yesterday_are_foretold_once_a_day_has_passed() {
        let mut forecast = Forecast::new();
        learn(&mut forecast, 8 * HOUR, 5);
        learn(&mut forecast, 8 * HOUR + 299, 7);
        learn(&mut forecast, 8 * HOUR + 300, 3);
        assert_eq!(floor(&forecast, 32 * HOUR - 1, 0), None, "not yet 24 hours");
        assert_eq!(floor(&forecast, 32 * HOUR, 0), Some(7), "the most of its bucket");
        assert_eq!(floor(&forecast, 32 * HOUR + 300, 0), Some(3));
        assert_eq!(floor(&forecast, 32 * HOUR + 600, 0), None, "of that time nothing is known");
    }

    #[test]
    fn what_will_be_needed_soon_is_foretold_a_lead_earlier() {
        let forecast = week();
        let eight = 7 * 24 * HOUR + 8 * HOUR;
        assert_eq!(floor(&forecast, eight - 2 * MINUTE, 119), Some(2));
        assert_eq!(floor(&forecast, eight - 2 * MINUTE, 120), Some(9));
        assert_eq!(floor(&forecast, eight + HOUR - 1, 600), Some(9), "and not shorter for it");
        assert_eq!(floor(&forecast, eight + HOUR, 0), Some(2));
    }

    #[test]
    fn last_week_counts_where_yesterday_was_quieter() {
        let mut forecast = week();
        for secs in (7 * 24 * HOUR..8 * 24 * HOUR).step_by(60) {
            learn(&mut forecast, secs, 1);
        }
        let eight = 8 * 24 * HOUR + 8 * HOUR;
        assert_eq!(floor(&forecast, eight, 0), Some(9));
        assert_eq!(floor(&forecast, eight + 2 * HOUR, 0), Some(2));
    }

    #[test]
    fn memory_is_that_of_a_week_and_clocks_that_jump_do_no_harm() {
        let mut forecast = week();
        assert_eq!(forecast.needs.len(), 2_017);
        let (now, wall) = at(8 * 24 * HOUR);
        let century = Duration::from_secs(36_500 * 24 * HOUR);
        for wall in [UNIX_EPOCH, UNIX_EPOCH - century, wall + century, wall - century, wall + century * 1_000]
        {
            forecast.learn(now, wall, 3);
            forecast.floor(now, wall, Duration::MAX);
        }
        assert_eq!(forecast.floor(now, wall + century * 10, Duration::ZERO), None, "nothing is known of it");
        let mut young = Forecast::new();
        young.learn(now, wall, 5);
        let later = now + Duration::from_secs(60);
        let tomorrow = wall + Duration::from_secs(24 * HOUR);
        assert_eq!(
            young.floor(later, tomorrow, Duration::ZERO),
            None,
            "the wall jumped, a minute has passed"
        );
    }
}
