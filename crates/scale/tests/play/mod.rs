//! A service that is scaled, in virtual time: what is wanted starts and is ready a start time later; what is not wanted
//! any more is gone at once. The load is a function of time and does not depend on the instances.
#![allow(dead_code, reason = "each test file uses a part of it")]

use base::Moment;
use scale::{Behavior, Decision, Direction, Sample, Scaler, Select, Settings, Targets};
use std::time::{Duration, SystemTime};

/// A Monday's midnight, UTC.
pub(crate) const MIDNIGHT: u64 = 1_767_571_200;

/// Most settings of the tests: concurrency of 10 each, 1 to `max`.
pub(crate) fn settings(max: u32) -> Settings {
    let targets = Targets { concurrency: Some(10.0), ..Targets::default() };
    Settings { max, targets, ..Settings::default() }
}

/// A sample of a service that is asked nothing.
pub(crate) fn quiet(at: Duration) -> Sample {
    Sample {
        at: Moment::ORIGIN + at,
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(MIDNIGHT) + at,
        ready: 0,
        starting: 0,
        concurrency: Some(0.0),
        rps: Some(0.0),
        latency_p95: None,
        cpu: None,
        memory: None,
        backlog: None,
        database: None,
        start_time: None,
        crash_loop: false,
    }
}

/// A service in virtual time.
pub(crate) struct Play {
    pub(crate) scaler: Scaler,
    pub(crate) now: Duration,
    pub(crate) start_time: Duration,
    /// When those that are starting will be ready.
    pub(crate) starting: Vec<Duration>,
    pub(crate) ready: u32,
    /// What was decided, but for decisions in which nothing changed.
    pub(crate) changes: Vec<Decision>,
    pub(crate) last: Option<Decision>,
    pub(crate) most_starting: u32,
}

impl Play {
    pub(crate) fn new(settings: Settings, wanted: u32, start_time: Duration) -> Self {
        Self {
            scaler: Scaler::new(settings, wanted),
            now: Duration::ZERO,
            start_time,
            starting: Vec::new(),
            ready: wanted,
            changes: Vec::new(),
            last: None,
            most_starting: 0,
        }
    }

    /// A sample as the instances are now, for `shape` to fill in.
    pub(crate) fn sample(&self, shape: impl FnOnce(&mut Sample)) -> Sample {
        let mut sample = quiet(self.now);
        sample.ready = self.ready;
        sample.starting = self.starting.len() as u32;
        sample.start_time = Some(self.start_time);
        shape(&mut sample);
        sample
    }

    /// Lets time pass, shows the scaler what `shape` makes of it, and does what it says.
    pub(crate) fn step(&mut self, passed: Duration, shape: impl FnOnce(&mut Sample)) -> Option<Decision> {
        self.now += passed;
        let now = self.now;
        let before = self.starting.len();
        self.starting.retain(|ready_at| *ready_at > now);
        self.ready += (before - self.starting.len()) as u32;
        let sample = self.sample(shape);
        self.scaler.observe(&sample);
        self.scaler.is_due(sample.at).then(|| self.decide())
    }

    /// Decides now, due or not.
    pub(crate) fn decide(&mut self) -> Decision {
        let decision = self.scaler.decide(Moment::ORIGIN + self.now);
        self.obey(decision.to);
        if decision.direction() != Direction::Stay {
            self.changes.push(decision.clone());
        }
        self.last = Some(decision.clone());
        decision
    }

    /// Plays so many seconds, in steps, with so many requests at a time.
    pub(crate) fn run(&mut self, seconds: u64, step: Duration, concurrency: impl Fn(f64) -> f64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            let load = concurrency((self.now + step).as_secs_f64());
            self.step(step, |sample| {
                sample.concurrency = Some(load);
                sample.rps = Some(load * 10.0);
            });
        }
    }

    fn obey(&mut self, wanted: u32) {
        let there = self.ready + self.starting.len() as u32;
        for _ in there..wanted {
            self.starting.push(self.now + self.start_time);
        }
        for _ in wanted..there {
            if self.starting.pop().is_none() {
                self.ready -= 1;
            }
        }
        if self.start_time.is_zero() {
            self.ready += self.starting.drain(..).count() as u32;
        }
        self.most_starting = self.most_starting.max(self.starting.len() as u32);
    }
}

/// Seconds of the changes, and the counts that they led to.
pub(crate) fn course(changes: &[Decision]) -> Vec<(u64, u32)> {
    changes.iter().map(|change| (change.at.since(Moment::ORIGIN).as_secs(), change.to)).collect()
}

/// The decision after so many seconds of samples, each 100 ms, of a service whose instances are all ready.
pub(crate) fn decided(
    settings: Settings,
    wanted: u32,
    seconds: u64,
    shape: impl Fn(f64, &mut Sample),
) -> Decision {
    let mut scaler = Scaler::new(settings, wanted);
    for tenth in 1..=seconds * 10 {
        let mut sample = quiet(Duration::from_millis(100 * tenth));
        sample.ready = wanted;
        // The middle of the time that the sample is about.
        shape(tenth as f64 / 10.0 - 0.05, &mut sample);
        scaler.observe(&sample);
    }
    scaler.decide(Moment::ORIGIN + Duration::from_secs(seconds))
}

/// Changes at once and by any number.
pub(crate) fn unbounded() -> Behavior {
    Behavior { stabilization_window: Duration::ZERO, policies: Vec::new(), select: Select::Max }
}

/// A time so many seconds later, or earlier.
pub(crate) fn moved(wall: SystemTime, jump: i64) -> SystemTime {
    let by = Duration::from_secs(jump.unsigned_abs());
    if jump < 0 { wall - by } else { wall + by }
}
