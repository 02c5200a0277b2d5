//! The service that is modelled, and how it is scaled.
//!
//! Numbers come from three places: what the trace says of itself, the config, and what was typed; later ones win. So there is
//! a type for what was said ([`Overrides`]), and one for what holds ([`Parameters`]), which has been checked.

#[cfg(test)]
mod tests;

use crate::service_time::Spread;
use base::units::{parse_duration, parse_percent, show_duration};
use scale::Settings;
use std::time::Duration;

/// What a slot-limited target is, as a share of the slots, where no target is given. The share that Knative aims at.
const AIM: f64 = 0.7;
/// Longest time that the model is made for.
const LONGEST: Duration = Duration::from_secs(3600);

/// What one place says. Nothing: the place before it decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Fewest instances.
    pub min: Option<u32>,
    /// Most instances.
    pub max: Option<u32>,
    /// Target: requests under way and waiting for each instance.
    pub concurrency: Option<f64>,
    /// Target: requests per second for each instance.
    pub rps: Option<f64>,
    /// Target: share of its slots that an instance uses.
    pub cpu: Option<f64>,
    /// Guard: the 95th percentile.
    pub latency_p95: Option<Duration>,
    /// No instance where nobody has asked for so long.
    pub zero_after: Option<Duration>,
    /// How long an instance takes to be ready.
    pub start_time: Option<Duration>,
    /// How long a request takes, without waiting, on average.
    pub service_time: Option<Duration>,
    /// Coefficient of variation of lognormal service times.
    pub cv: Option<f64>,
    /// Requests that an instance works on at a time.
    pub slots: Option<u32>,
    /// Requests that Tidegate holds while no instance has room.
    pub hold_size: Option<u32>,
    /// For how long.
    pub hold_timeout: Option<Duration>,
    /// Requests that wait in an instance's own backlog, without Tidegate.
    pub backlog: Option<u32>,
    /// For the chances of the model.
    pub seed: Option<u64>,
}

/// The names that [`Overrides::set`] knows.
pub const NAMES: [&str; 15] = [
    "min",
    "max",
    "concurrency",
    "rps",
    "cpu",
    "latency_p95",
    "zero_after",
    "start_time",
    "service_time",
    "cv",
    "slots",
    "hold_size",
    "hold_timeout",
    "backlog",
    "seed",
];

impl Overrides {
    /// Takes a value by its name. The error says what was expected.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "min" => self.min = Some(whole(value)?),
            "max" => self.max = Some(whole(value)?),
            "concurrency" => self.concurrency = Some(positive(value)?),
            "rps" => self.rps = Some(positive(value)?),
            "cpu" => self.cpu = Some(parse_percent(value).map_err(|e| e.to_string())?),
            "latency_p95" => self.latency_p95 = Some(time(value)?),
            "zero_after" => self.zero_after = Some(time(value)?),
            "start_time" => self.start_time = Some(time(value)?),
            "service_time" => self.service_time = Some(time(value)?),
            "cv" => self.cv = Some(positive(value)?),
            "slots" => self.slots = Some(whole(value)?),
            "hold_size" => self.hold_size = Some(whole(value)?),
            "hold_timeout" => self.hold_timeout = Some(time(value)?),
            "backlog" => self.backlog = Some(whole(value)?),
            "seed" => self.seed = Some(u64::from(whole(value)?)),
            _ => return Err(format!("there is no `{name}`; there are {}", NAMES.join(", "))),
        }
        Ok(())
    }
}

fn whole(value: &str) -> Result<u32, String> {
    value.parse().map_err(|_| "expected a whole number such as 20".to_owned())
}

fn positive(value: &str) -> Result<f64, String> {
    match value.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 1e9 => Ok(number),
        _ => Err("expected a number above 0, such as 20 or 0.5".to_owned()),
    }
}

fn time(value: &str) -> Result<Duration, String> {
    parse_duration(value).map_err(|e| e.to_string())
}

/// What holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// How the service is scaled.
    pub scale: Settings,
    /// How long an instance takes to be ready.
    pub start_time: Duration,
    /// How long a request takes, without waiting, on average, where the trace does not say.
    pub service_time: Duration,
    /// How service times are spread.
    pub spread: Spread,
    /// Requests that an instance works on at a time.
    pub slots: u32,
    /// Requests that Tidegate holds while no instance has room.
    pub hold_size: u32,
    /// How long a request waits before it is lost, with and without Tidegate.
    pub hold_timeout: Duration,
    /// Requests that wait in an instance's own backlog, without Tidegate.
    pub backlog: u32,
    /// For the chances of the model.
    pub seed: u64,
}

impl Default for Parameters {
    /// A service of usual size: 100 ms, 20 requests at a time, 5 s to start, up to 20 instances.
    fn default() -> Self {
        Self {
            scale: Settings { max: 20, ..Settings::default() },
            start_time: Duration::from_secs(5),
            service_time: Duration::from_millis(100),
            spread: Spread::Exponential,
            slots: 20,
            hold_size: 10_000,
            hold_timeout: Duration::from_secs(30),
            backlog: 512,
            seed: 1,
        }
    }
}

impl Parameters {
    /// Puts what was said over what held.
    #[must_use]
    pub fn with(mut self, said: &Overrides) -> Self {
        fn put<T: Copy>(place: &mut T, said: Option<T>) {
            *place = said.unwrap_or(*place);
        }
        put(&mut self.scale.min, said.min);
        put(&mut self.scale.max, said.max);
        let targets = &mut self.scale.targets;
        targets.concurrency = said.concurrency.or(targets.concurrency);
        targets.rps = said.rps.or(targets.rps);
        targets.cpu = said.cpu.or(targets.cpu);
        targets.latency_p95 = said.latency_p95.or(targets.latency_p95);
        self.scale.zero_after = said.zero_after.or(self.scale.zero_after);
        put(&mut self.start_time, said.start_time);
        put(&mut self.service_time, said.service_time);
        put(&mut self.spread, said.cv.map(Spread::LogNormal));
        put(&mut self.slots, said.slots);
        put(&mut self.hold_size, said.hold_size);
        put(&mut self.hold_timeout, said.hold_timeout);
        put(&mut self.backlog, said.backlog);
        put(&mut self.seed, said.seed);
        self
    }

    /// How Tidegate scales it, for people.
    pub fn describe(&self) -> String {
        let scale = &self.scale;
        let targets = &scale.targets;
        let of = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
        let parts = [
            of("concurrency", targets.concurrency.map(|t| t.to_string())),
            of("rps", targets.rps.map(|t| t.to_string())),
            of("cpu", targets.cpu.map(|t| format!("{:.0}%", t * 100.0))),
            of("latency_p95", targets.latency_p95.map(show_duration)),
            of("zero after", scale.zero_after.map(show_duration)),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!(
            "min {}, max {}, {}; tick {}, windows {} and {}, down after {}; holds {} requests for {}",
            scale.min,
            scale.max,
            parts.join(", "),
            show_duration(scale.tick),
            show_duration(scale.stable_window),
            show_duration(scale.panic_window),
            show_duration(scale.down.stabilization_window),
            self.hold_size,
            show_duration(self.hold_timeout),
        )
    }

    /// The service that is modelled, for people.
    pub fn describe_service(&self) -> String {
        let spread = match self.spread {
            Spread::Exponential => "exponential".to_owned(),
            Spread::LogNormal(cv) => format!("lognormal, cv {cv}"),
        };
        format!(
            "{} a request ({spread}), {} at a time in each instance, {} to start, seed {}",
            show_duration(self.service_time),
            self.slots,
            show_duration(self.start_time),
            self.seed
        )
    }

    /// Checks that the numbers make sense together, and gives a service without any target one: 70 % of its slots.
    pub fn checked(mut self) -> Result<Self, String> {
        let (min, max) = (self.scale.min, self.scale.max);
        let wrong = |said: String| Err(said);
        if max == 0 || max > 100_000 {
            return wrong(format!("max is {max}; it must be from 1 to 100000"));
        }
        if min > max {
            return wrong(format!("min is {min}, above max, which is {max}; raise max or lower min"));
        }
        if self.slots == 0 || self.slots > 1_000_000 {
            return wrong(format!("slots is {}; it must be from 1 to 1000000", self.slots));
        }
        if self.service_time.is_zero() {
            return wrong("service_time is 0; it must be above, such as 100ms".to_owned());
        }
        for (name, value) in [
            ("start_time", self.start_time),
            ("service_time", self.service_time),
            ("hold_timeout", self.hold_timeout),
        ] {
            if value > LONGEST {
                return wrong(format!("{name} is {}s; it must be at most 1h", value.as_secs()));
            }
        }
        if self.spread.cv() > 10.0 {
            return wrong(format!("cv is {}; it must be at most 10", self.spread.cv()));
        }
        if self.scale.targets == scale::Targets::default() {
            self.scale.targets.concurrency = Some((f64::from(self.slots) * AIM).max(1.0));
        }
        Ok(self)
    }
}
