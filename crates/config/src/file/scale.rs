//! `scale` of instances: how many, by what, and how fast that may change. The words are those of Kubernetes' HPA and
//! Knative where these have one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DayRange, DayTime, Factor, Multiple, Percent, Period, PeriodOrOff, TimeZone};

/// How many instances there are. Each target says what one instance is to carry; of several the one that wants most
/// instances decides. Without a target there are `min`. A bare number stands for `count`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "count"))]
pub struct Scale {
    /// So many, always. It stands for the same `min` and `max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    count: Option<u32>,
    /// Fewest instances.
    #[schemars(range(min = 0, max = 10_000), extend("x-default" = "1, or with `zero` 0"))]
    min: Option<u32>,
    /// Most instances.
    #[schemars(range(min = 1, max = 10_000), extend("x-default" = "`min`, at least 1"))]
    max: Option<u32>,
    /// Target: requests under way and waiting, for each instance.
    pub concurrency: Option<Factor>,
    /// Target: requests a second, for each instance.
    pub rps: Option<Factor>,
    /// Target: time of the cores, as a part of the instance's `cpus`.
    #[schemars(extend("x-min" = 10_000, "x-max" = 1_000_000))]
    pub cpu: Option<Percent>,
    /// Target: memory, as a part of the instance's `max_memory`, or else of its `limits.memory`.
    #[schemars(extend("x-min" = 10_000, "x-max" = 1_000_000))]
    pub memory: Option<Percent>,
    /// A guard beside targets: while fewer than 95 of 100 requests are answered in this time, there are more instances.
    pub latency_p95: Option<Period>,
    /// Target: the time in which waiting jobs are to be worked off.
    pub queue_seconds: Option<Period>,
    /// What is measured may be so far from its target, up or down, before anything changes.
    #[schemars(extend("x-max" = 900_000))]
    pub tolerance: Percent,
    /// How the number may rise.
    pub up: ScaleUp,
    /// How the number may fall.
    pub down: ScaleDown,
    /// Other bounds at times of the week.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<ScaleWindow>,
    /// No instance at all while nobody asks. The request that ends this waits (`hold`) until the first instance is
    /// ready. A bare duration stands for `after`.
    pub zero: Option<Zero>,
    /// Raise the floor to what the same time of earlier days and weeks has needed.
    pub forecast: bool,
    /// Decide and tell what was decided, but change nothing.
    pub dry_run: bool,
    /// How often it is decided.
    #[schemars(extend("x-min" = 100, "x-max" = 60_000))]
    pub tick: Period,
    /// Over how long what is measured is averaged.
    #[schemars(extend("x-min" = 1_000, "x-max" = 3_600_000))]
    pub stable_window: Period,
    /// The short average that notices a surge.
    #[schemars(extend("x-min" = 200, "x-max" = 3_600_000))]
    pub panic_window: Period,
    /// When the short average wants this many times the instances that are ready, it decides alone, and the number does
    /// not fall meanwhile.
    #[schemars(extend("x-min" = 1_010_000, "x-max" = 10_000_000))]
    pub panic_threshold: Multiple,
}

impl Scale {
    /// `tick`, where the file does not say.
    pub(crate) const TICK: Period = Period::seconds(2);
    /// `stable_window`, where the file does not say.
    pub(crate) const STABLE: Period = Period::seconds(60);
    /// `panic_window`, where the file does not say.
    pub(crate) const PANIC: Period = Period::seconds(6);

    /// Fewest instances; 0 only with [`Scale::zero`].
    pub fn min(&self) -> u32 {
        self.count.or(self.min).unwrap_or(u32::from(self.zero.is_none()))
    }

    /// Most instances; at least 1.
    pub fn max(&self) -> u32 {
        self.count.or(self.max).unwrap_or_else(|| self.min().max(1))
    }
}

impl Default for Scale {
    /// One instance.
    fn default() -> Self {
        Self {
            count: None,
            min: None,
            max: None,
            concurrency: None,
            rps: None,
            cpu: None,
            memory: None,
            latency_p95: None,
            queue_seconds: None,
            tolerance: Percent::of(10),
            up: ScaleUp::default(),
            down: ScaleDown::default(),
            schedule: Vec::new(),
            zero: None,
            forecast: false,
            dry_run: false,
            tick: Self::TICK,
            stable_window: Self::STABLE,
            panic_window: Self::PANIC,
            panic_threshold: Multiple::of(200),
        }
    }
}

/// How the number of instances may rise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScaleUp {
    /// The lowest number that was wanted in so long counts.
    #[schemars(extend("x-max" = 3_600_000, "x-default" = "`0s`"))]
    pub stabilization_window: PeriodOrOff,
    /// How much it may rise in how long. An empty list sets no bound.
    #[schemars(extend("x-default" = "4 instances and 100 percent, in 15s"))]
    pub policies: Vec<ScalePolicy>,
    /// Which of several policies counts.
    pub select: Select,
}

impl Default for ScaleUp {
    fn default() -> Self {
        let instances =
            ScalePolicy { kind: PolicyKind::Instances, value: 4, period: ScalePolicy::default_period() };
        Self {
            stabilization_window: PeriodOrOff::Off,
            policies: vec![instances, ScalePolicy::double()],
            select: Select::Max,
        }
    }
}

/// How the number of instances may fall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScaleDown {
    /// The highest number that was wanted in so long counts.
    #[schemars(extend("x-max" = 3_600_000))]
    pub stabilization_window: PeriodOrOff,
    /// How much it may fall in how long. An empty list sets no bound.
    #[schemars(extend("x-default" = "100 percent in 15s"))]
    pub policies: Vec<ScalePolicy>,
    /// Which of several policies counts.
    pub select: Select,
}

impl Default for ScaleDown {
    fn default() -> Self {
        Self {
            stabilization_window: PeriodOrOff::For(Period::seconds(300)),
            policies: vec![ScalePolicy::double()],
            select: Select::Max,
        }
    }
}

/// At most so much change in so long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScalePolicy {
    /// What `value` counts.
    #[serde(rename = "type")]
    pub kind: PolicyKind,
    /// How many.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub value: u32,
    /// In how long.
    #[serde(default = "ScalePolicy::default_period")]
    #[schemars(extend("x-min" = 1_000, "x-max" = 1_800_000))]
    pub period: Period,
}

impl ScalePolicy {
    fn default_period() -> Period {
        Period::seconds(15)
    }

    /// Twice as many or none at all, in 15 seconds.
    fn double() -> Self {
        Self { kind: PolicyKind::Percent, value: 100, period: Self::default_period() }
    }
}

/// What a policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// Instances.
    Instances,
    /// Percent of the instances that there were.
    Percent,
}

/// Which of several policies counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Select {
    /// The one that allows most.
    #[default]
    Max,
    /// The one that allows least.
    Min,
    /// No change in this direction.
    Disabled,
}

/// Bounds for a time of the week, which comes again each week. At least one of `min` and `max`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleWindow {
    /// The days on which it begins: `mon-fri`, `sun`; one or a list.
    #[serde(default = "every_day")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true, "x-default" = "every day"))]
    pub days: Vec<DayRange>,
    /// When it begins.
    #[serde(default = "midnight")]
    #[schemars(extend("x-max" = 1_439))]
    pub from: DayTime,
    /// When it ends. Where that is not after `from`, it ends on the next day.
    #[serde(default = "end_of_day")]
    pub to: DayTime,
    /// Whose time that is, by a name of the IANA database.
    #[schemars(extend("x-default" = "`UTC`"))]
    pub time_zone: Option<TimeZone>,
    /// Fewest instances meanwhile, where that is more than otherwise.
    #[schemars(range(min = 0, max = 10_000))]
    pub min: Option<u32>,
    /// Most instances meanwhile, where that is less than otherwise.
    #[schemars(range(min = 1, max = 10_000))]
    pub max: Option<u32>,
}

fn every_day() -> Vec<DayRange> {
    vec![DayRange::WEEK]
}

fn midnight() -> DayTime {
    DayTime::MIDNIGHT
}

fn end_of_day() -> DayTime {
    DayTime::END
}

impl ScaleWindow {
    /// The days on which it begins, Monday first.
    pub fn days(&self) -> [bool; 7] {
        [0, 1, 2, 3, 4, 5, 6].map(|day| self.days.iter().any(|range| range.contains(day)))
    }
}

/// When there is no instance at all. A bare duration stands for `after`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "after"))]
pub struct Zero {
    /// Nobody has asked for so long.
    #[schemars(extend("x-min" = 1_000))]
    pub after: Period,
}
