//! Samples in, decisions out: the autoscaler of one service.
//!
//! The core is Knative's KPA (a tick of 2 s, a stable window of a minute, panic on six seconds), the envelope around it
//! HPA v2's (tolerance, stabilization, policies). [`Scaler::decide`] is the whole way, a line for each bend.
//!
//! *Promise*: a decision lies within `min` and `max` and what the schedule makes of them; what is not measured
//! lowers nothing; the same samples give the same decisions.
//! *Not here*: measuring and launching; whether a decision is carried out (`dry_run`).
//! *Cost*: [`Scaler::observe`] a fifth of a microsecond and no allocation; a decision two microseconds, whatever the number
//! of instances (`benches/decide.rs`).

use crate::case::{self, Case};
use crate::course::Course;
use crate::forecast::Forecast;
use crate::measured::Measured;
use crate::panic::{Panic, Surge};
use crate::policy::Changes;
use crate::proposals::{self, Opinion, Scene};
use crate::schedule::Calendar;
use crate::stabilization::Stabilization;
use crate::{Database, Decision, Reason, Sample, Settings};
use base::Moment;
use std::time::{Duration, SystemTime};

/// How long before a scheduled or foretold need instances are started, beside the time that starting takes.
const LEAD: Duration = Duration::from_secs(30);
/// No instance is started longer before its need than this, however slowly it starts.
const LONGEST_LEAD: Duration = Duration::from_secs(15 * 60);
/// From this share of its connections on a database has no room for more instances.
const DATABASE_FULL: f64 = 0.9;
/// Below this share of what they may use instances wait for the database, where CPU has no target of its own.
const CPU_BUSY: f64 = 0.7;

/// The autoscaler of one service.
#[derive(Clone, Debug)]
pub struct Scaler {
    settings: Settings,
    calendar: Calendar,
    measured: Measured,
    panic: Panic,
    stabilization: Stabilization,
    changes: Changes,
    forecast: Option<Forecast>,
    wanted: u32,
    /// When a decision was last made.
    decided: Option<Moment>,
    /// When more instances were last wanted.
    started: Option<Moment>,
    /// Somebody has asked since the last decision, and no instance is wanted.
    woken: bool,
}

impl Settings {
    /// What a service begins with where no instance is there yet.
    pub fn initial(&self) -> u32 {
        let least = u32::from(self.zero_after.is_none());
        self.min.max(least).min(self.max)
    }
}

impl Scaler {
    /// A service with so many instances: those that are there already, or else [`Settings::initial`].
    pub fn new(settings: Settings, wanted: u32) -> Self {
        Self {
            calendar: Calendar::new(&settings.schedule),
            measured: Measured::new(&settings),
            panic: Panic::default(),
            stabilization: Stabilization::default(),
            changes: Changes::default(),
            forecast: settings.forecast.then(Forecast::new),
            wanted,
            decided: None,
            started: None,
            woken: false,
            settings,
        }
    }

    /// Other settings, after a reload. What was measured stays.
    pub fn configure(&mut self, settings: Settings) {
        self.measured.configure(&settings);
        self.calendar = Calendar::new(&settings.schedule);
        match (settings.forecast, &self.forecast) {
            (true, None) => self.forecast = Some(Forecast::new()),
            (false, Some(_)) => self.forecast = None,
            _ => {}
        }
        self.settings = settings;
    }

    /// Takes a sample in; about ten a second.
    pub fn observe(&mut self, sample: &Sample) {
        let was_asked = self.measured.is_asked();
        self.measured.observe(sample, &self.settings);
        self.woken |= self.wanted == 0 && !was_asked && self.measured.is_asked();
    }

    /// Whether a decision is due: a tick has passed, or somebody asks and there is no instance.
    pub fn is_due(&self, now: Moment) -> bool {
        self.woken || self.decided.is_none_or(|decided| now.since(decided) >= self.settings.tick)
    }

    /// How many instances are wanted.
    pub fn wanted(&self) -> u32 {
        self.wanted
    }

    /// Decides by what was measured up to now, and remembers it.
    pub fn decide(&mut self, now: Moment) -> Decision {
        let wall = self.measured.wall(now);
        let case = self.examine(now, wall);
        let course = self.steer(&case);
        let (from, to) = (case.scene.from, course.count());
        self.remember(now, to);
        let mut decision = Decision {
            at: now,
            wall: wall.unwrap_or(SystemTime::UNIX_EPOCH),
            ready: case.scene.ready,
            starting: case.scene.starting,
            from,
            to,
            proposals: case.proposals(),
            limits: course.into_limits(),
            reason: Reason::Steady,
            panicking: case.panicking,
            stable_window: self.settings.stable_window,
            panic_window: self.settings.panic_window,
        };
        decision.reason = case.reason(&decision);
        decision
    }

    /// What is known, and what the signals make of it.
    fn examine(&mut self, now: Moment, wall: Option<SystemTime>) -> Case {
        let scene = self.scene(now);
        let lead = (scene.start_time.unwrap_or_default().saturating_add(LEAD)).min(LONGEST_LEAD);
        let opinions = proposals::opinions(&mut self.measured, &scene, &self.settings);
        let surge = Surge {
            // One that is a little above its target wants two where there is one: twice as many, and no surge at all.
            wants: opinions.iter().map(|opinion| opinion.short).fold(0.0, f64::max),
            capacity: scene.ready.saturating_add(scene.starting),
            last_start: scene.last_start.zip(scene.start_time),
        };
        let panicking = self.panic.update(now, surge, &self.settings);
        let stable = opinions.iter().map(|opinion| opinion.proposal.wants).max().unwrap_or(0);
        let short = if panicking { opinions.iter().map(Opinion::surge).max().unwrap_or(0) } else { 0 };
        let unsure = opinions.iter().any(|opinion| !opinion.fresh);
        Case {
            bounds: self.calendar.bounds(&self.settings, wall, lead),
            foretold: self.foresee(now, wall, lead, (!unsure).then(|| case::load(&opinions).max(short))),
            asked: self.measured.is_asked(),
            scene,
            opinions,
            demand: stable.max(short),
            panicking,
            unsure,
        }
    }

    fn scene(&self, now: Moment) -> Scene {
        let last = self.measured.last();
        Scene {
            now,
            ready: last.map_or(0, |last| last.ready),
            starting: last.map_or(0, |last| last.starting),
            from: self.wanted,
            start_time: last.and_then(|last| last.start_time),
            last_start: self.started.map(|started| now.since(started)),
        }
    }

    /// What the forecast wants; and it learns what is needed now.
    fn foresee(&mut self, now: Moment, wall: Option<SystemTime>, lead: Duration, demand: Option<u32>) -> u32 {
        let Some((forecast, wall)) = self.forecast.as_mut().zip(wall) else { return 0 };
        if let Some(demand) = demand {
            forecast.learn(now, wall, demand);
        }
        forecast.floor(now, wall, lead).unwrap_or(0)
    }

    /// From what is wanted to what is decided. The order matters: what the signals want is made steady first, then
    /// slowed, then kept from doing harm; and the bounds have the last word.
    fn steer(&mut self, case: &Case) -> Course {
        let from = case.scene.from;
        let (ceiling, by_ceiling) = case.bounds.ceiling;
        let mut course = Course::new(case.demand.max(case.foretold));
        course.at_most(ceiling, by_ceiling);
        let asleep = self.is_asleep(case);
        self.steady(&mut course, case, asleep);
        self.slow(&mut course, case);
        self.protect(&mut course, case);
        let (floor, by_floor) = case.least(asleep);
        if from == 0 && case.asked {
            course.at_least(1, Reason::FromZero);
        }
        course.at_least(floor, by_floor);
        course.at_most(ceiling, by_ceiling);
        course
    }

    /// Zero, panic, what is not measured, stabilization.
    fn steady(&mut self, course: &mut Course, case: &Case, asleep: bool) {
        let Scene { now, from, .. } = case.scene;
        if self.decided.is_none() {
            // What was there before the first decision was wanted until now.
            self.stabilization.recommend(now, from, &self.settings);
        }
        let recommended = if case.unsure { course.count().max(from) } else { course.count() };
        self.stabilization.recommend(now, recommended, &self.settings);
        if asleep {
            course.exactly(0, Reason::Zero);
            return;
        }
        if case.panicking {
            course.at_least(from, Reason::Panic);
        }
        if case.unsure {
            course.at_least(from, Reason::NoMetrics);
        }
        if course.count() > from {
            course.at_most(self.stabilization.least().max(from), Reason::Stabilization);
        } else {
            let greatest = self.stabilization.greatest(now, &self.settings);
            course.at_least(greatest.min(from), Reason::Stabilization);
        }
    }

    /// The policies of either direction.
    fn slow(&mut self, course: &mut Course, case: &Case) {
        let (now, from) = (case.scene.now, case.scene.from);
        self.changes.forget(now, &self.settings.up, &self.settings.down);
        if course.count() > from {
            course.at_most(self.changes.highest(now, from, &self.settings.up), Reason::Policy);
        } else if course.count() < from {
            course.at_least(self.changes.lowest(now, from, &self.settings.down), Reason::Policy);
        }
    }

    /// Where another instance would do no good, or another start none yet.
    fn protect(&mut self, course: &mut Course, case: &Case) {
        let scene = &case.scene;
        let last = self.measured.last();
        let (crash_loop, database) = last.map_or((false, None), |last| (last.crash_loop, last.database));
        if crash_loop {
            course.exactly(scene.from, Reason::CrashLoop);
        }
        if course.count() <= scene.from {
            return;
        }
        if database.is_some_and(|database| self.waits_for(&database, scene)) {
            course.at_most(scene.from, Reason::Database);
        }
        let most = scene.ready.saturating_add(startable(scene.ready, self.settings.surge));
        course.at_most(most.max(scene.from), Reason::Starting);
    }

    /// Whether the database is what is slow: it is hard-pressed while the instances are not.
    fn waits_for(&mut self, database: &Database, scene: &Scene) -> bool {
        let pressed = database.waits || database.connections >= DATABASE_FULL;
        let busy = if self.settings.targets.cpu.is_some() { 1.0 } else { CPU_BUSY };
        let cpu = proposals::cpu(&mut self.measured, scene, &self.settings);
        pressed && cpu.is_none_or(|cpu| cpu < busy)
    }

    /// Whether no instance is needed: it is allowed, nobody has asked for long enough, and nothing else wants one.
    fn is_asleep(&self, case: &Case) -> bool {
        let Some(after) = self.settings.zero_after else { return false };
        let idle = self.measured.idle_for();
        let long_enough = case.scene.from == 0
            || (!case.unsure && !case.panicking && idle.is_some_and(|idle| idle >= after));
        long_enough && !case.asked && case.bounds.scheduled == 0 && case.foretold == 0
    }

    fn remember(&mut self, now: Moment, to: u32) {
        if to != self.wanted {
            self.changes.note(now, self.wanted, to);
            self.stabilization.changed(now, to > self.wanted, &self.settings);
        }
        if to > self.wanted {
            self.started = Some(now);
        }
        self.wanted = to;
        self.decided = Some(now);
        self.woken = false;
    }
}

/// How many may be starting at once where so many are ready.
#[expect(clippy::cast_sign_loss, reason = "the cast saturates, and takes what is no number for zero")]
fn startable(ready: u32, surge: f64) -> u32 {
    ((f64::from(ready) * surge).ceil() as u32).max(1)
}
