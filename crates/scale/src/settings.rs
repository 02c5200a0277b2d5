//! What the operator wants: bounds, targets, and how fast counts may change.

use std::time::Duration;

/// How a service is scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Fewest instances. With [`Self::zero_after`] a service that is asked nothing may have none for all that.
    pub min: u32,
    /// Most instances; at least 1 and at least `min`.
    pub max: u32,
    /// What one instance is to carry. Several: whichever wants most instances decides. None: the count stays at `min`.
    pub targets: Targets,
    /// A signal within this share of its target changes nothing (HPA v2 `tolerance`, 0.1).
    pub tolerance: f64,
    /// How often a decision is made (KPA: 2 s).
    pub tick: Duration,
    /// Over how long signals are averaged (KPA stable window: 60 s).
    pub stable_window: Duration,
    /// The short average that notices surges (KPA panic window: 6 s).
    pub panic_window: Duration,
    /// Panic begins where the short average wants this many times the ready instances (KPA: 2.0).
    pub panic_threshold: f64,
    /// How counts may rise.
    pub up: Behavior,
    /// How counts may fall.
    pub down: Behavior,
    /// No request for so long: no instance. `None`: never below one (or `min`).
    pub zero_after: Option<Duration>,
    /// Bounds for times of the week.
    pub schedule: Vec<Window>,
    /// Raise the floor to what the same time of day and week has needed.
    pub forecast: bool,
    /// Most instances that may be starting at once, as a share of those that are ready (0.5), but at least one.
    pub surge: f64,
}

/// What one instance is to carry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// Requests under way and waiting.
    pub concurrency: Option<f64>,
    /// Requests per second.
    pub rps: Option<f64>,
    /// CPU time over time, as a share of what the instance may use: 0.7 is 70 %.
    pub cpu: Option<f64>,
    /// Memory, as a share of what the instance may use.
    pub memory: Option<f64>,
    /// A guard, never in proportion: 95 % of requests are to be answered in this time.
    pub latency_p95: Option<Duration>,
    /// The backlog of ready jobs is to be worked off in this time.
    pub queue: Option<Duration>,
}

/// How fast a count may change in one direction (HPA v2 `behavior`).
#[derive(Clone, Debug, PartialEq)]
pub struct Behavior {
    /// The most careful recommendation of so long counts; downwards of twice as long, behind a fall that was taken back.
    pub stabilization_window: Duration,
    /// Bounds on the change within a period. None: unbounded.
    pub policies: Vec<Policy>,
    /// Which of the policies decides.
    pub select: Select,
}

/// At most so much change in a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Instances or percent.
    pub kind: PolicyKind,
    /// How many.
    pub value: u32,
    /// In how long.
    pub period: Duration,
}

/// What a policy counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// Instances.
    Instances,
    /// Percent of the instances at the beginning of the period.
    Percent,
}

/// Which of several policies decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// The one that allows most change.
    #[default]
    Max,
    /// The one that allows least.
    Min,
    /// No change in this direction at all.
    Disabled,
}

/// Bounds for a time of the week, which recurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// On which days, Monday first.
    pub days: [bool; 7],
    /// From that minute of the day, local time.
    pub from: u16,
    /// To that minute of the day. Not above `from`: it ends on the next day.
    pub to: u16,
    /// Local time's name in the time zone database; `None`: UTC.
    pub time_zone: Option<Box<str>>,
    /// Fewest instances meanwhile; a floor above [`Settings::min`].
    pub min: Option<u32>,
    /// Most instances meanwhile; a ceiling below [`Settings::max`].
    pub max: Option<u32>,
}

impl Default for Settings {
    /// One instance, no targets; windows of the KPA, behaviour of HPA v2.
    fn default() -> Self {
        let percent = |value, period| Policy { kind: PolicyKind::Percent, value, period };
        let period = Duration::from_secs(15);
        Self {
            min: 1,
            max: 1,
            targets: Targets::default(),
            tolerance: 0.1,
            tick: Duration::from_secs(2),
            stable_window: Duration::from_secs(60),
            panic_window: Duration::from_secs(6),
            panic_threshold: 2.0,
            up: Behavior {
                stabilization_window: Duration::ZERO,
                policies: vec![
                    Policy { kind: PolicyKind::Instances, value: 4, period },
                    percent(100, period),
                ],
                select: Select::Max,
            },
            down: Behavior {
                stabilization_window: Duration::from_secs(300),
                policies: vec![percent(100, period)],
                select: Select::Max,
            },
            zero_after: None,
            schedule: Vec::new(),
            forecast: false,
            surge: 0.5,
        }
    }
}
