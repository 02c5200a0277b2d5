//! How much at a time: of a service (`queue`, `adaptive_concurrency`) and of Tidegate itself (`overload`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Factor, Percent, Period};

/// Where requests wait that are above a limit of their service. Who waits longer than `timeout`, or finds it full, is
/// answered 503 with `Retry-After`. A bare number stands for `size`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "size"))]
pub struct Queue {
    /// Requests that may wait; with 0 none does.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub size: u32,
    /// How long a request may wait.
    pub timeout: Period,
}

impl Default for Queue {
    fn default() -> Self {
        Self { size: 512, timeout: Period::seconds(1) }
    }
}

/// Finds the number of requests that a service can carry at a time: it grows while answers take as long as they
/// usually do, and shrinks when they take longer. `on` and `off` stand for `enabled`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "enabled"))]
pub struct AdaptiveConcurrency {
    /// Whether it is done.
    pub enabled: bool,
    /// Requests at a time that are always allowed.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub min: u32,
    /// Requests at a time that are never exceeded.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max: u32,
    /// Requests at a time to begin with.
    #[schemars(range(min = 1, max = 10_000_000), extend("x-default" = "20, within `min` and `max`"))]
    initial: Option<u32>,
    /// How many times longer than usual answers may take before the number shrinks.
    #[schemars(extend("x-min" = 1_000, "x-max" = 100_000))]
    pub tolerance: Factor,
}

impl AdaptiveConcurrency {
    /// `min`, where the file does not say.
    pub(crate) const MIN: u32 = 1;
    /// `max`, where the file does not say.
    pub(crate) const MAX: u32 = 1_000;
    /// `initial`, where the file does not say.
    const INITIAL: u32 = 20;

    /// What a service has that does not speak of it.
    pub fn off() -> Self {
        Self { enabled: false, ..Self::default() }
    }

    /// Requests at a time to begin with, within `min` and `max`.
    pub fn initial(&self) -> u32 {
        self.initial.unwrap_or(Self::INITIAL).min(self.max).max(self.min)
    }
}

impl Default for AdaptiveConcurrency {
    /// What a mapping has that says nothing else.
    fn default() -> Self {
        Self {
            enabled: true,
            min: Self::MIN,
            max: Self::MAX,
            initial: None,
            tolerance: Factor::thousandths(1_500),
        }
    }
}

/// What Tidegate does when it has too much to do itself: it closes connections after their answer, then refuses requests
/// of low priority with 503, then takes no more connections. `off` turns it off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "enabled"))]
pub struct Overload {
    /// `off` takes whatever comes.
    pub enabled: bool,
    /// Memory in use, as a part of what the cgroup, or else the machine, has.
    #[schemars(extend("x-min" = 100_000, "x-max" = 1_000_000))]
    pub memory: Percent,
    /// Time of the cores in use, as a part of what this process may use. `100%` pays no heed to it: a
    /// core that is always busy is well used as long as nobody waits.
    #[schemars(extend("x-min" = 100_000, "x-max" = 1_000_000))]
    pub cpu: Percent,
    /// How late a worker comes to what is due.
    #[schemars(extend("x-min" = 1))]
    pub lag: Period,
}

impl Default for Overload {
    fn default() -> Self {
        Self { enabled: true, memory: Percent::of(90), cpu: Percent::of(100), lag: Period::millis(500) }
    }
}
