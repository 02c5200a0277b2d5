//! How hard-pressed is Tidegate itself? What it does about it, in three steps: connections end with their answers;
//! then requests of low priority are refused; then no connection is accepted.
//!
//! The control thread reads the machine and says how it stands; workers read one number a request, and say how late
//! they are. Pure: readings come as parameters.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

/// The steps. Each holds what those before it hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Strain {
    /// Nothing is done.
    #[default]
    None,
    /// HTTP/1 connections end with the answer under way.
    NoKeepAlive,
    /// Requests of low priority are refused.
    ShedLow,
    /// No connection is accepted.
    NoAccept,
}

impl Strain {
    /// The name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::NoKeepAlive => "no_keep_alive",
            Self::ShedLow => "shed_low",
            Self::NoAccept => "no_accept",
        }
    }

    const ALL: [Self; 4] = [Self::None, Self::NoKeepAlive, Self::ShedLow, Self::NoAccept];

    fn of(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or_default()
    }
}

/// When Tidegate counts as hard-pressed. `None`: that is not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StrainLimits {
    /// Share of the memory that it may use, from 0 to 1.
    pub memory: Option<f64>,
    /// Share of its cores' time, from 0 to 1.
    pub cpu: Option<f64>,
    /// How late a worker's timer is.
    pub lag: Option<Duration>,
}

/// How it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Share of the memory that is used; `None`: not known.
    pub memory: Option<f64>,
    /// Share of the cores' time since the last reading.
    pub cpu: Option<f64>,
    /// The latest that a worker was since the last reading.
    pub lag: Duration,
}

/// What a step up costs in readings: one high one may be chance. A step down needs more, so that it does not swing.
const UP: u32 = 2;
const DOWN: u32 = 8;

/// Turns readings into steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge {
    now: Strain,
    above: u32,
    below: u32,
}

impl Gauge {
    /// The step after one more reading.
    pub fn read(&mut self, reading: &Reading, limits: &StrainLimits) -> Strain {
        let wanted = wanted(reading, limits);
        (self.above, self.below) = match wanted.cmp(&self.now) {
            std::cmp::Ordering::Greater => (self.above + 1, 0),
            std::cmp::Ordering::Less => (0, self.below + 1),
            std::cmp::Ordering::Equal => (0, 0),
        };
        if self.above >= UP || self.below >= DOWN {
            // One step at a time in both directions: the first step may be enough.
            let step = if self.above > 0 { self.now as u8 + 1 } else { self.now as u8 - 1 };
            *self = Self { now: Strain::of(step), above: 0, below: 0 };
        }
        self.now
    }
}

/// The step that one reading alone calls for.
fn wanted(reading: &Reading, limits: &StrainLimits) -> Strain {
    // What is left above the limit is shared among the three steps.
    let share = |value: Option<f64>, limit: Option<f64>| match (value, limit) {
        (Some(value), Some(limit)) if value >= limit => {
            let steps = [0.0, 1.0 / 3.0, 2.0 / 3.0].map(|part| limit + (1.0 - limit) * part);
            steps.iter().filter(|step| value >= **step).count()
        }
        _ => 0,
    };
    let late = match limits.lag {
        Some(limit) if reading.lag >= limit * 4 => 3_usize,
        Some(limit) if reading.lag >= limit * 2 => 2,
        Some(limit) if reading.lag >= limit => 1,
        _ => 0,
    };
    // A core that is busy all the time is no reason to turn clients away as long as nobody waits long.
    let cpu = share(reading.cpu, limits.cpu).min(2);
    Strain::ALL[share(reading.memory, limits.memory).max(cpu).max(late).min(3)]
}

/// What control thread and workers tell each other.
#[derive(Debug)]
pub struct Pressure {
    strain: AtomicU8,
    /// The latest that each worker was since it was last asked, in microseconds.
    late: Vec<AtomicU32>,
}

impl Pressure {
    /// For that many workers.
    pub fn new(cores: usize) -> Self {
        Self { strain: AtomicU8::new(0), late: (0..cores).map(|_| AtomicU32::new(0)).collect() }
    }

    /// The step in force.
    pub fn strain(&self) -> Strain {
        Strain::of(self.strain.load(Ordering::Relaxed))
    }

    /// Puts a step in force.
    pub fn set(&self, strain: Strain) {
        self.strain.store(strain as u8, Ordering::Relaxed);
    }

    /// A worker's timer was that late.
    pub(crate) fn late(&self, core: usize, by: Duration) {
        if let Some(late) = self.late.get(core) {
            late.fetch_max(u32::try_from(by.as_micros()).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
    }

    /// The latest that any worker was since this was last asked.
    pub fn take_lag(&self) -> Duration {
        let most = self.late.iter().map(|late| late.swap(0, Ordering::Relaxed)).max();
        Duration::from_micros(most.unwrap_or(0).into())
    }
}

#[cfg(test)]
mod tests {
    use super::Strain::{NoAccept, NoKeepAlive, ShedLow};
    use super::*;

    const LIMITS: StrainLimits =
        StrainLimits { memory: Some(0.9), cpu: Some(0.95), lag: Some(Duration::from_millis(100)) };

    fn lag(millis: u64) -> Reading {
        Reading { lag: Duration::from_millis(millis), ..Reading::default() }
    }

    #[test]
    fn more_than_the_limit_calls_for_the_next_step() {
        let memory = |share| wanted(&Reading { memory: Some(share), ..Reading::default() }, &LIMITS);
        assert_eq!(memory(0.89), Strain::None);
        assert_eq!(memory(0.90), Strain::NoKeepAlive);
        assert_eq!(memory(0.94), Strain::ShedLow);
        assert_eq!(memory(0.98), Strain::NoAccept);
        assert_eq!(memory(7.0), Strain::NoAccept);
        assert_eq!(wanted(&lag(99), &LIMITS), Strain::None);
        assert_eq!(wanted(&lag(400), &LIMITS), Strain::NoAccept);
        assert_eq!(wanted(&lag(400), &StrainLimits::default()), Strain::None);
    }

    #[test]
    fn a_busy_processor_alone_never_turns_clients_away() {
        let busy = Reading { cpu: Some(1.0), ..Reading::default() };
        assert_eq!(wanted(&busy, &LIMITS), Strain::ShedLow);
    }

    #[test]
    fn one_late_reading_is_chance_and_steps_are_taken_one_by_one() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.read(&lag(1000), &LIMITS), Strain::None);
        assert_eq!(gauge.read(&lag(0), &LIMITS), Strain::None);
        let steps: Vec<_> = (0..6).map(|_| gauge.read(&lag(1000), &LIMITS)).collect();
        assert_eq!(steps, [Strain::None, NoKeepAlive, NoKeepAlive, ShedLow, ShedLow, NoAccept]);
        let calm = (0..DOWN).map(|_| gauge.read(&lag(0), &LIMITS)).last();
        assert_eq!(calm, Some(ShedLow));
        let calm = (0..2 * DOWN).map(|_| gauge.read(&lag(0), &LIMITS)).last();
        assert_eq!(calm, Some(Strain::None));
    }

    #[test]
    fn the_latest_worker_is_told_once() {
        let pressure = Pressure::new(2);
        pressure.late(0, Duration::from_millis(3));
        pressure.late(1, Duration::from_millis(7));
        pressure.late(1, Duration::from_millis(5));
        pressure.late(9, Duration::from_secs(5));
        assert_eq!(pressure.take_lag(), Duration::from_millis(7));
        assert_eq!(pressure.take_lag(), Duration::ZERO);
    }
}
