//! Time as a value: a monotonic [`Moment`] that the pure rooms take as a parameter.
//!
//! A real clock counts from its own start, a simulated one is moved by hand, so a test never sleeps.
//! Reading the real clock is one vDSO call (25 to 80 ns), on a worker one for all that ask in the same turn.

use crate::turn;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A point of monotonic time: nanoseconds since the clock's origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The clock's origin.
    pub const ORIGIN: Self = Self(0);

    /// The moment `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero where `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// A source of [`Moment`]s.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Real(Instant),
    Simulated(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's monotonic clock, counted from now.
    pub fn real() -> Self {
        Self(Source::Real(Instant::now()))
    }

    /// A clock that stands still until [`Clock::advance`] moves it. Clones share the time.
    pub fn simulated() -> Self {
        Self(Source::Simulated(Arc::default()))
    }

    /// The time now; on a worker, that of its [turn].
    pub fn now(&self) -> Moment {
        match &self.0 {
            Source::Real(_) => self.at(turn::now()),
            Source::Simulated(nanos) => Moment(nanos.load(Ordering::Acquire)),
        }
    }

    /// The moment that an instant of the real clock is. A simulated clock knows only its own time.
    pub fn at(&self, instant: Instant) -> Moment {
        match &self.0 {
            Source::Real(origin) => {
                let since = instant.saturating_duration_since(*origin);
                Moment(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
            }
            Source::Simulated(_) => self.now(),
        }
    }

    /// Moves a simulated clock forward. A real clock moves by itself, so this does nothing to it.
    pub fn advance(&self, by: Duration) {
        if let Source::Simulated(nanos) = &self.0 {
            nanos.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_clock_moves_only_by_hand_and_for_all_its_clones() {
        let clock = Clock::simulated();
        let twin = clock.clone();
        assert_eq!(clock.now(), Moment::ORIGIN);
        twin.advance(Duration::from_millis(5));
        assert_eq!(clock.now().since(Moment::ORIGIN), Duration::from_millis(5));
    }

    #[test]
    fn a_moment_before_another_is_no_time_after_it() {
        let early = Moment::from_nanos(1);
        let late = Moment::from_nanos(9);
        assert_eq!(early - late, Duration::ZERO);
        assert_eq!(late - early, Duration::from_nanos(8));
    }
}
